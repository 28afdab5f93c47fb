"""The simulated hospitals: repeatable, plausible, as dirty as asked."""

import itertools
from collections import Counter
from datetime import datetime

from patient_analytics.rules import DEPARTMENTS
from patient_analytics.simulator import Anomalies, Event, Simulation, simulate

COLUMNS = {
    "event_id",
    "patient_id",
    "gender",
    "age",
    "department",
    "admission_time",
    "discharge_time",
    "bed_id",
    "hospital_id",
    "event_time",
}


def events(count: int, **anomalies: object) -> list[Event]:
    settings = Simulation(patients=300, anomalies=Anomalies(**anomalies))  # type: ignore[arg-type]
    return list(itertools.islice(simulate(settings), count))


def test_the_same_seed_gives_the_same_events() -> None:
    assert events(500, late=0.1, duplicate=0.1) == events(500, late=0.1, duplicate=0.1)


def test_events_have_the_agreed_columns() -> None:
    assert all(set(event) == COLUMNS for event in events(500))
    assert {event["department"] for event in events(500)} <= set(DEPARTMENTS)


def test_clean_events_come_in_order_and_once() -> None:
    times = [event["event_time"] for event in events(2000)]
    assert times == sorted(times)
    assert len({event["event_id"] for event in events(2000)}) == 2000


def test_a_patient_is_in_one_stay_at_a_time() -> None:
    open_stays: dict[str, str] = {}
    for event in events(3000):
        patient, admitted = event["patient_id"], event["admission_time"]
        assert open_stays.setdefault(patient, admitted) == admitted
        if event["discharge_time"]:
            assert event["discharge_time"] >= admitted
            del open_stays[patient]


def test_a_person_does_not_change() -> None:
    people: dict[str, set[tuple[object, object]]] = {}
    for event in events(3000):
        people.setdefault(event["patient_id"], set()).add((event["gender"], event["age"]))
    assert {len(seen) for seen in people.values()} == {1}


def test_shares_of_anomalies_are_about_what_was_asked() -> None:
    dirty = events(20_000, dirty_age=0.1, future_admission=0.05, duplicate=0.05)
    ages = sum(not 0 <= event["age"] <= 100 for event in dirty) / len(dirty)
    future = sum(datetime.fromisoformat(event["admission_time"]).year > 2900 for event in dirty)
    twice = sum(n > 1 for n in Counter(event["event_id"] for event in dirty).values())
    assert 0.08 < ages < 0.12
    assert 0.03 < future / len(dirty) < 0.07
    assert 0.03 < twice / len(dirty) < 0.07


def test_late_events_keep_their_time() -> None:
    times = [event["event_time"] for event in events(5000, late=0.1, late_by=100)]
    assert times != sorted(times)


def test_new_column_appears_midway() -> None:
    having = ["triage_level" in event for event in events(1000, new_column_after=400)]
    assert having == [False] * 400 + [True] * 600

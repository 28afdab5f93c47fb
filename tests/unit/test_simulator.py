"""The simulated hospitals: repeatable, plausible, as dirty as asked."""

import dataclasses
import itertools
import json
from collections import Counter
from datetime import datetime

import pytest

from patient_analytics.anomalies import KINDS, spread
from patient_analytics.rules import DEPARTMENTS
from patient_analytics.simulator import (
    SCENARIOS,
    Anomalies,
    Event,
    Message,
    Period,
    Simulation,
    after_outage,
    messages,
    simulate,
)
from patient_analytics.tasks.simulate import COLUMNS as FILE_COLUMNS

COLUMNS = {*FILE_COLUMNS.names}


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


def sent(count: int, *kinds: str, share: float = 1.0) -> list[Message]:
    settings = Simulation(patients=300, anomalies=spread(share, kinds))
    return list(itertools.islice(messages(settings), count))


def test_a_message_is_keyed_by_its_patient() -> None:
    for message in sent(500, "invalid_age"):
        assert message.key == json.loads(message.value)["patient_id"].encode()


def test_a_missing_key_is_a_missing_patient() -> None:
    assert {message.key for message in sent(50, "missing_key")} == {None}
    assert {json.loads(each.value)["patient_id"] for each in sent(50, "missing_key")} == {None}


def test_malformed_json_does_not_parse() -> None:
    for message in sent(200, "malformed_json"):
        with pytest.raises(ValueError, match=r"(?s)."):
            json.loads(message.value)


def test_a_department_typo_is_no_department() -> None:
    names = {json.loads(each.value)["department"] for each in sent(500, "department_typo")}
    assert not names & set(DEPARTMENTS)


def test_a_new_column_is_one_more() -> None:
    for message in sent(50, "new_column"):
        assert set(json.loads(message.value)) == {*COLUMNS, "triage_level"}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_marked_on_as_many_messages_as_asked(kind: str) -> None:
    marked = sum(kind in message.kinds for message in sent(4000, kind, share=0.2))
    assert 0.15 < marked / 4000 < 0.25


def test_share_is_spread_over_all_kinds() -> None:
    clean = sum(message.kinds == ("clean",) for message in sent(10_000, *KINDS, share=0.2))
    assert 0.78 < clean / 10_000 < 0.84


def test_an_end_ends_the_history() -> None:
    end = datetime(2026, 1, 2)
    history = list(simulate(Simulation(end=end, anomalies=spread(0.2, ["late", "duplicate"]))))
    assert max(event["event_time"] for event in history) <= end.isoformat()
    assert len(history) > len({event["event_id"] for event in history}) > 300


def test_an_end_takes_nothing_of_what_happened_before() -> None:
    end = datetime(2026, 1, 2)
    endless = itertools.takewhile(
        lambda event: event["event_time"] <= end.isoformat(), simulate(Simulation())
    )
    assert list(simulate(Simulation(end=end))) == list(endless)


def test_skew_gives_few_patients_most_events() -> None:
    def share_of_busiest(skew: float) -> float:
        settings = Simulation(patients=100_000, skew=skew)
        counts = Counter(e["hospital_id"] for e in itertools.islice(simulate(settings), 5000))
        return counts.most_common(1)[0][1] / 5000

    assert share_of_busiest(0.0) < 0.2
    assert share_of_busiest(3.0) > 0.5


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario_gives_plausible_events(name: str) -> None:
    assert {frozenset(each) for each in itertools.islice(simulate(SCENARIOS[name]), 500)} == {
        frozenset(COLUMNS)
    }


def test_surge_admits_more() -> None:
    calm = Simulation(end=datetime(2026, 1, 2))
    surge = dataclasses.replace(calm, surge=Period(6, 18))
    assert len(list(simulate(surge))) > 2 * len(list(simulate(calm)))


def test_outage_delays_and_loses_nothing() -> None:
    settings = Simulation(end=datetime(2026, 1, 2), outage=Period(6, 12))
    calm = list(simulate(dataclasses.replace(settings, outage=None)))
    late = list(after_outage(iter(calm), settings))
    held = [e for e in calm if e["hospital_id"] == "H01" and 6 <= hour_of(e) < 12]
    first_after = next(i for i, event in enumerate(late) if hour_of(event) >= 12)
    assert sorted(e["event_id"] for e in late) == sorted(e["event_id"] for e in calm)
    assert held
    assert late[first_after - len(held) : first_after] == held


def hour_of(event: Event) -> int:
    return datetime.fromisoformat(event["event_time"]).hour

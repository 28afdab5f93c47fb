"""A seeded source of hospital events: admissions, transfers and discharges of the same patients.

The stream is endless and needs memory only for the patients who are in hospital. The same seed
and settings give the same events. What does not live here: sending them anywhere.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from patient_analytics.rules import DEPARTMENTS

Event = dict[str, Any]

FUTURE = datetime(2999, 1, 1)


@dataclass(frozen=True)
class Anomalies:
    """Shares of events, 0 to 1, that are made dirty in one way or another.

    Attributes:
        dirty_age: an age no human has.
        future_admission: an admission time centuries ahead.
        duplicate: the event is sent a second time, a little later.
        late: the event is sent after up to `late_by` events that happened after it.
        new_column_after: number of events after which all carry `triage_level`; None for never.
    """

    dirty_age: float = 0.0
    future_admission: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    late_by: int = 200
    new_column_after: int | None = None


@dataclass(frozen=True)
class Simulation:
    """Settings of a simulated hospital group.

    Attributes:
        start: when the first patient is admitted (UTC, without time zone).
        patients: how many people there are; they come back.
        minutes_between_admissions: mean time between two admissions, all hospitals together.
    """

    seed: int = 7
    start: datetime = datetime(2026, 1, 1)
    patients: int = 5000
    hospitals: int = 7
    minutes_between_admissions: float = 4.0
    anomalies: Anomalies = field(default_factory=Anomalies)


def simulate(simulation: Simulation) -> Iterator[Event]:
    """Give events without end, in the order in which they reach the broker."""
    dice = random.Random(simulation.seed)  # noqa: S311 - simulated people, no secrets
    clean = _numbered(_history(simulation, dice), simulation)
    return _disturbed(clean, simulation.anomalies, dice)


def _history(simulation: Simulation, dice: random.Random) -> Iterator[Event]:
    """Give what happens in the hospitals, in the order of time."""
    now = simulation.start
    order = itertools.count()
    coming: list[tuple[datetime, int, Event]] = []
    inside: set[int] = set()
    while True:
        now += timedelta(seconds=round(dice.expovariate(1.0) * _mean_seconds(simulation)) + 1)
        while coming and coming[0][0] <= now:
            event = heapq.heappop(coming)[2]
            if event["discharge_time"]:
                inside.discard(int(event["patient_id"][1:]))
            yield event
        patient = dice.randrange(simulation.patients)
        if patient in inside:
            continue
        inside.add(patient)
        for event in _stay(patient, now, simulation, dice):
            heapq.heappush(coming, (_time(event["event_time"]), next(order), event))


def _mean_seconds(simulation: Simulation) -> float:
    return simulation.minutes_between_admissions * 60


def _stay(
    patient: int, admitted: datetime, simulation: Simulation, dice: random.Random
) -> Iterator[Event]:
    """Give the events of one stay: admission, up to two transfers, discharge."""
    person = random.Random(f"{simulation.seed}/{patient}")  # noqa: S311 - the same each time
    base: Event = {
        "patient_id": f"P{patient:06d}",
        "gender": person.choice(["female", "male"]),
        "age": person.randint(0, 100),
        "admission_time": admitted.isoformat(),
        "discharge_time": None,
        "hospital_id": f"H{dice.randrange(simulation.hospitals) + 1:02d}",
    }
    moment = admitted
    for _ in range(1 + dice.choice([0, 0, 1, 1, 2])):
        last = {
            **base,
            "department": dice.choice(DEPARTMENTS),
            "bed_id": f"B{dice.randrange(500):03d}",
            "event_time": moment.isoformat(),
        }
        yield last
        moment += timedelta(minutes=dice.randint(30, 4000))
    yield {**last, "event_time": moment.isoformat(), "discharge_time": moment.isoformat()}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _numbered(events: Iterator[Event], simulation: Simulation) -> Iterator[Event]:
    after = simulation.anomalies.new_column_after
    for number, event in enumerate(events):
        complete = {"event_id": f"E{simulation.seed:03d}-{number:09d}", **event}
        if after is not None and number >= after:
            complete["triage_level"] = 1 + number % 5
        yield complete


def _disturbed(
    events: Iterator[Event], anomalies: Anomalies, dice: random.Random
) -> Iterator[Event]:
    held: list[tuple[int, int, Event]] = []  # (position at which it is sent, tie, event)
    position = 0
    ties = itertools.count()
    for event in events:
        while held and held[0][0] <= position:
            yield heapq.heappop(held)[2]
            position += 1
        dirty = _dirtied(event, anomalies, dice)
        if dice.random() < anomalies.duplicate:
            heapq.heappush(held, (position + dice.randint(1, 50), next(ties), dirty))
        if dice.random() < anomalies.late:
            delay = dice.randint(1, anomalies.late_by)
            heapq.heappush(held, (position + delay, next(ties), dirty))
            continue
        yield dirty
        position += 1


def _dirtied(event: Event, anomalies: Anomalies, dice: random.Random) -> Event:
    if dice.random() < anomalies.dirty_age:
        return {**event, "age": dice.choice([-1, 101, 150, 999])}
    if dice.random() < anomalies.future_admission:
        ahead = FUTURE + timedelta(days=dice.randint(0, 365))
        return {**event, "admission_time": ahead.isoformat()}
    return event

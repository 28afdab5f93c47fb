"""A seeded source of hospital events: admissions, transfers and discharges of the same patients.

The stream is endless, unless the simulation has an end, and needs memory only for the patients who
are in hospital. The same seed and settings give the same events. What does not live here: how
events are spoilt (`anomalies`), sending them anywhere (`sender`).
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from patient_analytics.anomalies import CLEAN, MALFORMED, Anomalies, Event, Marked, disturbed
from patient_analytics.rules import DEPARTMENTS

__all__ = ["SCENARIOS", "Anomalies", "Event", "Message", "Period", "Simulation"]
__all__ += ["after_outage", "messages", "simulate"]


class Message(NamedTuple):
    """What goes to a broker: the patient's id as key, the event as JSON, what was done to it."""

    key: bytes | None
    value: bytes
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Period:
    """A time of trouble, in hours since the simulation's start."""

    from_hour: float
    to_hour: float

    def covers(self, moment: datetime, start: datetime) -> bool:
        """Whether `moment` lies in it."""
        return self.from_hour <= (moment - start) / timedelta(hours=1) < self.to_hour


@dataclass(frozen=True)
class Simulation:
    """Settings of a simulated hospital group.

    Attributes:
        start: when the first patient is admitted (UTC, without time zone).
        end: nothing happens after it; None for no end.
        patients: how many people there are; they come back.
        minutes_between_admissions: mean time between two admissions, all hospitals together.
        skew: 0 when people and hospitals are equally busy; the larger, the more of all events
            belong to few of them.
        surge: when eight times as many patients are admitted.
        outage: when the first hospital sends nothing; it sends all of it afterwards.
    """

    seed: int = 7
    start: datetime = datetime(2026, 1, 1)
    end: datetime | None = None
    patients: int = 5000
    hospitals: int = 7
    minutes_between_admissions: float = 4.0
    skew: float = 0.0
    surge: Period | None = None
    outage: Period | None = None
    anomalies: Anomalies = field(default_factory=Anomalies)


SCENARIOS = {
    "small": Simulation(patients=200, hospitals=2, minutes_between_admissions=30.0),
    "medium": Simulation(),
    "large": Simulation(patients=200_000, hospitals=40, minutes_between_admissions=0.2),
    "outage": Simulation(outage=Period(6, 12)),
    "surge": Simulation(surge=Period(6, 18)),
}
"""Simulations by name."""

_SURGE = 8


def simulate(simulation: Simulation) -> Iterator[Event]:
    """Return events in the order in which they reach the broker, without end when there is none.

    An event that is to be malformed is given as it was before: only `messages` spoils its text.
    """
    return (marked.event for marked in _marked(simulation))


def messages(simulation: Simulation) -> Iterator[Message]:
    """Return what to send to a broker, in order; a patient's events all have the same key.

    Example:
        >>> next(messages(Simulation())).kinds
        ('clean',)
    """
    for event, kinds in _marked(simulation):
        patient = event["patient_id"]
        text = json.dumps(event, separators=(",", ":"))
        if MALFORMED in kinds:
            text = text[: len(text) * 2 // 3]
        yield Message(patient and patient.encode(), text.encode(), kinds or (CLEAN,))


def _marked(simulation: Simulation) -> Iterator[Marked]:
    dice = random.Random(simulation.seed)  # noqa: S311 - simulated people, no secrets
    history = after_outage(_history(simulation, dice), simulation)
    return disturbed(_numbered(history, simulation), simulation.anomalies, dice, simulation.seed)


def _history(simulation: Simulation, dice: random.Random) -> Iterator[Event]:
    """Return what happens in the hospitals, in the order of time."""
    now = simulation.start
    order = itertools.count()
    coming: list[tuple[datetime, int, Event]] = []
    inside: set[int] = set()
    while True:
        mean_seconds = _mean_seconds(simulation, now)
        now += timedelta(seconds=round(dice.expovariate(1.0) * mean_seconds) + 1)
        if simulation.end is not None and now > simulation.end:
            yield from (event for at, _, event in sorted(coming) if at <= simulation.end)
            return
        while coming and coming[0][0] <= now:
            event = heapq.heappop(coming)[2]
            if event["discharge_time"]:
                inside.discard(int(event["patient_id"][1:]))
            yield event
        patient = _drawn(simulation.patients, simulation, dice)
        if patient in inside:
            continue
        inside.add(patient)
        for event in _stay(patient, now, simulation, dice):
            heapq.heappush(coming, (_time(event["event_time"]), next(order), event))


def _mean_seconds(simulation: Simulation, now: datetime) -> float:
    seconds = simulation.minutes_between_admissions * 60
    is_surge = simulation.surge is not None and simulation.surge.covers(now, simulation.start)
    return seconds / _SURGE if is_surge else seconds


def _drawn(count: int, simulation: Simulation, dice: random.Random) -> int:
    """Draw a number below `count`; with skew, low numbers come more often."""
    if simulation.skew == 0:
        return dice.randrange(count)
    return int(count * dice.random() ** (1 + simulation.skew))


def _stay(
    patient: int, admitted: datetime, simulation: Simulation, dice: random.Random
) -> Iterator[Event]:
    """Return the events of one stay: admission, up to two transfers, discharge."""
    person = random.Random(f"{simulation.seed}/{patient}")  # noqa: S311 - the same each time
    base: Event = {
        "patient_id": f"P{patient:06d}",
        "gender": person.choice(["female", "male"]),
        "age": person.randint(0, 100),
        "admission_time": admitted.isoformat(),
        "discharge_time": None,
        "hospital_id": f"H{_drawn(simulation.hospitals, simulation, dice) + 1:02d}",
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


def after_outage(events: Iterator[Event], simulation: Simulation) -> Iterator[Event]:
    """Hold back what the first hospital has to say during an outage until that is over."""
    outage = simulation.outage
    if outage is None:
        yield from events
        return
    over = simulation.start + timedelta(hours=outage.to_hour)
    held: list[Event] = []
    for event in events:
        moment = _time(event["event_time"])
        if moment >= over:
            yield from held
            held.clear()
        if event["hospital_id"] == "H01" and outage.covers(moment, simulation.start):
            held.append(event)
        else:
            yield event
    yield from held


def _numbered(events: Iterator[Event], simulation: Simulation) -> Iterator[Event]:
    after = simulation.anomalies.new_column_after
    for number, event in enumerate(events):
        complete = {"event_id": f"E{simulation.seed:03d}-{number:09d}", **event}
        if after is not None and number >= after:
            complete["triage_level"] = 1 + number % 5
        yield complete

"""How simulated events are spoilt: wrong values, wrong order, wrong shape, and how much of each.

Every spoilt event is marked with what was done to it, so that what a pipeline drops, quarantines
and keeps can be held against what was sent. What does not live here: the events (`simulator`).
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Event = dict[str, Any]

FUTURE = datetime(2999, 1, 1)
CLEAN = "clean"
MALFORMED = "malformed_json"

KINDS = {
    "invalid_age": "dirty_age",
    "future_admission": "future_admission",
    "duplicate": "duplicate",
    "late": "late",
    "missing_key": "missing_key",
    MALFORMED: "malformed",
    "new_column": "new_column",
    "department_typo": "department_typo",
}
"""Kinds of anomalies, and the field of `Anomalies` that holds their share."""


@dataclass(frozen=True)
class Anomalies:
    """Shares of events, 0 to 1, that are made dirty in one way or another.

    An event gets at most one of the wrong values and shapes; it may be late or a duplicate as well.

    Attributes:
        dirty_age: an age no human has.
        future_admission: an admission time centuries ahead.
        duplicate: the event is sent a second time, a little later.
        late: the event is sent after up to `late_by` events that happened after it.
        new_column_after: number of events after which all carry `triage_level`; None for never.
        missing_key: no patient id, so that the message has no key.
        malformed: JSON that breaks off.
        new_column: an event that carries `triage_level`.
        department_typo: a department that no hospital has.
    """

    dirty_age: float = 0.0
    future_admission: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    late_by: int = 200
    new_column_after: int | None = None
    missing_key: float = 0.0
    malformed: float = 0.0
    new_column: float = 0.0
    department_typo: float = 0.0


def spread(share: float, kinds: Sequence[str] = tuple(KINDS)) -> Anomalies:
    """Spread a share of events evenly over kinds of anomalies, all when none are named.

    Raises:
        KeyError: a kind that is not in `KINDS`.
    """
    shares: dict[str, Any] = {KINDS[kind]: share / len(kinds) for kind in kinds}
    return Anomalies(**shares)


class Marked(NamedTuple):
    """An event, and which kinds of anomalies it has."""

    event: Event
    kinds: tuple[str, ...] = ()


def disturbed(
    events: Iterator[Event], anomalies: Anomalies, dice: random.Random, seed: int
) -> Iterator[Marked]:
    """Spoil events and their order; all that was held back comes when `events` end."""
    held: list[tuple[int, int, Marked]] = []  # (position at which it is sent, tie, event)
    position = 0
    ties = itertools.count()
    spoil = _Spoiler(anomalies, dice, seed)
    for event in events:
        while held and held[0][0] <= position:
            yield heapq.heappop(held)[2]
            position += 1
        dirty = spoil(event)
        if dice.random() < anomalies.duplicate:
            again = Marked(dirty.event, (*dirty.kinds, "duplicate"))
            heapq.heappush(held, (position + dice.randint(1, 50), next(ties), again))
        if dice.random() < anomalies.late:
            delay = dice.randint(1, anomalies.late_by)
            late = Marked(dirty.event, (*dirty.kinds, "late"))
            heapq.heappush(held, (position + delay, next(ties), late))
            continue
        yield dirty
        position += 1
    yield from (marked for _, _, marked in sorted(held, key=lambda each: each[:2]))


class _Spoiler:
    """Spoils one event after the other, each in at most one way."""

    def __init__(self, anomalies: Anomalies, dice: random.Random, seed: int) -> None:
        self._anomalies = anomalies
        self._dice = dice
        self._own_dice = random.Random(f"{seed}/anomalies")  # noqa: S311 - no secret
        ways: dict[str, Callable[[Event], Event]] = {
            "missing_key": lambda event: {**event, "patient_id": None},
            MALFORMED: lambda event: event,
            "new_column": self._with_new_column,
            "department_typo": self._misspelt,
        }
        self._ways = [(kind, getattr(anomalies, KINDS[kind]), how) for kind, how in ways.items()]

    def __call__(self, event: Event) -> Marked:
        kinds = ("new_column",) if "triage_level" in event else ()
        dice = self._dice
        if dice.random() < self._anomalies.dirty_age:
            return Marked(
                {**event, "age": dice.choice([-1, 101, 150, 999])}, (*kinds, "invalid_age")
            )
        if dice.random() < self._anomalies.future_admission:
            ahead = FUTURE + timedelta(days=dice.randint(0, 365))
            spoilt = {**event, "admission_time": ahead.isoformat()}
            return Marked(spoilt, (*kinds, "future_admission"))
        drawn = self._own_dice.random()
        for kind, share, how in self._ways:
            if drawn < share:
                return Marked(how(event), kinds if kind in kinds else (*kinds, kind))
            drawn -= share
        return Marked(event, kinds)

    def _with_new_column(self, event: Event) -> Event:
        return {**event, "triage_level": self._own_dice.randint(1, 5)}

    def _misspelt(self, event: Event) -> Event:
        """Swap two letters of the department."""
        name = event["department"]
        at = self._own_dice.randrange(1, len(name) - 1)
        if name[at] == name[at + 1]:  # swapping twins changes nothing
            return {**event, "department": name + name[-1]}
        return {**event, "department": name[:at] + name[at + 1] + name[at] + name[at + 2 :]}

"""Who is insured by whom and when: the rows of payer_transitions.csv.

Spans are half-open and follow each other without a gap from a person's first day; the last runs
past the end of all, and past death. What does not live here: what insurers pay (`ledger`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from claims_analytics.generator.moments import DAY, WEEK, YEAR, month, text
from claims_analytics.generator.payers import (
    FIRST_PRIVATE,
    MEDICAID,
    MEDICARE,
    NO_INSURANCE,
    PAYERS,
)
from claims_analytics.generator.people import Ids, Person

_BOOKED = 52 * WEEK  # the last span


@dataclass(frozen=True)
class Span:
    """A time with one insurer, or with none; `secondary` is the number of a payer, 0 for none."""

    start: int
    end: int
    payer: int
    secondary: int = 0
    member: str = ""
    ownership: str = ""
    owner: str = ""

    def row(self, patient: str) -> str:
        """Return the row of payer_transitions.csv."""
        second = PAYERS[self.secondary].id if self.secondary else ""
        return (
            f"{patient},{self.member},{text(self.start)},{text(self.end)},{PAYERS[self.payer].id}"
            f",{second},{self.ownership},{self.owner}"
        )


def spans_of(person: Person, dice: random.Random, new_id: Ids, *, odd: bool) -> list[Span]:
    """Make the insurance history of a person.

    Args:
        odd: a person who enrols in the last weeks gets a span of zero length, as Synthea's.
    """
    habit, member = dice.random(), new_id()
    owner = f"{person.name} {person.family}"
    until = person.last + WEEK + DAY  # a death certificate comes a week later
    found: list[Span] = []
    start = person.first_day
    while start <= until:
        length = YEAR if dice.random() < 0.9 else WEEK * dice.randrange(30, 52)
        end = start + (length if start + length <= until else _BOOKED)
        if odd and start > person.last - 3 * WEEK and person.death is None and not found:
            end = start
        payer, secondary = _insurer(person, start, habit, dice)
        if payer == NO_INSURANCE:
            found.append(Span(start, end, payer))
        else:
            if payer != MEDICAID:
                member = new_id()
            ownership, name = _owner(person, start, dice, owner)
            found.append(Span(start, end, payer, secondary, member, ownership, name))
        if end == start:
            break
        start = end
    return found


def _insurer(person: Person, start: int, habit: float, dice: random.Random) -> tuple[int, int]:
    """Draw an insurer and a secondary one: who is poor stays so, the old have Medicare."""
    drawn = dice.random()
    if person.age(start) >= 65:
        if drawn < 0.15:
            return NO_INSURANCE, 0
        return MEDICARE, _private(dice) if drawn < 0.4 else 0
    if habit < 0.18:
        return (MEDICAID if drawn < 0.92 else NO_INSURANCE), 0
    if drawn < (0.5 if habit > 0.85 else 0.12):
        return NO_INSURANCE, 0
    return _private(dice), 0


def _private(dice: random.Random) -> int:
    return FIRST_PRIVATE + int(dice.random() * (len(PAYERS) - FIRST_PRIVATE))


def _owner(person: Person, start: int, dice: random.Random, own: str) -> tuple[str, str]:
    if person.age(start) < 18:
        return "Guardian", f"Parent{dice.randrange(1000)} {person.family}"
    if dice.random() < 0.1:
        return "Spouse", f"Spouse{dice.randrange(1000)} {person.family}"
    return "Self", own


def months_covered(spans: list[Span], last: int) -> dict[int, int]:
    """Return the insurer of each month of membership: the one who came last in it.

    Args:
        last: a moment of the last month that counts, in which a person died or all ends; a plan
            that begins later in that month counts.
    """
    payer_of: dict[int, int] = {}
    for span in spans:
        if span.payer != NO_INSURANCE and span.start < span.end:
            for number in range(month(span.start), min(month(span.end - 1), month(last)) + 1):
                payer_of[number] = span.payer
    return payer_of

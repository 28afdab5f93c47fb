"""Persons that do not exist, for tests: no names of real people, the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

_GIVEN = ("Alba", "Bruno", "Celia", "Dario", "Edda", "Falk", "Greta", "Henno")
_FAMILY = ("Ashfield", "Birkmoor", "Calderby", "Dunwick", "Elmstead", "Farrowgate")
_FIRST_BIRTH = date(1930, 1, 1)
_DAYS_OF_BIRTH = 34_000


@dataclass(frozen=True)
class Person:
    """A person that does not exist."""

    given_name: str
    family_name: str
    birth_date: date


def fake_person(seed: int) -> Person:
    """Return a person; the same one for the same seed, on every machine.

    Example:
        >>> fake_person(7) == fake_person(7)
        True
    """
    dice = random.Random(seed)  # noqa: S311 - no secrets
    born = _FIRST_BIRTH + timedelta(days=dice.randrange(_DAYS_OF_BIRTH))
    return Person(dice.choice(_GIVEN), dice.choice(_FAMILY), born)

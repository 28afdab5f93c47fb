"""Organizations and providers: a fixed number of each, named by the seed.

Their UTILIZATION is known only at the end; they are written last. What does not live here: who
goes where (`visits`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from claims_analytics.generator import names

ORGANIZATIONS = 64
HOSPITALS = 16  # the first ones; the next are urgent care centres, the others see patients daily
URGENT_CARE = 8
_PROVIDERS_MOST = 5


@dataclass(frozen=True)
class Place:
    """An organization and the ids of its providers; the first one sees its patients."""

    id: str
    name: str
    address: str
    phone: str
    providers: tuple[str, ...]

    def row(self, visits: int) -> str:
        """Return the row of organizations.csv."""
        return f"{self.id},{self.name},{self.address},{self.phone},0.0,{visits}"


def places_of(seed: int) -> list[Place]:
    """Make all organizations: hospitals, then urgent care centres, then practices."""
    dice = random.Random(f"{seed}/places")  # noqa: S311 - no secret
    return [_place(number, dice) for number in range(ORGANIZATIONS)]


def provider_rows(places: list[Place], seed: int, visits: dict[str, int]) -> list[str]:
    """Return the rows of providers.csv; names repeat, some have letters beyond ASCII.

    Args:
        visits: encounters by id of the provider.
    """
    dice = random.Random(f"{seed}/providers")  # noqa: S311 - no secret
    rows = []
    for place in places:
        for number, provider in enumerate(place.providers):
            is_female = dice.random() < 0.5
            first = dice.choice(names.WOMEN if is_female else names.MEN)
            name = f"{first}{dice.randrange(9)} {dice.choice(names.FAMILIES)}{dice.randrange(9)}"
            speciality = names.SPECIALITIES[min(number, len(names.SPECIALITIES) - 1)]
            sex = "F" if is_female else "M"
            count = visits.get(provider, 0)
            facts = f"{name},{sex},{speciality},{place.address}"
            rows.append(f"{provider},{place.id},{facts},{count}")
    return rows


def _place(number: int, dice: random.Random) -> Place:
    town, _, code = dice.choice(names.TOWNS)
    kind = 0 if number < HOSPITALS else 2 if number < HOSPITALS + URGENT_CARE else 3
    name = f"{town} {names.CARE[kind]} {number}".upper()
    street = f"{dice.randrange(1, 900)} {dice.choice(names.STREETS)} ST".upper()
    digits = code or "02101"
    shown = (digits, digits, digits.lstrip("0"), f"{digits}-{dice.randrange(1000, 10000)}")[
        number % 4
    ]
    lat, lon = 41.5 + dice.randrange(10**6) / 10**6, -73.3 + dice.randrange(3 * 10**6) / 10**6
    line = f"{dice.randrange(200, 1000)}555{dice.randrange(100, 200):04d}"
    phone = (line, f"{line[:3]}-{line[3:6]}-{line[6:]}", line, "")[number % 4]
    address = f"{street},{town.upper()},MA,{shown},{lat!r},{lon!r}"
    providers = tuple(_id(dice) for _ in range(dice.randrange(1, _PROVIDERS_MOST + 1)))
    return Place(_id(dice), name, address, phone, providers)


def _id(dice: random.Random) -> str:
    drawn = f"{dice.getrandbits(128):032x}"
    return f"{drawn[:8]}-{drawn[8:12]}-{drawn[12:16]}-{drawn[16:20]}-{drawn[20:]}"

"""Who the patients are: birth, death, name and address, each from the seed and a number alone.

What does not live here: what insures them (`coverage`) and what happens to them (`visits`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from claims_analytics.generator import names
from claims_analytics.generator.moments import DAY, WEEK, at, day
from claims_analytics.generator.options import Options

_SHARE_OF_DEATHS = 0.06
_TWINS = 50  # one in so many people has birth date, sex, race and address of the one before


class Ids:
    """Ids of one patient's rows: a random beginning and a number, like Synthea's in length."""

    def __init__(self, dice: random.Random) -> None:
        drawn = f"{dice.getrandbits(80):020x}"
        self._base = f"{drawn[:8]}-{drawn[8:12]}-{drawn[12:16]}-{drawn[16:]}-"
        self._next = dice.getrandbits(40)

    def __call__(self) -> str:
        """Return the next id."""
        self._next += 1
        return f"{self._base}{self._next:012x}"


@dataclass(frozen=True)
class Person:
    """A patient.

    Attributes:
        birth: the moment of birth; its time of day is that of most visits.
        death: the moment of death, None for the living.
        first_day: when the generated history may begin.
        last: when it ends, by death or by the end of all.
        facts: the columns of patients.csv between DEATHDATE and HEALTHCARE_EXPENSES.
    """

    number: int
    id: str
    birth: int
    death: int | None
    first_day: int
    last: int
    is_female: bool
    name: str
    family: str
    facts: str

    def age(self, moment: int) -> int:
        """Return the years of age at a moment."""
        return int((moment - self.birth) / (365.2425 * DAY))

    def row(self, expenses: float, coverage: float) -> str:
        """Return the row of patients.csv."""
        death = day(self.death) if self.death is not None else ""
        return f"{self.id},{day(self.birth)},{death},{self.facts},{expenses!r},{coverage!r}"


def person(options: Options, number: int, dice: random.Random, new_id: Ids) -> Person:
    """Make the person of a number.

    Args:
        dice: belongs to this person, and is used further.
    """
    origin = _origin(options, number)
    start, end = at(options.start_date), at(options.end_date)
    birth, is_female = _birth(origin, end), origin.random() < 0.5
    race, home = origin.choice(names.RACES), _home(origin)
    first_day = start + (birth - start) % WEEK if birth < start else birth + WEEK
    death = None
    if dice.random() < _SHARE_OF_DEATHS:
        late = first_day + int(dice.random() ** 0.5 * (end - first_day)) // WEEK * WEEK
        death = late if first_day + 8 * WEEK < late < end - 3 * WEEK else None
    name = f"{dice.choice(names.WOMEN if is_female else names.MEN)}{dice.randrange(1000)}"
    family = f"{dice.choice(names.FAMILIES)}{dice.randrange(1000)}"
    last = end if death is None else death
    age = int((last - birth) / (365.2425 * DAY))
    titles = _titles(dice, age, is_female, f"{name},{family}")
    sex = "F" if is_female else "M"
    kin = "hispanic" if dice.random() < 0.1 else "nonhispanic"
    born = dice.choice(names.TOWNS)[0]
    facts = f"{titles},{race},{kin},{sex},{born}  Massachusetts  US,{home}"
    return Person(
        number, new_id(), birth, death, first_day, last, is_female, name, family, facts
    )  # fmt: skip


def _origin(options: Options, number: int) -> random.Random:
    """Return the dice for birth and home; a twin's are those of the person before."""
    shared = number - 1 if number % _TWINS == 0 and number > 1 else number
    return random.Random(f"{options.seed}/{shared}/home")  # noqa: S311 - no secret


def _birth(dice: random.Random, end: int) -> int:
    years = 97 * dice.random() ** 1.2
    days = int(years * 365.2425) + 3 * 7
    return end - days * DAY + dice.randrange(DAY)


def _titles(dice: random.Random, age: int, is_female: bool, name: str) -> str:
    """Return SSN to MARITAL; children have neither papers nor a title."""
    ssn = f"999-{dice.randrange(10, 100)}-{dice.randrange(1000, 10000)}"
    if age < 18:
        return f"{ssn},,,,{name},,,"
    drivers, passport = dice.randrange(10000, 100000), dice.randrange(10**7, 10**8)
    is_married = dice.random() < 0.6
    prefix = ("Mrs." if is_married else "Ms.") if is_female else "Mr."
    maiden = ""
    if is_female and is_married:
        maiden = f"{dice.choice(names.FAMILIES)}{dice.randrange(1000)}"
    marital = "M" if is_married else "S"
    papers = f"S999{drivers},X{passport}X"
    return f"{ssn},{papers},{prefix},{name},,{maiden},{marital}"


def _home(dice: random.Random) -> str:
    """Return ADDRESS to LON."""
    street = f"{dice.randrange(1, 1200)} {dice.choice(names.STREETS)} {dice.choice(names.ENDINGS)}"
    town, county, code = dice.choice(names.TOWNS)
    lat, lon = 41.5 + dice.random(), -73.3 + 3 * dice.random()
    return f"{street},{town},Massachusetts,{county},{code},{lat!r},{lon!r}"

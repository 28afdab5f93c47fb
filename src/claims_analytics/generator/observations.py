"""Observations: measures, answers and scores of the last exported year.

What does not live here: who is observed, and when (`charts`).
"""

from __future__ import annotations

import random

from claims_analytics.generator import codes
from claims_analytics.generator.moments import DAY, text
from claims_analytics.generator.people import Person


def observe(start: str, keys: str, dice: random.Random) -> list[str]:
    """Return the rows of a check-up: vital signs, often laboratory values, answers."""
    rows = [_measure(start, keys, "vital-signs", each, dice) for each in codes.VITALS]
    if dice.random() < 0.5:
        rows += [_measure(start, keys, "laboratory", each, dice) for each in codes.LABS]
    for code, question, answers in codes.SURVEYS:
        answer = answers[int(dice.random() * len(answers))]
        rows.append(f"{start},{keys},survey,{code},{question},{answer},,text")
    return rows


def observe_death(start: str, keys: str) -> str:
    """Return the row of a death certificate; Synthea writes `null` as its unit."""
    name = "Cause of Death [US Standard Certificate of Death]"
    return f"{start},{keys},exam,69453-9,{name},{codes.INFARCTION.text},null,text"


def quality_of_life(who: Person, end: int, dice: random.Random) -> tuple[int, list[str]]:
    """Return a score in tenths, and the rows of the last birthday, which belong to no encounter."""
    score = 10 - int(dice.random() * 4)
    years = who.age(min(who.last, end))
    birthday = who.birth + int(years * 365.2425) * DAY
    if not years or birthday < who.first_day:
        return score, []
    lost = int(dice.random() * years)
    head = f"{text(birthday)},{who.id},,,"
    return score, [
        f"{head}QALY,QALY,{years - lost / 10:.1f},a,numeric",
        f"{head}DALY,DALY,{lost / 10:.1f},a,numeric",
        f"{head}QOLS,QOLS,{score / 10:.1f},{{score}},numeric",
    ]


def _measure(
    start: str, keys: str, category: str, what: tuple[str, str, str, int, int], dice: random.Random
) -> str:
    code, name, unit, low, high = what
    value = low + int(dice.random() * (high - low))
    return f"{start},{keys},{category},{code},{name},{value // 10}.{value % 10},{unit},numeric"

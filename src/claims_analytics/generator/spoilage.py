"""Rows and bytes that no rule may let pass: spoilt lines, unreadable dates, missing keys.

Rows that a rule drops come on top of the sound ones, so that control totals agree once they are
dropped. Which person gets what follows from the person's number. What does not live here: what is
odd, but Synthea's own (`oddities`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

Rows = dict[str, list[str]]

ENCODINGS = {"providers": "latin-1"}
"""Files that are not in UTF-8, as they should be."""

NO_DAY = "2023-02-30T10:00:00Z"
NO_MONTH = "2023-13-01T10:00:00Z"
NO_ORDER = "31/12/2023"
NO_DATE = "0000-00-00"


class Spoilt:
    """Counts what was spoilt.

    Attributes:
        dropped: rows by table and the rule that drops them, as `encounters.start_parses`.
        damaged: lines that stay, by what is wrong with them.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.damaged: Counter[str] = Counter()

    def spoil(self, number: int, rows: Rows) -> None:
        """Spoil the rows of one person in place, by the person's number."""
        self._damage(number, rows)
        for remainder, table, rule, columns in _DROPPED:
            if number % _PERIOD == remainder and rows[table]:
                self.dropped[f"{table}.{rule}"] += 1
                values = rows[table][-1].split(",")
                for column, value in columns.items():
                    values[column] = value(values[column])
                rows[table].append(",".join(values))

    def count_letters(self, rows: list[str]) -> None:
        """Count lines with letters beyond ASCII of a file in a wrong encoding."""
        self.damaged["wrong_encoding"] += sum(not row.isascii() for row in rows)

    def _damage(self, number: int, rows: Rows) -> None:
        observations, conditions = rows["observations"], rows["conditions"]
        if observations and number % 9 == 4:
            observations[-1] += ",surplus"
            self.damaged["ragged_long"] += 1
        if observations and number % 9 == 5:
            observations[-1] = observations[-1].rpartition(",")[0]
            self.damaged["ragged_short"] += 1
        if conditions and number % 9 == 6:
            start, _, rest = conditions[-1].split(",", 2)
            conditions[-1] = f"{start},{NO_DATE},{rest}"
            self.damaged["unreadable_stop"] += 1


def _fixed(text: str) -> Callable[[str], str]:
    return lambda _: text


def _new_id(known: str) -> str:
    """Make an id that differs from a known one in its first digit, whatever that is."""
    return f"{(int(known[0], 16) + 8) % 16:x}{known[1:]}"


_EMPTY = _fixed("")
_PERIOD = 10
_DROPPED: tuple[tuple[int, str, str, dict[int, Callable[[str], str]]], ...] = (
    (4, "encounters", "start_parses", {0: _new_id, 1: _fixed(NO_DAY)}),
    (9, "encounters", "encounter_id_present", {0: _EMPTY}),
    (0, "medications", "start_parses", {0: _fixed(NO_ORDER)}),
    (5, "medications", "code_present", {5: _EMPTY}),
    (0, "procedures", "start_parses", {0: _fixed(NO_MONTH)}),
    (5, "procedures", "patient_id_present", {2: _EMPTY}),
    (1, "claims_transactions", "claim_id_present", {0: _new_id, 1: _EMPTY}),
    (2, "claims_transactions", "type_known", {0: _new_id, 4: _fixed("REVERSAL")}),
    (3, "claims_transactions", "money_parses", {0: _new_id, 23: _fixed("N/A")}),
    (6, "claims_transactions", "patient_id_present", {0: _new_id, 3: _EMPTY}),
)
"""Remainder of the person's number, table, rule that drops the row, and what is changed.

Numbers differ from those of people whose encounters, prescriptions and procedures come again or
late in `deliveries`, so that a dropped row comes once.
"""

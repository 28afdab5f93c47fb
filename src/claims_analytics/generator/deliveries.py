"""The same rows in several deliveries: a history, then waves of the last year.

Delivery 1 holds all that happened until a part of the last year has passed, and what belongs to
no time; each further one holds the next part. Some rows of delivery 1 are wrong, and come again as
they should be in delivery 2, some come late, and some people move before delivery 3; the latest
version of every row is what a run without deliveries writes. What does not live here: files and
their columns (`files`).
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections import Counter
from datetime import timedelta
from pathlib import Path
from types import TracebackType

from claims_analytics.generator.files import TABLES, Folder
from claims_analytics.generator.ledger import money
from claims_analytics.generator.options import Options

TIME_OF = {
    "allergies": 0,
    "careplans": 1,
    "claims": 18,
    "conditions": 0,
    "devices": 0,
    "encounters": 1,
    "imaging_studies": 1,
    "immunizations": 0,
    "medications": 0,
    "observations": 0,
    "procedures": 0,
    "supplies": 0,
}
"""Which column decides the delivery of a row; transactions follow the header of their claim."""

TIMELESS = tuple(table for table in TABLES if table not in {*TIME_OF, "claims_transactions"})
AGAIN = "patients"
NEW_COLUMN = ("STATUS", "final")
_FORMER_HOME = {16: "1 Former Road", 17: "Old Town", 19: "Former County", 20: "01001"}
_COST, _DISPENSES, _TOTAL, _BASE = 11, 9, 10, 7
_WRONG_CENTS = 1000

Waves = list[list[str]]


class Deliveries:
    """Folders `delivery_1`, `delivery_2`, ... of a folder.

    Attributes:
        counts: what comes late or corrected in delivery 2, and who has moved in delivery 3.
    """

    def __init__(self, path: Path, options: Options, encodings: dict[str, str]) -> None:
        number = options.deliveries
        step = (options.end_date - options.complete_from) / number
        starts = [options.complete_from + step * part for part in range(1, number)]
        self._bounds = [(start + timedelta(days=1)).isoformat() for start in starts]
        self._paths = [path / f"delivery_{part}" for part in range(1, number + 1)]
        self._folders = [
            self._open(part, options.version, encodings) for part in range(1, number + 1)
        ]
        self.counts: Counter[str] = Counter()

    def _open(self, part: int, version: str, encodings: dict[str, str]) -> Folder:
        timed = [table for table in TABLES if table not in TIMELESS]
        tables = TABLES if part == 1 else [*timed, AGAIN] if part == 3 else timed
        extra = {"observations": NEW_COLUMN} if part == 3 else {}
        return Folder(
            self._paths[part - 1], version, tables=tables, encodings=encodings, extra=extra
        )

    @property
    def rows(self) -> Counter[str]:
        """Rows by file, over all deliveries."""
        return sum((folder.rows for folder in self._folders), Counter[str]())

    def write(self, table: str, rows: list[str]) -> None:
        """Write rows that belong to no time."""
        self._folders[0].write(table, rows)

    def add(self, number: int, rows: dict[str, list[str]]) -> None:
        """Write the rows of a person, each in its delivery, with what goes wrong on the way."""
        split = {table: self._split(rows[table], column) for table, column in TIME_OF.items()}
        split["claims_transactions"] = self._follow(rows["claims_transactions"], split["claims"])
        if number % 4 == 1:
            self._delay("claims", split)
        if number % 5 == 3:
            self._delay("procedures", split)
        if number % 5 == 1:
            self._correct_encounter(split["encounters"])
        if number % 5 == 2:
            self._correct_prescription(split["medications"])
        for table, waves in split.items():
            for folder, part in zip(self._folders, waves, strict=True):
                folder.write(table, part)
        if number % 7 == 4 and len(self._folders) > 2:
            rows = {**rows, "patients": [self._move(row) for row in rows["patients"]]}
        for table in TIMELESS:
            self.write(table, rows[table])

    def _split(self, rows: list[str], column: int) -> Waves:
        waves: Waves = [[] for _ in self._folders]
        for row in rows:
            time = row.split(",", column + 1)[column]
            waves[bisect_right(self._bounds, time)].append(row)
        return waves

    def _follow(self, rows: list[str], claims: Waves) -> Waves:
        wave_of = {row.split(",", 1)[0]: wave for wave, part in enumerate(claims) for row in part}
        waves: Waves = [[] for _ in self._folders]
        for row in rows:
            waves[wave_of.get(row.split(",", 2)[1], 0)].append(row)
        return waves

    def _delay(self, table: str, split: dict[str, Waves]) -> None:
        """Let the last row of delivery 1 come in delivery 2."""
        waves = split[table]
        if waves[0]:
            waves[1].append(waves[0].pop())
            self.counts[f"late_{table}"] += 1

    def _correct_encounter(self, waves: Waves) -> None:
        """Let the last encounter of delivery 1 be too dear there, and right in delivery 2."""
        if waves[0]:
            waves[1].append(waves[0][-1])
            values = waves[0][-1].split(",")
            values[_COST] = money(_cents(values[_COST]) + _WRONG_CENTS)
            waves[0][-1] = ",".join(values)
            self.counts["corrected_encounters"] += 1

    def _correct_prescription(self, waves: Waves) -> None:
        """Let the last prescription of delivery 1 have a fill too many, and deliver it again.

        All rows of its key are delivered again, as a key is taken whole from its latest file.
        """
        if waves[0]:
            key = _prescription_key(waves[0][-1])
            waves[1] += [row for row in waves[0] if _prescription_key(row) == key]
            values = waves[0][-1].split(",")
            fills = int(values[_DISPENSES]) + 1
            values[_DISPENSES] = str(fills)
            values[_TOTAL] = money(_cents(values[_BASE]) * fills)
            waves[0][-1] = ",".join(values)
            self.counts["corrected_prescriptions"] += 1

    def _move(self, row: str) -> str:
        """Write a patient's row in delivery 3, and return it with the address before."""
        self._folders[2].write(AGAIN, [row])
        self.counts["moved_patients"] += 1
        values = row.split(",")
        for column, value in _FORMER_HOME.items():
            values[column] = value
        return ",".join(values)

    def __enter__(self) -> Deliveries:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for folder in self._folders:
            folder.__exit__(kind, error, trace)
        if error is None:
            name = f"{AGAIN}.csv"
            shutil.copyfile(self._paths[0] / name, self._paths[1] / name)


def _prescription_key(row: str) -> tuple[str, ...]:
    start, _, patient, _, encounter, code, _ = row.split(",", 6)
    return patient, encounter, code, start


def _cents(text: str) -> int:
    return int(text.replace(".", ""))

"""Generated claims in several runs: each row in a run by chance, some wrong first and right later.

What does not live here: how rows come into tables and what is loaded from them.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from random import Random

from claims_analytics.generator import Options, generate
from claims_analytics.sources import SOURCES

Row = dict[str, str | None]
Runs = list[dict[str, list[Row]]]
"""By run: the rows of each kind of file. A file of a run is all that a kind has in it."""

RUNS = 4
_RANDOM = 3
"""Runs that rows are spread over; the last one brings what was held back."""

OPTIONS = Options(patients=10, seed=3, anomalies=True, start_date=date(2023, 6, 1))

_CHANGED = {
    "claims": ("STATUS1", "BILLED"),
    "encounters": ("TOTAL_CLAIM_COST", "7.77"),
    "patients": ("CITY", "Former"),
    "payers": ("CITY", "Former"),
    "careplans": ("REASONCODE", "314529007"),
    "medications": ("DISPENSES", "9"),
    "procedures": ("BASE_COST", "7.77"),
    "immunizations": ("BASE_COST", "7.77"),
    "conditions": ("STOP", "2024-01-01"),
    "payer_transitions": ("MEMBERID", "m7"),
}
"""What a row has in another value when it comes wrong first."""


def split_runs(folder: Path, seed: int) -> Runs:
    """Generate claims and spread their rows over runs.

    Rows of one natural key come together, a charge before what follows it in its claim. Each
    thing that makes an incremental load hard is there at least once: see `test_claims_loads`.
    """
    generate(OPTIONS, folder)
    tables = {name: list(_read(folder / f"{name}.csv")) for name in SOURCES}
    random = Random(seed)  # noqa: S311 - not for secrets
    runs: Runs = [defaultdict(list) for _ in range(RUNS)]
    for name in _CHANGED:
        _spread(runs, name, tables[name], random)
    _spread_lines(runs, tables["claims_transactions"], random)
    runs[0]["providers"] = tables["providers"][:3]
    _deliver_again(runs, "procedures")
    _hold_back_no_insurance(runs)
    return runs


def _read(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            yield {name: value or None for name, value in row.items() if name}


def _spread(runs: Runs, name: str, rows: list[Row], random: Random) -> None:
    groups: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[column] for column in SOURCES[name].key)].append(row)
    column, value = _CHANGED[name]
    for key, group in groups.items():
        run = random.randrange(_RANDOM)
        if any(key) and run + 1 < _RANDOM and random.random() < 0.4:
            wrong = [{**row, column: value} for row in group]
            extra = wrong[:1] if len(key) > 1 and random.random() < 0.5 else []
            runs[run][name] += wrong + extra
            run = random.randrange(run + 1, _RANDOM)
        runs[run][name] += group


def _spread_lines(runs: Runs, rows: list[Row], random: Random) -> None:
    """Spread transactions; of each claim those that come first are never later."""
    claims: dict[str | None, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: int(row["CHARGEID"] or 0)):
        claims[row["CLAIMID"]].append(row)
    whole = [group for claim, group in claims.items() if claim]
    first, stopped, *_ = (group for group in whole if len(group) > 3)
    for group in claims.values():
        if group is stopped:
            runs[2]["claims_transactions"] += group[1:]
            runs[3]["claims_transactions"] += group[:1]
            continue
        places = sorted(random.randrange(_RANDOM) for _ in group)
        for row, place in zip(group, [0] * len(group) if group is first else places, strict=True):
            wrong = _wrong_line(row, first, random) if place + 1 < _RANDOM else None
            if wrong:
                runs[place]["claims_transactions"].append(wrong)
                place = random.randrange(place + 1, _RANDOM)
            runs[place]["claims_transactions"].append(row)
    without_id: Row = {**whole[-1][-1], "ID": None, "CHARGEID": "999999"}
    runs[2]["claims_transactions"].append(without_id)


def _wrong_line(row: Row, first: list[Row], random: Random) -> Row | None:
    """Return a transaction as it came before: another amount, or under another claim."""
    if not row["CLAIMID"] or random.random() > 0.3:
        return None
    if row["TYPE"] == "PAYMENT" and row["CLAIMID"] != first[0]["CLAIMID"]:
        return {**row, "CLAIMID": first[0]["CLAIMID"]}
    return {**row, "AMOUNT": "7.77" if row["AMOUNT"] else None, "UNITS": "2"}


def _deliver_again(runs: Runs, name: str) -> None:
    """Let a file of the first run come again as it was, but for keys that came right since."""
    source = SOURCES[name]

    def keys(rows: Iterable[Row]) -> set[tuple[str | None, ...]]:
        return {tuple(row[column] for column in source.key) for row in rows}

    since = keys(row for run in runs[1:] for row in run[name])
    runs[2][name] += [row for row in runs[0][name] if not keys([row]) & since]


def _hold_back_no_insurance(runs: Runs) -> None:
    """Let the payer that stands for no insurance come last."""
    held = [row for run in runs for row in run["payers"] if row["NAME"] == "NO_INSURANCE"]
    for run in runs:
        run["payers"] = [row for row in run["payers"] if row["NAME"] != "NO_INSURANCE"]
    runs[3]["payers"] = held[-1:]

"""Columns of the 18 files, in the layouts of Synthea's versions.

`real` is the layout in which rows are made. In `old` (Synthea 2) allergies have six columns,
procedures a DATE and a COST, plans are booked by the year; `new` has new names for plans, SYSTEM
for conditions and procedures, and more of patients and providers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

from claims_analytics.sources import SOURCES

HEADERS = {source.name: ",".join(source.columns) for source in SOURCES.values()}
"""Headers of the files that the specification counts, by table."""

_OLD: dict[str, str] = {
    "allergies": "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION",
    "procedures": "DATE=START,PATIENT,ENCOUNTER,CODE,DESCRIPTION,COST=BASE_COST,REASONCODE,"
    "REASONDESCRIPTION",
    "immunizations": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,COST=BASE_COST",
    "medications": "START,STOP,PATIENT,PAYER,ENCOUNTER,CODE,DESCRIPTION,COST=BASE_COST,"
    "PAYER_COVERAGE,DISPENSES,TOTALCOST,REASONCODE,REASONDESCRIPTION",
    "payer_transitions": "PATIENT,START_YEAR,END_YEAR,PAYER,OWNERSHIP",
}
_NEW: dict[str, str] = {
    "conditions": "START,STOP,PATIENT,ENCOUNTER,SYSTEM='SNOMED-CT,CODE,DESCRIPTION",
    "procedures": "START,STOP,PATIENT,ENCOUNTER,SYSTEM='SNOMED-CT,CODE,DESCRIPTION,BASE_COST,"
    "REASONCODE,REASONDESCRIPTION",
    "patients": HEADERS["patients"]
    .replace("FIRST,", "FIRST,MIDDLE=',")
    .replace("COUNTY,", "COUNTY,FIPS='25017,")
    + ",INCOME='52000",
    "payer_transitions": "PATIENT,MEMBERID,START_DATE=START_YEAR,END_DATE=END_YEAR,PAYER,"
    "SECONDARY_PAYER,PLAN_OWNERSHIP=OWNERSHIP,OWNER_NAME=OWNERNAME",
    "providers": HEADERS["providers"].replace("UTILIZATION", "ENCOUNTERS=UTILIZATION")
    + ",PROCEDURES='0,NPI='",
}
_LAYOUTS: dict[str, dict[str, str]] = {"real": {}, "old": _OLD, "new": _NEW}


def header(table: str, version: str) -> str:
    """Return the header of a file in a version.

    Example:
        >>> header("supplies", "real")
        'DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,QUANTITY'
    """
    layout = _LAYOUTS[version].get(table, HEADERS[table])
    return ",".join(column.partition("=")[0] for column in layout.split(","))


def converter(table: str, version: str) -> Callable[[Iterable[str]], Iterable[str]]:
    """Return a function that brings rows of the layout `real` into a version's."""
    layout = _LAYOUTS[version].get(table)
    if layout is None:
        return lambda rows: rows
    names = {name: number for number, name in enumerate(HEADERS[table].split(","))}
    picks: list[tuple[int, str]] = []
    for column in layout.split(","):
        name, _, source = column.partition("=")
        if source.startswith("'"):
            picks.append((-1, source[1:]))
        else:
            picks.append((names[source or name], ""))

    def convert(rows: Iterable[str]) -> Iterable[str]:
        for row in rows:
            values = row.split(",")
            yield ",".join(values[number] if number >= 0 else fixed for number, fixed in picks)

    if version == "old" and table == "payer_transitions":
        return lambda rows: _by_year(convert(rows))
    return convert


def _by_year(rows: Iterable[str]) -> Iterable[str]:
    """Cut the moments of plans to years, half-open and without gaps.

    Of several plans that a person begins in a year the first one stays. As a plan counts from
    1 January, visits of that year may name the insurer before.
    """
    for patient, plans in groupby((row.split(",", 3) for row in rows), key=lambda plan: plan[0]):
        by_year: dict[str, list[str]] = {}
        for plan in plans:
            by_year.setdefault(plan[1][:4], plan)
            last = plan[2][:4]
        ends = [*list(by_year)[1:], str(int(last) + 1)]
        for (start, plan), end in zip(by_year.items(), ends, strict=True):
            yield f"{patient},{start},{end},{plan[3]}"

"""A run of the generator: people one after the other into files, and what came of it.

What does not live here: the command (`__main__`), and what is wrong with rows (`oddities`,
`spoilage`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from claims_analytics.generator.charts import chart
from claims_analytics.generator.deliveries import Deliveries
from claims_analytics.generator.files import Folder
from claims_analytics.generator.moments import day
from claims_analytics.generator.options import Options
from claims_analytics.generator.places import places_of
from claims_analytics.generator.spoilage import ENCODINGS, Spoilt
from claims_analytics.generator.totals import Totals


@dataclass(frozen=True)
class Report:
    """What a run wrote; counts only.

    Attributes:
        rows: rows by file, without headers; of all deliveries together.
        counts: what the rules that warn would count, by the name of the rule.
        dropped: rows that rules would drop, as `encounters.start_parses`.
        damaged: lines that are ragged, in a wrong encoding, or have an unreadable date.
        delivered: what comes late or corrected in delivery 2, and who has moved in delivery 3.
        complete_from: the day from which the lines of all encounters are there.
        as_of: the day of the last encounter.
    """

    rows: dict[str, int]
    counts: dict[str, int]
    dropped: dict[str, int]
    damaged: dict[str, int]
    delivered: dict[str, int]
    complete_from: str
    as_of: str

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return asdict(self)


def generate(options: Options, folder: Path) -> Report:
    """Write the 18 files into a folder, which is made; files of the same names are overwritten.

    Rows go to disk as they are made: memory does not grow with the number of patients. A run that
    is killed leaves part of the files; the same options write the same bytes again.

    Raises:
        OSError: the folder can't be written.

    Example:
        >>> generate(Options(patients=10), Path("landing")).rows["patients"]
        10
    """
    totals, spoilt, counts = Totals(), Spoilt(), Counter[str]()
    places = places_of(options.seed)
    with _opened(options, folder) as files:
        for number in range(1, options.patients + 1):
            made = chart(options, number, places, totals)
            counts.update(made.counts)
            if options.anomalies:
                spoilt.spoil(number, made.rows)
            files.add(number, made.rows)
        providers = totals.provider_rows(places, options.seed)
        if options.anomalies:
            spoilt.count_letters(providers)
        files.write("payers", totals.payer_rows())
        files.write("organizations", totals.organization_rows(places))
        files.write("providers", providers)
    delivered = files.counts if isinstance(files, Deliveries) else Counter[str]()
    return Report(
        _sorted(files.rows),
        _sorted(counts),
        _sorted(spoilt.dropped),
        _sorted(spoilt.damaged),
        _sorted(delivered),
        options.complete_from.isoformat(),
        day(totals.last_visit),
    )


def _opened(options: Options, folder: Path) -> Folder | Deliveries:
    encodings = ENCODINGS if options.anomalies else {}
    if options.deliveries > 1:
        return Deliveries(folder, options, encodings)
    return Folder(folder, options.version, encodings=encodings)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))

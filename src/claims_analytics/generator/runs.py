"""A run of the generator: people one after the other into files, and what came of it.

What does not live here: the command (`__main__`), and spoilt rows (`spoilage`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from claims_analytics.generator.charts import chart
from claims_analytics.generator.files import Folder
from claims_analytics.generator.options import Options
from claims_analytics.generator.places import places_of
from claims_analytics.generator.totals import Totals


@dataclass(frozen=True)
class Report:
    """What a run wrote; counts only.

    Attributes:
        rows: rows by file, without headers.
        counts: what rules would count, by the name of the rule, and spoilt rows by their kind.
        complete_from: the day from which the lines of all encounters are there.
    """

    rows: dict[str, int]
    counts: dict[str, int]
    complete_from: str

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
    totals, counts = Totals(), Counter[str]()
    places = places_of(options.seed)
    with Folder(folder, options.version) as files:
        for number in range(1, options.patients + 1):
            made = chart(options, number, places, totals)
            counts.update(made.counts)
            for table, rows in made.rows.items():
                files.write(table, rows)
        files.write("payers", totals.payer_rows())
        files.write("organizations", totals.organization_rows(places))
        files.write("providers", totals.provider_rows(places, options.seed))
    return Report(
        dict(sorted(files.rows.items())),
        dict(sorted(counts.items())),
        options.complete_from.isoformat(),
    )

"""Bronze by a job: files become rows, each file once, whatever kills the job in between."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import reduce
from itertools import groupby
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import QUOTE, RESCUED, delivered, with_run_columns
from claims_analytics.rules import BRONZE
from claims_analytics.sources import SOURCES
from claims_analytics.tasks import delivery
from claims_analytics.tasks.control import Control, Delivered
from claims_analytics.tasks.parameters import LANDING, RUN, TABLES
from claims_analytics.tasks.places import Places
from claims_analytics.tasks.staging import broken
from claims_analytics.values import day
from headwater.errors import UpdateError
from headwater.tasks.steps import Step, go_on

PARAMETERS = (*TABLES, LANDING, RUN)

_PATTERNS = re.compile(r"[\[\]{}*?\\]")
"""What Spark would take for a pattern in a path."""

_AT_ONCE = 4
"""Kinds of files that are taken in side by side."""


def ingest(spark: Any, parameters: Mapping[str, str], step: Step = go_on) -> dict[str, Any]:
    """Append the rows of each new file to the bronze table of its kind.

    A file is rows, then a row of `ingest_files`. The append carries the file's hash as Delta's
    transaction, so that a run that was killed between the two appends nothing twice.

    Returns:
        Files and rows that were taken in, files that were there before, kinds without a file, and
        how many new rows broke each rule of bronze.

    Raises:
        UpdateError: HEADER_WRONG, after all other files were taken in, with what would have been
            returned; what they brought can be loaded, and a mended file comes with a later run.
    """
    places = Places.of(parameters)
    control = Control(spark, places)
    run_id = control.begin(parameters["run_id"], datetime.now(timezone.utc))
    intake = _Intake(spark, places, control, run_id, step)
    found = groupby(delivery.landed(parameters["base_volume_path"]), lambda file: file.source.name)
    kinds = {name: list(files) for name, files in found}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        taken = list(pool.map(intake.take, kinds.values()))
    faults = [fault for kind in taken for fault in kind.faults]
    step("finish")
    control.finish(run_id, _as_of(spark, places, run_id))
    tables = [SOURCES[name].table for name, kind in zip(kinds, taken, strict=True) if kind.files]
    told = {
        "files": sum(kind.files for kind in taken),
        "rows": sum(kind.rows for kind in taken),
        "known": sum(kind.known for kind in taken),
        "ingest_run_id": run_id,
        "file_missing": sorted(set(SOURCES) - set(kinds)),
        "rules": _broken(spark, places, tables, run_id),
    }
    if faults:
        raise _wrong_headers(faults, told)
    return told


def _wrong_headers(faults: Sequence[str], told: Mapping[str, Any]) -> UpdateError:
    """Say which files were left, and what is to be known of the others: no later run tells it."""
    others = [f"{count:,} of their rows broke {rule}" for rule, count in told["rules"].items()]
    missing = told["file_missing"]
    others += [f"no file came of {', '.join(missing)}"] if missing else []
    more = f" ({'; '.join(others)})" if others else ""
    return UpdateError(
        "HEADER_WRONG",
        f"Files were left in the landing folder: {'; '.join(faults)}. "
        f"{told['files']:,} others were taken in{more}",
        hint="Mend or remove them, and run the job again: it takes in what is new.",
        **told,
    )


def _broken(spark: Any, places: Places, tables: Sequence[str], run_id: str) -> dict[str, int]:
    """Count the rows of a run that do not fit the header of their file."""
    if not tables:
        return {}
    rows = [
        spark.table(places.table(table)).where(F.col("ingest_run_id") == run_id).select(RESCUED)
        for table in tables
    ]
    return broken(reduce(DataFrame.union, rows), BRONZE)


@dataclass
class _Taken:
    """What was done with the files of a kind."""

    files: int = 0
    rows: int = 0
    known: int = 0
    faults: list[str] = field(default_factory=list)


class _Intake:
    """Takes files into bronze; the kinds side by side, the files of a kind one by one."""

    def __init__(
        self, spark: Any, places: Places, control: Control, run_id: str, step: Step
    ) -> None:
        self._spark, self._places, self._control = spark, places, control
        self._run_id, self._step = run_id, step
        self._held = {(each.path, each.sha256): each for each in control.files()}

    def take(self, files: Sequence[delivery.Landed]) -> _Taken:
        """Append the new ones of some files of one kind, and note each."""
        taken = _Taken()
        for file in files:
            fault, sha256 = file.fault(), file.sha256()
            if fault is not None:
                taken.faults.append(f"{file.source.table}: {file.path} {fault}")
            elif (file.path, sha256) in self._held:
                taken.known += 1
            else:
                taken.files += 1
                taken.rows += self._take(file, sha256)
        return taken

    def _take(self, file: delivery.Landed, sha256: str) -> int:
        self._step(f"append {file.source.name}")
        rows, run_id = self._append(file, sha256)
        self._step(f"note {file.source.name}")
        noted = Delivered(file.path, sha256, file.source.table, rows, run_id, archived=False)
        self._control.add_file(noted, size=file.size())
        return rows

    def _append(self, file: delivery.Landed, sha256: str) -> tuple[int, str]:
        """Append the rows of a file in one commit, once.

        Returns:
            How many rows the file has, and the run that they name: the one that was killed, if it
            had come this far.
        """
        table = self._places.table(file.source.table)
        before = self._count(table)
        rows = with_run_columns(read_landed(self._spark, file), self._run_id)
        rows = rows.withColumn("source_file", F.lit(file.path))
        written = rows.write.format("delta").mode("append").option("mergeSchema", "true")
        written = written.option("txnAppId", f"{file.path}#{sha256}").option("txnVersion", 1)
        written.saveAsTable(table)
        added = self._count(table) - before
        return (added, self._run_id) if added else self._appended(table, file.path)

    def _count(self, table: str) -> int:
        """Count the rows of a table, which Delta knows without a scan."""
        if not self._spark.catalog.tableExists(table):
            return 0
        return int(self._spark.table(table).count())

    def _appended(self, table: str, path: str) -> tuple[int, str]:
        """Return what bronze holds of a path that nothing was added for: empty, or a rerun."""
        mine = self._spark.table(table).where(F.col("source_file") == path)
        held = mine.agg(F.count("*").alias("rows"), F.max("ingest_run_id").alias("run")).collect()[
            0
        ]
        rows = int(held.rows) - sum(each.rows for each in self._held.values() if each.path == path)
        return (rows, str(held.run)) if rows else (0, self._run_id)


def read_landed(spark: Any, file: delivery.Landed) -> DataFrame:
    """Read a file, all columns as text; a line that does not fit its header is kept beside it."""
    columns = [f"`{name.replace('`', '``')}` STRING" for name in [*file.header(), RESCUED]]
    frame: DataFrame = (
        spark.read.schema(", ".join(columns))
        .option("header", "true")
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", RESCUED)
        .option("enforceSchema", "true")
        .option("escape", QUOTE)
        .csv(_PATTERNS.sub(r"\\\g<0>", file.path))
    )
    return frame


def _as_of(spark: Any, places: Places, run_id: str) -> Any:
    """Return the last day on which an encounter starts, of all runs up to this one."""
    bronze = places.bronze(spark, ["encounters"])
    encounters = delivered(bronze["encounters"], SOURCES["encounters"])
    until = encounters.where(F.col("ingest_run_id") <= run_id)
    return until.agg(F.max(day("START")).alias("as_of")).collect()[0].as_of

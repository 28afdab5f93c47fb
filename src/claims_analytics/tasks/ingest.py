"""Bronze by a job: files become rows, each file once, whatever kills the job in between."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import RESCUED, with_run_columns
from claims_analytics.sources import SOURCES
from claims_analytics.tasks import delivery
from claims_analytics.tasks.control import Control, Delivered
from claims_analytics.tasks.parameters import LANDING, RUN, TABLES
from claims_analytics.tasks.places import Places
from claims_analytics.values import day
from headwater.errors import UpdateError
from headwater.tasks.steps import Step, go_on

PARAMETERS = (*TABLES, LANDING, RUN)


def ingest(spark: Any, parameters: Mapping[str, str], step: Step = go_on) -> dict[str, Any]:
    """Append the rows of each new file to the bronze table of its kind.

    A file is rows, then a row of `ingest_files`. The append carries the file's hash as Delta's
    transaction, so that a run that was killed between the two appends nothing twice.

    Returns:
        Files and rows that were taken in, files that were there before, and kinds without a file.

    Raises:
        UpdateError: HEADER_WRONG, after all other files were taken in.
    """
    places = Places.of(parameters)
    control = Control(spark, places)
    run_id = control.begin(parameters["run_id"], datetime.now(timezone.utc))
    known = {(each.path, each.sha256): each for each in control.files()}
    counts = {"files": 0, "rows": 0, "known": 0}
    faults, kinds = [], set()
    for file in delivery.landed(parameters["base_volume_path"]):
        kinds.add(file.source.name)
        fault = file.fault()
        if fault is not None:
            faults.append(f"{file.source.table}: {file.path} {fault}")
            continue
        sha256 = file.sha256()
        if (file.path, sha256) in known:
            counts["known"] += 1
            continue
        step(f"append {file.source.name}")
        held, brought_by = _append(spark, places, file, sha256, run_id)
        rows = held - sum(each.rows for each in known.values() if each.path == file.path)
        step(f"note {file.source.name}")
        noted = Delivered(file.path, sha256, file.source.table, rows, brought_by, archived=False)
        control.add_file(noted, size=file.size())
        known[file.path, sha256] = noted
        counts["files"] += 1
        counts["rows"] += rows
    step("finish")
    if faults:
        raise UpdateError(
            "HEADER_WRONG",
            "Files were left in the landing folder: " + "; ".join(faults),
            hint="Mend or remove them, and run the job again: it takes in what is new.",
        )
    control.finish(run_id, _as_of(spark, places, run_id))
    missing = sorted(set(SOURCES) - kinds)
    return {**counts, "ingest_run_id": run_id, "file_missing": missing}


def _append(
    spark: Any, places: Places, file: delivery.Landed, sha256: str, run_id: str
) -> tuple[int, str]:
    """Append the rows of a file in one commit, once.

    Returns:
        How many rows bronze holds of its path, and the run that brought the last of them: the
        one that was killed, if it had come this far.
    """
    table = places.table(file.source.table)
    rows = with_run_columns(_read(spark, file), run_id).withColumn("source_file", F.lit(file.path))
    written = rows.write.format("delta").mode("append").option("mergeSchema", "true")
    written.option("txnAppId", f"{file.path}#{sha256}").option("txnVersion", 1).saveAsTable(table)
    found = spark.table(table).where(F.col("source_file") == file.path)
    held = found.agg(F.count("*").alias("rows"), F.max("ingest_run_id").alias("run_id")).first()
    return int(held.rows), str(held.run_id or run_id)


def _read(spark: Any, file: delivery.Landed) -> DataFrame:
    """Read a file, all columns as text; a line that does not fit its header is kept beside it."""
    columns = [f"`{name.replace('`', '``')}` STRING" for name in [*file.header(), RESCUED]]
    frame: DataFrame = (
        spark.read.schema(", ".join(columns))
        .option("header", "true")
        .option("mode", "PERMISSIVE")
        .option("columnNameOfCorruptRecord", RESCUED)
        .option("enforceSchema", "true")
        .csv(file.path)
    )
    return frame


def _as_of(spark: Any, places: Places, run_id: str) -> Any:
    """Return the last day on which an encounter starts, of all runs up to this one."""
    encounters = places.bronze(spark, ["encounters"])["encounters"]
    until = encounters.where(F.col("ingest_run_id") <= run_id)
    return until.agg(F.max(day("START")).alias("as_of")).collect()[0].as_of

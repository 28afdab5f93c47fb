"""Bronze: rows as they were delivered and where from; and which of them are current."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import reduce
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from claims_analytics.sources import SOURCES, Source
from claims_analytics.values import all_of, hashed

RUN_COLUMNS = {
    "ingest_run_id": "string",
    "ingest_timestamp": "timestamp",
    "source_file": "string",
    "source_modified_at": "timestamp",
    "record_hash": "string",
}
"""What bronze adds to each row, and of which type it is."""

RESCUED = "_rescued_data"
"""Column for what does not fit the header of its file."""

QUOTE = '"'
"""What doubles a quote inside a quoted text; Spark expects a backslash."""

_NOT_UTF8 = "\ufffd"
"""What readers of files put in the place of bytes that are no UTF-8."""


def run_id_of(started_at: datetime, name: str) -> str:
    """Name a run so that names sort in time.

    Args:
        started_at: in UTC.
        name: of the job's run, or of the pipeline.

    Example:
        >>> run_id_of(datetime(2024, 2, 2, 5, 0), "17")
        '20240202050000-17'
    """
    return f"{started_at:%Y%m%d%H%M%S}-{name}"


def run_id_of_newest(landing: str, name: str) -> str:
    """Name a run by the time at which the newest file has landed.

    While no file comes the name stays, so that what reads the files can tell that nothing is new. A
    file that was unpacked or copied keeps an older time of its last change: when it came counts.

    Args:
        landing: folder with a folder for each kind of file.
        name: of the pipeline.
    """
    files = [file.stat() for file in Path(landing).glob("*/*.csv")]
    newest = max((max(file.st_mtime, file.st_ctime) for file in files), default=0)
    return run_id_of(datetime.fromtimestamp(newest, timezone.utc), name)


def started_at(run_id: Column) -> Column:
    """Read when a run started from its id, as TIMESTAMP."""
    return F.try_to_timestamp(F.substring(run_id, 1, 14), F.lit("yyyyMMddHHmmss"))


def with_run_columns(landed: DataFrame, run_id: str) -> DataFrame:
    """Add where each row comes from.

    Args:
        landed: rows of CSV files, all columns text and `_rescued_data`, whose hidden `_metadata`
            column is there.
        run_id: the run that reads them.

    Returns:
        All columns; `_rescued_data` also tells of rows that are not in UTF-8, and has what stands
        in columns that are called as one that is added. And `ingest_run_id`, `ingest_timestamp`,
        `source_file`, `source_modified_at` and `record_hash`: SHA-256 over the columns of the
        file.
    """
    names = [name for name in landed.columns if name != RESCUED]
    delivered = [F.col(f"`{name}`") for name in names]
    taken = [F.col(f"`{name}`") for name in names if name.lower() in RUN_COLUMNS]
    text = F.concat_ws("", *delivered)
    not_utf8 = F.when(F.contains(text, F.lit(_NOT_UTF8)), F.lit('{"encoding":"not UTF-8"}'))
    rescued = F.coalesce(F.col(RESCUED), not_utf8)
    if taken:
        said = F.to_json(F.struct(*taken))
        before = F.substr(rescued, F.lit(1), F.length(rescued) - 1)
        both = F.concat(before, F.lit(","), F.substr(said, F.lit(2)))
        is_said = F.coalesce(*taken).isNotNull()
        rescued = F.when(is_said, F.coalesce(both, said)).otherwise(rescued)
    return landed.select(
        *(F.col(f"`{name}`") for name in names if name.lower() not in RUN_COLUMNS),
        rescued.alias(RESCUED),
        F.lit(run_id).alias("ingest_run_id"),
        F.current_timestamp().alias("ingest_timestamp"),
        F.col("_metadata.file_path").alias("source_file"),
        F.col("_metadata.file_modification_time").alias("source_modified_at"),
        hashed(*delivered).alias("record_hash"),
    )


def delivered(bronze: DataFrame, source: Source) -> DataFrame:
    """Return the columns of a source by their names of today.

    Args:
        bronze: its table. A column that no file had is NULL; one of another version of Synthea
            stands for the one that it is.
    """
    there = {name.lower() for name in bronze.columns}
    columns = (*source.columns, *source.newer)
    spellings = {name: [name] for name in columns}
    for other, name in source.renamed.items():
        spellings[name].append(other)

    def column(name: str) -> Column:
        known = [F.col(f"`{each}`") for each in spellings[name] if each.lower() in there]
        return (F.coalesce(*known) if known else F.lit(None).cast("string")).alias(name)

    return bronze.select(*map(column, columns), *RUN_COLUMNS)


def tables(reader: Any, names: Iterable[str]) -> dict[str, DataFrame]:
    """Return bronze tables of a pipeline by the name of their file.

    Args:
        reader: `spark.read`, or `spark.readStream`.
        names: of files.
    """
    return {name: reader.table(SOURCES[name].table) for name in names}


def landed_files(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Tell what each kind of file has brought, and in which run last.

    Args:
        bronze: tables by the name of their file.

    Returns:
        `kind`, `files`, `rows`, `last_ingest_run_id`, and `newest_ingest_run_id`: of all kinds. A
        file with a header alone leaves no row to tell of it.
    """
    parts = [
        rows.select(F.lit(name).alias("kind"), "ingest_run_id", "source_file")
        for name, rows in bronze.items()
    ]
    landed = reduce(DataFrame.union, parts)
    brought = landed.groupBy("kind").agg(
        F.count_distinct("source_file").alias("files"),
        F.count("*").alias("rows"),
        F.max("ingest_run_id").alias("last_ingest_run_id"),
    )
    newest = landed.agg(F.max("ingest_run_id").alias("newest_ingest_run_id"))
    kinds = newest.withColumn("kind", F.explode(F.array(*map(F.lit, bronze))))
    return kinds.join(brought, "kind", "left").select(
        "kind",
        F.coalesce("files", F.lit(0)).alias("files"),
        F.coalesce("rows", F.lit(0)).alias("rows"),
        "last_ingest_run_id",
        "newest_ingest_run_id",
    )


def among(rows: DataFrame, columns: Sequence[str], values: DataFrame) -> DataFrame:
    """Return the rows whose columns have one of some values; NULL equals NULL.

    Args:
        values: as many columns, in the same order.
    """
    named = values.toDF(*(f"__{name}" for name in columns))
    same = (F.col(name).eqNullSafe(F.col(f"__{name}")) for name in columns)
    return rows.join(named, all_of(*same), "left_semi")


def narrowed(
    bronze: Mapping[str, DataFrame],
    keys: DataFrame | None,
    columns: Mapping[str, Mapping[str, str]],
) -> Mapping[str, DataFrame]:
    """Return bronze tables without the rows that some keys do not ask for.

    Args:
        bronze: by the name of their file.
        keys: None asks for all rows.
        columns: file -> its columns, each with the column of `keys` that has the values to keep.
            Other files stay whole.
    """
    if keys is None:
        return bronze
    kept = {
        name: among(delivered(bronze[name], SOURCES[name]), [*pairs], keys.select(*pairs.values()))
        for name, pairs in columns.items()
    }
    return {**bronze, **kept}


def current(bronze: DataFrame, source: Source) -> DataFrame:
    """Return the rows that are true now: of several deliveries, the last.

    Returns:
        The columns of `delivered`. Of rows with one id the last by run, time of the file and
        hash; of rows with one natural key those of the file that is last by run, time and name,
        so that a file that comes again counts once and twins within a file stay; `in_one_file`
        tells of these whether no other file of the same run has the key. Rows without an id are
        all there, for a rule to drop.
    """
    rows = delivered(bronze, source)
    latest = [F.col("ingest_run_id").desc(), F.col("source_modified_at").desc()]
    by_key = Window.partitionBy(*source.key)
    if len(source.key) > 1:
        place = F.rank().over(by_key.orderBy(*latest, F.col("source_file").desc()))
        of_run = Window.partitionBy(*source.key, "ingest_run_id")
        files = [each("source_file").over(of_run) for each in (F.min, F.max)]
        placed = rows.withColumns({"__place": place, "in_one_file": files[0] == files[1]})
        return placed.where("__place = 1").drop("__place")
    place = F.row_number().over(by_key.orderBy(*latest, F.col("record_hash").desc()))
    without_id = F.col(source.key[0]).isNull()
    return (rows.withColumn("__place", place).where((F.col("__place") == 1) | without_id)).drop(
        "__place"
    )

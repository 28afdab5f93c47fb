"""Dimensions with history: what was true of a patient or a provider, from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from claims_analytics.bronze import current, delivered, started_at
from claims_analytics.sources import SOURCES, Source
from claims_analytics.values import hashed

UNKNOWN = "-1"
"""Key of the row that facts without a dimension row may point to."""

_ALWAYS = "1900-01-01"
"""From when the first version counts: facts precede the first load."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension with history.

    Attributes:
        source: the file that it is made from.
        prefix: of the names of its keys.
        tracked: columns whose change makes a version.
        latest: columns that a delivery overwrites.
    """

    source: Source
    prefix: str
    tracked: tuple[str, ...]
    latest: tuple[str, ...]

    @property
    def key(self) -> str:
        """Name of the natural key's column."""
        return f"{self.prefix}_id"


PATIENT = Dimension(
    SOURCES["patients"],
    "patient",
    (
        "FIRST",
        "LAST",
        "MARITAL",
        "GENDER",
        "RACE",
        "ETHNICITY",
        "ADDRESS",
        "CITY",
        "COUNTY",
        "STATE",
        "ZIP",
        "DEATHDATE",
    ),
    ("BIRTHDATE", "LAT", "LON", "HEALTHCARE_EXPENSES", "HEALTHCARE_COVERAGE"),
)
"""SSN, DRIVERS and PASSPORT are not taken."""

PROVIDER = Dimension(
    SOURCES["providers"],
    "provider",
    ("ORGANIZATION", "NAME", "GENDER", "SPECIALITY", "ADDRESS", "CITY", "STATE", "ZIP"),
    ("UTILIZATION", "LAT", "LON"),
)


def changes(bronze: DataFrame, dimension: Dimension) -> DataFrame:
    """Return what each delivery says: the rows of an AUTO CDC flow.

    Returns:
        The key, the columns of the dimension in lower case, and `delivered_in`, which orders the
        rows of a key: run, time of the file, hash.
    """
    rows = delivered(bronze, dimension.source).where(F.col(dimension.source.key[0]).isNotNull())
    return rows.select(
        F.col(dimension.source.key[0]).alias(dimension.key),
        *(F.col(name).alias(name.lower()) for name in dimension.tracked + dimension.latest),
        F.struct("ingest_run_id", "source_modified_at", "record_hash").alias("delivered_in"),
    )


def versions(bronze: DataFrame, dimension: Dimension) -> DataFrame:
    """Merge all deliveries into versions, as AUTO CDC does for SCD type 2.

    Returns:
        The columns of `changes` without `delivered_in`, and `__START_AT`, `__END_AT`: the place
        in the order where a version begins and ends; the current one ends with NULL.
    """
    return _merged(changes(bronze, dimension), dimension)


def _merged(rows: DataFrame, dimension: Dimension) -> DataFrame:
    """Merge rows of a key that follow each other, by `delivered_in`, and are equal."""
    of_key = Window.partitionBy(dimension.key).orderBy("delivered_in")
    tracked = F.struct(*(name.lower() for name in dimension.tracked))
    seen = rows.withColumn("tracked", tracked)
    is_new = F.coalesce(~F.col("tracked").eqNullSafe(F.lag("tracked").over(of_key)), F.lit(True))
    numbered = seen.withColumn("is_new", is_new | (F.row_number().over(of_key) == 1)).withColumn(
        "version", F.sum(F.col("is_new").cast("int")).over(of_key)
    )
    carried = [name.lower() for name in dimension.tracked + dimension.latest]
    merged = numbered.groupBy(dimension.key, "version").agg(
        *(F.max_by(F.struct(name), "delivered_in")[name].alias(name) for name in carried),
        F.min("delivered_in").alias("__START_AT"),
    )
    by_version = Window.partitionBy(dimension.key).orderBy("version")
    return merged.withColumn("__END_AT", F.lead("__START_AT").over(by_version)).drop("version")


def dimension_table(history: DataFrame, dimension: Dimension) -> DataFrame:
    """Make the dimension from its versions.

    Args:
        history: as `versions` returns it, or the table of an AUTO CDC flow.

    Returns:
        `<prefix>_sk`, the key, the columns, `effective_from`, `effective_to` TIMESTAMP, half-open
        (NULL is the current version), `is_current`; and a row `-1` for what is unknown. Of several
        deliveries in one run the last is a version, unless it says what held before the run.
    """
    run, next_run = F.col("__START_AT.ingest_run_id"), F.col("__END_AT.ingest_run_id")
    kept = history.where(next_run.isNull() | (run < next_run))
    lasting = _merged(kept.withColumn("delivered_in", F.col("__START_AT")), dimension)
    is_first = F.row_number().over(Window.partitionBy(dimension.key).orderBy("__START_AT")) == 1
    always = F.lit(_ALWAYS).cast("timestamp")
    dated = lasting.withColumns(
        {
            "effective_from": F.when(is_first, always).otherwise(started_at(run)),
            "effective_to": started_at(next_run),
        }
    )
    names = [name.lower() for name in dimension.tracked + dimension.latest]
    rows = dated.select(
        hashed(F.col(dimension.key), F.col("effective_from")).alias(f"{dimension.prefix}_sk"),
        dimension.key,
        *names,
        "effective_from",
        "effective_to",
        F.col("effective_to").isNull().alias("is_current"),
    )
    return rows.unionByName(_unknown(rows, dimension))


def in_force(version: str, moment: Column) -> Column:
    """Return the condition that a version, by its alias, holds at a moment."""
    starts, ends = F.col(f"{version}.effective_from"), F.col(f"{version}.effective_to")
    return (starts <= moment) & (ends.isNull() | (moment < ends))


def with_organization(providers: DataFrame, organizations: DataFrame) -> DataFrame:
    """Add `organization_name`, as of now.

    Args:
        providers: dim_provider.
        organizations: the bronze table.
    """
    known = current(organizations, SOURCES["organizations"]).where("Id IS NOT NULL")
    names = known.select(
        F.col("Id").alias("organization"), F.col("NAME").alias("organization_name")
    )
    joined = providers.join(names, "organization", "left")
    return joined.select(*providers.columns, "organization_name")


def _unknown(rows: DataFrame, dimension: Dimension) -> DataFrame:
    """Return the row that stands for what is unknown."""
    given = {
        f"{dimension.prefix}_sk": F.lit(UNKNOWN),
        dimension.key: F.lit(UNKNOWN),
        "effective_from": F.lit(_ALWAYS).cast("timestamp"),
        "is_current": F.lit(True),
    }
    columns: Sequence[Column] = [
        given.get(each.name, F.lit(None)).cast(each.dataType).alias(each.name)
        for each in rows.schema
    ]
    one = rows.sparkSession.range(1)
    return one.select(*columns)

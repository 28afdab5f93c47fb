"""Load a fact of silver: all of it, or what new rows of bronze change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import among
from claims_analytics.silver.facts import FACTS, Fact
from claims_analytics.tasks.control import Control
from claims_analytics.tasks.parameters import FACT, LOAD_TYPE, TABLES
from claims_analytics.tasks.places import Places, overwrite
from claims_analytics.tasks.staging import Staging
from headwater.errors import UpdateError
from headwater.tasks.steps import Step, go_on

PARAMETERS = (*TABLES, FACT, LOAD_TYPE)

_BY_NAME = {fact.name: fact for fact in FACTS}


def load_fact(spark: Any, parameters: Mapping[str, str], step: Step = go_on) -> dict[str, Any]:
    """Load a fact in one commit, then note up to which run.

    A full load overwrites. An incremental one reads the runs since the last load, finds the keys
    that their rows affect, makes all rows of these keys anew from the whole of bronze and replaces
    them. Killed before the note, it does the same again.

    Returns:
        Rows written, rows that rules kept out, and how many rows broke each rule.

    Raises:
        UpdateError: INGEST_MISSING, before the first ingestion.
    """
    places, fact = Places.of(parameters), _BY_NAME[parameters["fact"]]
    control = Control(spark, places)
    newest, last = control.newest(), control.loaded(fact.table)
    if newest is None:
        raise UpdateError(
            "INGEST_MISSING",
            f"No ingestion has finished, so {fact.table} has nothing to load",
            hint="Run the job daily_bronze_ingestion first.",
        )
    until = F.col("ingest_run_id") <= newest  # what a run brings that goes on is not complete
    bronze = {name: rows.where(until) for name, rows in places.bronze(spark, fact.reads).items()}
    if parameters["load_type"] != "full" and last == newest:
        return {"written": 0, "dropped": 0, "load_type": "nothing new"}
    staging = Staging(spark, places, fact.table, fact.columns, fact.rules)
    if parameters["load_type"] == "full" or last is None:
        staging.stage(fact.rows(bronze, F.current_timestamp()))
        step("write")
        overwrite(staging.kept(), places.table(fact.table))
    else:
        keys = staging.keep_keys(fact.touched(bronze, last, newest))
        groups = keys.select(fact.group)
        rows = fact.rows(bronze, F.current_timestamp(), keys)
        staging.stage(among(rows, [fact.group], groups))
        step("write")
        replace(spark, places.table(fact.table), fact, staging.kept(), groups)
    step("reject")
    told = staging.told()
    if told["dropped"]:
        control.reject(fact.table, staging.rejected(fact.key))
    step("note")
    control.set_loaded(fact.table, fact.reads, newest, control.known_at(newest))
    staging.clear()
    return {**told, "load_type": "full" if last is None else parameters["load_type"]}


def replace(spark: Any, table: str, fact: Fact, rows: DataFrame, groups: DataFrame) -> None:
    """Put rows in the place of those of the same groups, in one commit."""
    key, columns = fact.key, fact.columns
    there = spark.table(table).join(groups, fact.group, "left_semi")
    gone = there.join(rows.select(*key), list(key), "left_anti")
    changes = rows.withColumn("__gone", F.lit(False)).unionByName(
        gone.withColumn("__gone", F.lit(True))
    )
    changes.createOrReplaceTempView(f"{fact.name}_changes")
    same = " AND ".join(f"t.`{name}` = s.`{name}`" for name in key)
    pairs = ", ".join(f"t.`{name}` = s.`{name}`" for name in columns)
    names = ", ".join(f"`{name}`" for name in columns)
    values = ", ".join(f"s.`{name}`" for name in columns)
    spark.sql(
        f"MERGE INTO {table} AS t USING {fact.name}_changes AS s ON {same}"
        " WHEN MATCHED AND s.__gone THEN DELETE"
        f" WHEN MATCHED THEN UPDATE SET {pairs}"
        f" WHEN NOT MATCHED AND NOT s.__gone THEN INSERT ({names}) VALUES ({values})"
    )
    spark.catalog.dropTempView(f"{fact.name}_changes")

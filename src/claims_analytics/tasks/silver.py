"""Load a fact of silver: all of it, or what new rows of bronze change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from claims_analytics.silver.facts import FACTS, Fact
from claims_analytics.silver.medications import as_of_dates
from claims_analytics.tasks.control import Control
from claims_analytics.tasks.parameters import FACT, LOAD_TYPE, TABLES
from claims_analytics.tasks.places import Places
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
    bronze = places.bronze(spark, fact.reads)
    full = parameters["load_type"] == "full" or last is None
    if parameters["load_type"] != "full" and last == newest:
        return {"written": 0, "dropped": 0, "load_type": "nothing new"}
    load = _Load(spark, places, fact)
    if parameters["load_type"] == "full" or last is None:
        load.stage(fact.rows(bronze, F.current_timestamp()))
        step("write")
        load.overwrite()
    else:
        touched = fact.touched(bronze, last, newest)
        rows = fact.rows(touched.bronze, F.current_timestamp())
        load.stage(rows.join(touched.groups, fact.group, "left_semi"))
        step("write")
        load.replace(touched.groups)
    step("reject")
    told = load.told()
    if told["dropped"]:
        control.reject(load.rejected())
    step("note")
    as_of = as_of_dates(places.bronze(spark, ["encounters"])["encounters"])
    until = as_of.where(F.col("since_run") <= newest).agg(F.max("as_of_date")).collect()[0]
    control.set_loaded(fact.table, fact.reads, newest, until[0])
    load.clear()
    return {**told, "load_type": "full" if last is None else parameters["load_type"]}


class _Load:
    """Writes rows of one fact by way of a staging table: computed once, they are counted, rejected
    and written from there. What a killed load leaves in it, the next one overwrites."""

    def __init__(self, spark: Any, places: Places, fact: Fact) -> None:
        self._spark, self._fact = spark, fact
        self._table = places.table(fact.table)
        self._staging = places.control(f"staging_{fact.table}")

    def stage(self, rows: DataFrame) -> None:
        """Keep rows with the names of the rules they break; a rule of `fail` stops it here."""
        rules = self._fact.rules
        broken = F.array(
            *(_broken(name, rule) for name, rule in {**rules.warn, **rules.drop}.items())
        )
        sound = F.lit(True)
        for name, rule in rules.fail.items():
            stop = F.raise_error(F.lit(f"[RULE_FAILED] {name} of {self._fact.table}"))
            sound = sound & F.when(_holds(rule), F.lit(True)).otherwise(stop.cast("boolean"))
        staged = rows.where(sound).select(
            *self._fact.columns, F.array_compact(broken).alias("__broken")
        )
        writer = staged.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        writer.saveAsTable(self._staging)

    def overwrite(self) -> None:
        """Put what was staged in the place of all rows, in one commit."""
        writer = self._kept().write.format("delta").mode("overwrite")
        writer.option("overwriteSchema", "true").saveAsTable(self._table)

    def replace(self, groups: DataFrame) -> None:
        """Put what was staged in the place of the rows of the same groups, in one commit."""
        key, columns = self._fact.key, self._fact.columns
        kept = self._kept()
        there = self._spark.table(self._table).join(groups, self._fact.group, "left_semi")
        gone = there.join(kept.select(*key), list(key), "left_anti")
        changes = kept.withColumn("__gone", F.lit(False)).unionByName(
            gone.withColumn("__gone", F.lit(True))
        )
        changes.createOrReplaceTempView(f"{self._fact.name}_changes")
        same = " AND ".join(f"t.`{name}` = s.`{name}`" for name in key)
        pairs = ", ".join(f"t.`{name}` = s.`{name}`" for name in columns)
        names = ", ".join(f"`{name}`" for name in columns)
        values = ", ".join(f"s.`{name}`" for name in columns)
        self._spark.sql(
            f"MERGE INTO {self._table} AS t USING {self._fact.name}_changes AS s ON {same}"
            " WHEN MATCHED AND s.__gone THEN DELETE"
            f" WHEN MATCHED THEN UPDATE SET {pairs}"
            f" WHEN NOT MATCHED AND NOT s.__gone THEN INSERT ({names}) VALUES ({values})"
        )
        self._spark.catalog.dropTempView(f"{self._fact.name}_changes")

    def told(self) -> dict[str, Any]:
        """Count the rows that were staged, those that rules keep out, and each rule's."""
        rules = self._fact.rules
        counted = (*rules.warn, *rules.drop)
        rows = self._spark.table(self._staging)
        counts = rows.agg(
            F.count("*").alias("__rows"),
            F.count_if(self._dropped()).alias("__dropped"),
            *(F.count_if(F.array_contains("__broken", name)).alias(name) for name in counted),
        ).collect()[0]
        return {
            "written": counts["__rows"] - counts["__dropped"],
            "dropped": counts["__dropped"],
            "rules": {name: counts[name] for name in counted if counts[name]},
        }

    def rejected(self) -> DataFrame:
        """Return what is noted of rows that a rule keeps out: no payload."""
        fact = self._fact
        failed = F.array_intersect("__broken", F.array(*map(F.lit, fact.rules.drop)))
        rows: DataFrame = self._spark.table(self._staging)
        return rows.select(
            F.lit(fact.table).alias("table"),
            F.concat_ws("|", *(F.col(name).cast("string") for name in fact.key)).alias("key"),
            "ingest_run_id",
            "source_file",
            F.explode(failed).alias("rule"),
        ).distinct()

    def clear(self) -> None:
        """Drop what was staged."""
        self._spark.sql(f"DROP TABLE IF EXISTS {self._staging}")

    def _dropped(self) -> Column:
        return F.arrays_overlap("__broken", F.array(*map(F.lit, self._fact.rules.drop)))

    def _kept(self) -> DataFrame:
        rows: DataFrame = self._spark.table(self._staging)
        return rows.where(~self._dropped()).select(*self._fact.columns)


def _broken(name: str, rule: str) -> Column:
    """Return the name of a rule where it is broken, else NULL."""
    return F.when(~_holds(rule), F.lit(name))


def _holds(rule: str) -> Column:
    """Return whether a rule IS TRUE: NULL is not."""
    return F.coalesce(F.expr(rule), F.lit(False))

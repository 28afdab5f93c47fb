"""Load a fact of silver: all of it, or what new rows of bronze change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, Observation
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
    load = _Load(spark, places, fact)
    if not full and last == newest:
        return {"written": 0, "dropped": 0, "load_type": "nothing new"}
    touched = None if full else fact.touched(bronze, str(last), newest)
    rows = fact.rows(bronze if touched is None else touched.bronze, F.current_timestamp())
    step("write")
    if touched is None:
        told = load.overwrite(rows)
    else:
        told = load.replace(rows.join(touched.groups, fact.group, "left_semi"), touched.groups)
    if told["dropped"]:
        step("reject")
        control.reject(load.rejected(rows))
    step("note")
    as_of = as_of_dates(places.bronze(spark, ["encounters"])["encounters"])
    until = as_of.where(F.col("since_run") <= newest).agg(F.max("as_of_date")).first()
    control.set_loaded(fact.table, fact.reads, newest, until and until[0])
    return {**told, "load_type": "full" if full else "incremental"}


class _Load:
    """Writes rows of one fact, counting what its rules say in the same pass."""

    def __init__(self, spark: Any, places: Places, fact: Fact) -> None:
        self._spark, self._fact = spark, fact
        self._table = places.table(fact.table)

    def overwrite(self, rows: DataFrame) -> dict[str, Any]:
        """Put rows in the place of all that are there, in one commit."""
        kept, seen = self._checked(rows)
        writer = kept.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        writer.saveAsTable(self._table)
        return self._told(seen)

    def replace(self, rows: DataFrame, groups: DataFrame) -> dict[str, Any]:
        """Put rows in the place of those of the same groups, in one commit."""
        key, group = self._fact.key, self._fact.group
        kept, seen = self._checked(rows)
        kept = kept.withColumn("__gone", F.lit(False))
        there = self._spark.table(self._table).join(groups, group, "left_semi")
        gone = there.join(rows.select(*key), list(key), "left_anti").withColumn(
            "__gone", F.lit(True)
        )
        kept.unionByName(gone).createOrReplaceTempView("claims_replacing")
        same = " AND ".join(f"t.`{name}` = s.`{name}`" for name in key)
        pairs = ", ".join(f"t.`{name}` = s.`{name}`" for name in self._fact.columns)
        names = ", ".join(f"`{name}`" for name in self._fact.columns)
        values = ", ".join(f"s.`{name}`" for name in self._fact.columns)
        self._spark.sql(
            f"MERGE INTO {self._table} AS t USING claims_replacing AS s ON {same}"
            " WHEN MATCHED AND s.__gone THEN DELETE"
            f" WHEN MATCHED THEN UPDATE SET {pairs}"
            f" WHEN NOT MATCHED AND NOT s.__gone THEN INSERT ({names}) VALUES ({values})"
        )
        self._spark.catalog.dropTempView("claims_replacing")
        return self._told(seen)

    def rejected(self, rows: DataFrame) -> DataFrame:
        """Return what is noted of rows that a rule keeps out: no payload."""
        fact = self._fact
        failed = F.array_compact(
            F.array(*(F.when(~_holds(rule), F.lit(name)) for name, rule in fact.rules.drop.items()))
        )
        return rows.select(
            F.lit(fact.table).alias("table"),
            F.concat_ws("|", *(F.col(name).cast("string") for name in fact.key)).alias("key"),
            "ingest_run_id",
            "source_file",
            F.explode(failed).alias("rule"),
        ).distinct()

    def _checked(self, rows: DataFrame) -> tuple[DataFrame, Observation]:
        """Return the rows to write; one that breaks a rule of `fail` stops the write."""
        rules = self._fact.rules
        seen = Observation()
        counted = {**rules.warn, **rules.drop}
        every = [F.count_if(~_holds(rule)).alias(name) for name, rule in counted.items()]
        passes = reduce(Column.__and__, map(_holds, rules.drop.values()), F.lit(True))
        observed = rows.observe(
            seen, *every, F.count("*").alias("__rows"), F.count_if(~passes).alias("__dropped")
        )
        for name, rule in rules.fail.items():
            stop = F.raise_error(F.lit(f"[RULE_FAILED] {name} of {self._fact.table}"))
            passes = passes & F.when(_holds(rule), F.lit(True)).otherwise(stop.cast("boolean"))
        return observed.where(passes).select(*self._fact.columns), seen

    def _told(self, seen: Observation) -> dict[str, Any]:
        counts = dict(seen.get)
        rows, dropped = counts.pop("__rows"), counts.pop("__dropped")
        return {
            "written": rows - dropped,
            "dropped": dropped,
            "rules": {name: count for name, count in counts.items() if count},
        }


def _holds(rule: str) -> Column:
    """Return whether a rule IS TRUE: NULL is not."""
    return F.coalesce(F.expr(rule), F.lit(False))

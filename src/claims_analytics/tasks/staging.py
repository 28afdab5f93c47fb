"""A staging table: rows are computed once, then counted, rejected and written from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from claims_analytics.rules import Rules
from claims_analytics.tasks.places import Places, overwrite


class Staging:
    """Rows of one table with the names of the rules that each breaks.

    What a killed load leaves here, the next one overwrites.
    """

    def __init__(
        self, spark: Any, places: Places, table: str, columns: Sequence[str], rules: Rules
    ) -> None:
        self._spark, self._rules, self._columns = spark, rules, columns
        self._of = table
        self._table = places.control(f"staging_{table}")
        self._keys = places.control(f"touched_{table}")

    def keep_keys(self, keys: DataFrame) -> DataFrame:
        """Find keys once, for all that asks about them; return them as they are kept."""
        overwrite(keys, self._keys)
        kept: DataFrame = self._spark.table(self._keys)
        return kept

    def stage(self, rows: DataFrame) -> None:
        """Keep rows and what they break; a rule of `fail` stops it here, and nothing is kept."""
        sound = F.lit(True)
        for name, rule in self._rules.fail.items():
            stop = F.raise_error(F.lit(f"[RULE_FAILED] {name} of {self._of}"))
            sound = sound & F.when(_holds(rule), F.lit(True)).otherwise(stop.cast("boolean"))
        staged = rows.where(sound).select(
            *self._columns, broken_rules(self._rules).alias("__broken")
        )
        overwrite(staged, self._table)

    def kept(self) -> DataFrame:
        """Return the rows that no rule of `drop` keeps out."""
        return self._rows().where(~self._dropped()).select(*self._columns)

    def told(self) -> dict[str, Any]:
        """Count the rows that are kept, those that are not, and each rule's."""
        dropped = F.count_if(self._dropped()).alias("__dropped")
        counts = broken_counts(
            self._rows(), self._rules, "__broken", dropped, F.count("*").alias("__rows")
        )
        rows, kept_out = counts.pop("__rows"), counts.pop("__dropped")
        return {
            "written": rows - kept_out,
            "dropped": kept_out,
            "rules": {name: count for name, count in counts.items() if count},
        }

    def rejected(self, key: Sequence[str]) -> DataFrame:
        """Return what is noted of rows that a rule keeps out: no payload."""
        failed = F.array_intersect("__broken", self._names_of_drop())
        return (
            self._rows()
            .select(
                F.lit(self._of).alias("table"),
                F.concat_ws("|", *(F.col(name).cast("string") for name in key)).alias("key"),
                "ingest_run_id",
                "source_file",
                F.explode(failed).alias("rule"),
            )
            .distinct()
        )

    def clear(self) -> None:
        """Drop what is staged."""
        for table in (self._table, self._keys):
            self._spark.sql(f"DROP TABLE IF EXISTS {table}")

    def _rows(self) -> DataFrame:
        rows: DataFrame = self._spark.table(self._table)
        return rows

    def _names_of_drop(self) -> Column:
        return F.array(*map(F.lit, self._rules.drop)).cast("array<string>")

    def _dropped(self) -> Column:
        return F.arrays_overlap("__broken", self._names_of_drop())


def broken_rules(rules: Rules) -> Column:
    """Return the names of the rules of `warn` and `drop` that a row breaks, as an array."""
    counted = {**rules.warn, **rules.drop}
    return F.array_compact(
        F.array(*(F.when(~_holds(rule), F.lit(name)) for name, rule in counted.items()))
    )


def broken_counts(rows: DataFrame, rules: Rules, column: str, *further: Column) -> dict[str, int]:
    """Count the rows that break each rule, by name.

    Args:
        column: holds what `broken_rules` returned.
        further: other counts, each with a name.
    """
    names = (*rules.warn, *rules.drop)
    each = [F.count_if(F.array_contains(column, name)).alias(name) for name in names]
    return dict(rows.agg(*each, *further).collect()[0].asDict())


def broken(rows: DataFrame, rules: Rules) -> dict[str, int]:
    """Count the rows of a table that break each rule, by name; what none breaks is left out."""
    counts = broken_counts(rows.select(broken_rules(rules).alias("broken")), rules, "broken")
    return {name: count for name, count in counts.items() if count}


def _holds(rule: str) -> Column:
    """Return whether a rule IS TRUE: NULL is not."""
    return F.coalesce(F.expr(rule), F.lit(False))

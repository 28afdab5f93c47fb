"""Where the tables of a target are, and their names as SQL has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import RUN_COLUMNS
from claims_analytics.sources import SOURCES


@dataclass(frozen=True, slots=True)
class Places:
    """Schemas of a target."""

    catalog: str
    schema: str
    ops: str

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Places:
        """Read them from the parameters of a task."""
        return cls(parameters["catalog"], parameters["schema"], parameters["ops_schema"])

    def table(self, name: str) -> str:
        """Name a table of bronze, silver or gold."""
        return f"`{self.catalog}`.`{self.schema}`.`{name}`"

    def control(self, name: str) -> str:
        """Name a control table."""
        return f"`{self.catalog}`.`{self.ops}`.`{name}`"

    def bronze(self, spark: Any, names: Iterable[str]) -> dict[str, DataFrame]:
        """Return bronze tables by the name of their file; one that never came has no rows."""
        return {name: self._bronze(spark, name) for name in names}

    def _bronze(self, spark: Any, name: str) -> DataFrame:
        table = self.table(SOURCES[name].table)
        if spark.catalog.tableExists(table):
            found: DataFrame = spark.table(table)
            return found
        columns = [F.lit(None).cast("string").alias(column) for column in SOURCES[name].columns]
        run = [F.lit(None).cast(kind).alias(column) for column, kind in RUN_COLUMNS.items()]
        empty: DataFrame = spark.range(0).select(*columns, *run)
        return empty


def overwrite(rows: DataFrame, table: str) -> None:
    """Put rows in the place of all that a table has, in one commit."""
    writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer.saveAsTable(table)

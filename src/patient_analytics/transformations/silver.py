"""Silver: typed and enriched events."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from patient_analytics.utilities import add_time_columns, enrich_with_temporal_attrs


def to_silver(bronze: DataFrame) -> DataFrame:
    """Parse, type and enrich events; nothing is filtered here, the rules do that.

    Args:
        bronze: events as landed; age as any type.

    Returns:
        The same rows. `age` is INT (NULL when it is none), `department` is trimmed.
    """
    age = F.col("age").cast("string").try_cast("decimal(20,4)")  # 45.0 where a file has doubles
    typed = bronze.withColumns(
        {
            "age": F.when(age == F.floor(age), age.try_cast("int")),
            "department": F.trim("department"),
        }
    )
    return enrich_with_temporal_attrs(add_time_columns(typed))

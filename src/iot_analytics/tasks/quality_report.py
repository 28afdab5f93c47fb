"""What the tests of a run found, as `dq_results` has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import functions as F

from iot_analytics.tasks.parameters import CATALOG, RUN, SCHEMA

PARAMETERS = (CATALOG, SCHEMA, RUN)
TABLE = "dq_results"


def report(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Print the tests that did not pass, and count how all ended. It holds names and counts alone.

    Returns:
        The number of tests by status: pass, warn, fail, error.
    """
    name = f"`{parameters['catalog']}`.`{parameters['schema']}`.{TABLE}"
    found = spark.table(name).where(F.col("run_id") == parameters["run_id"])
    rows = found.select("test", "severity", "status", "failures").orderBy("test").collect()
    counts: dict[str, Any] = {}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
        if row.status != "pass":
            print(f"{row.status:<5} {row.test}: {row.failures}")  # noqa: T201 - the output
    return counts

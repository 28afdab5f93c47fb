"""Run dbt's own commands on the project of IoT in the session of the tests."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "dbt"


@dataclass(frozen=True)
class Dbt:
    """Commands of one project, in the schemas of one prefix."""

    spark: SparkSession
    prefix: str
    folder: Path
    project: Path = PROJECT

    def run(self, *words: str, succeeds: bool = True) -> dict[str, Any]:
        """Run a command and return the result of each node by its name."""
        from dbt.cli.main import dbtRunner  # takes a second

        command = [
            *words,
            *("--project-dir", str(self.project)),
            *("--profiles-dir", str(PROJECT)),
            *("--target-path", str(self.folder / "target")),
            *("--log-path", str(self.folder / "logs")),
            *("--log-level", "none"),
        ]
        with _environment(DBT_ENV_PREFIX=self.prefix), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = dbtRunner().invoke(command)
        results = {result.node.name: result for result in getattr(outcome.result, "results", [])}
        if outcome.success is not succeeds:
            wrong = [
                f"{name}: {result.message}" for name, result in results.items() if result.message
            ]
            pytest.fail(f"{words}: {outcome.exception}\n" + "\n".join(wrong))
        return results

    def names(self, *words: str) -> set[str]:
        """Return the names that `dbt ls` gives."""
        from dbt.cli.main import dbtRunner

        command = ["ls", *words, "--output", "name", "--quiet", "--project-dir", str(self.project)]
        paths = ["--profiles-dir", str(PROJECT), "--target-path", str(self.folder / "target")]
        with _environment(DBT_ENV_PREFIX=self.prefix), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return set(dbtRunner().invoke([*command, *paths]).result)

    def table(self, name: str) -> str:
        """Return a table's full name: `silver.stg_orders` in the schemas of the prefix."""
        return f"{self.prefix}_{name}"

    def rows(self, name: str, *key: str) -> dict[Any, Any]:
        """Return the rows of a table by key."""
        found = {}
        for row in self.spark.table(self.table(name)).toArrow().to_pylist():  # times in UTC
            values = tuple(row[column] for column in key)
            found[values if len(key) > 1 else values[0]] = Row(**row)
        return found


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def drop_schemas(spark: SparkSession, prefix: str, layers: Sequence[str]) -> None:
    """Drop the schemas of a prefix, and what dbt leaves in the session."""
    for layer in layers:
        spark.sql(f"DROP SCHEMA IF EXISTS {prefix}_{layer} CASCADE")
    for model in ("stg_iot_events", "fct_iot_events", "agg_daily_device_metrics"):
        spark.catalog.dropTempView(f"{model}__dbt_tmp")

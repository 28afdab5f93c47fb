"""Run dbt's own commands on the project of IoT in the session of the tests."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from headwater.dbt.bridge import Bridge
from headwater.settings import environment_with

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
        from headwater.dbt.library import invoke  # dbt takes a second to import

        command = [
            *words,
            *("--project-dir", str(self.project)),
            *("--profiles-dir", str(PROJECT)),
            *("--target-path", str(self.folder / "target")),
            *("--log-path", str(self.folder / "logs")),
            *("--log-level", "none"),
        ]
        bridge = Bridge(lambda: self.spark, lambda: None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = invoke(command, bridge, {"DBT_ENV_PREFIX": self.prefix})
        results = {
            result.node.name: result
            for result in outcome.results
            if result.node.resource_type != "operation"  # a hook
        }
        if outcome.succeeded is not succeeds:
            wrong = [
                f"{name}: {result.message}" for name, result in results.items() if result.message
            ]
            pytest.fail(f"{words}: {outcome.error}\n" + "\n".join(wrong))
        return results

    def names(self, *words: str) -> set[str]:
        """Return the names that `dbt ls` gives."""
        from dbt.cli.main import dbtRunner

        from headwater.dbt.library import close_logs

        command = ["ls", *words, "--output", "name", "--quiet", "--project-dir", str(self.project)]
        paths = [
            *("--profiles-dir", str(PROJECT)),
            *("--target-path", str(self.folder / "target")),
            *("--log-path", str(self.folder / "logs")),
        ]
        with environment_with({"DBT_ENV_PREFIX": self.prefix}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return set(dbtRunner().invoke([*command, *paths]).result)
            finally:
                close_logs()

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


def drop_schemas(spark: SparkSession, prefix: str, layers: Sequence[str]) -> None:
    """Drop the schemas of a prefix."""
    for layer in layers:
        spark.sql(f"DROP SCHEMA IF EXISTS {prefix}_{layer} CASCADE")

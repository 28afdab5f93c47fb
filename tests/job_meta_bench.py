"""What tests of local runs share: a folder of files, a schema, sources of each kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakeflow_job_meta.local_runs import RunResult, TaskResult, run_module
from lakeflow_job_meta.sources import Source

HEADER = "# Databricks notebook source\n"
ASLEEP = "reflect('java.lang.Thread', 'sleep', 20L) = 'awake'"
"""A condition that waits at each row and holds for none: endless work, but no processor time."""

_numbers = itertools.count(1)


class Bench:
    """A folder for a module's files, and a schema for its tables."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        self.schema = f"job_meta_{next(_numbers)}"
        spark.sql(f"CREATE SCHEMA {self.schema}")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text.replace("SCHEMA", self.schema), encoding="utf-8")

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.spark.sql(text.replace("SCHEMA", self.schema)).collect()]

    def run(self, *sources: Source, **options: Any) -> RunResult:
        return run_module(
            sources, control_table="main.ops.control", spark=self.spark, root=self.folder, **options
        )

    def states(self, *sources: Source, **options: Any) -> dict[str, str]:
        return {each.source_id: each.state for each in self.run(*sources, **options).results}

    def query(self, name: str, order: int | None, text: str, **more: Any) -> Source:
        parameters = more.pop("parameters", {})
        text = text.replace("SCHEMA", self.schema)
        sql_task = {"warehouse_id": "w", "sql_query": text, "parameters": parameters}
        return source(name, order, {"task_type": "sql_query", "sql_task": sql_task, **more})


def source(name: str, order: int | None, config: Mapping[str, Any], **more: Any) -> Source:
    return Source(name, "module", "any", order, transformation_config=config, where=name, **more)


def notebook(name: str, order: int | None = 1, **more: Any) -> Source:
    return source(name, order, {"task_type": "notebook", "notebook_path": name, **more})


def script(name: str, order: int | None = 1, **more: Any) -> Source:
    return source(name, order, {"task_type": "python_script", "python_file": f"{name}.py", **more})


def condition(name: str, op: str, left: str, right: str, order: int | None = None) -> Source:
    return source(name, order, {"task_type": "condition", "op": op, "left": left, "right": right})


def one(result: RunResult) -> TaskResult:
    [found] = result.results
    return found


@pytest.fixture
def bench(spark: SparkSession, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(spark, tmp_path)
    yield bench
    spark.sql(f"DROP SCHEMA {bench.schema} CASCADE")

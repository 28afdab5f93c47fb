"""What the event log tells of an update beside its states: who, on what, and what waits."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from harness import Project

SOURCE = """
from pyspark import pipelines as dp

@dp.temporary_view
def landed():
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
    return reader.option("cloudFiles.maxFilesPerTrigger", 2).load("VOLUME")

@dp.table
def bronze():
    return spark.readStream.table("landed")

@dp.table
def silver():
    return spark.readStream.option("maxFilesPerTrigger", 1).table("bronze")
"""
QUERY = "CREATE STREAMING TABLE by_sql AS SELECT id FROM STREAM bronze;"


Events = list[dict[str, Any]]


def details(events: Events, kind: str, flow: str | None = None) -> list[dict[str, Any]]:
    return [
        each["details"][kind]
        for each in events
        if each["event_type"] == kind and flow in (None, each["origin"]["flow_name"])
    ]


def metrics(events: Events, flow: str) -> list[dict[str, Any]]:
    told = details(events, "flow_progress", flow)
    return [each["metrics"] for each in told if "metrics" in each]


def land(project: Project, number: int) -> None:
    pq.write_table(pa.table({"id": [number]}), project.landing / f"{number}.parquet")


@pytest.fixture(scope="module")
def updated(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Five files of one row each have gone through the pipeline, two in a micro-batch."""
    project = Project(spark, tmp_path_factory.mktemp("updated"))
    project.write(SOURCE)
    project.write(QUERY, "more.sql")
    for number in range(5):
        land(project, number)
    project.run(run_as="somebody")
    return project


@pytest.fixture(scope="module")
def events(updated: Project) -> Events:
    """The events of this update."""
    return updated.events()


def test_update_tells_who_started_it_and_what_it_runs_on(events: Events) -> None:
    first = [each["event_type"] for each in events][:3]
    assert first == ["user_action", "create_update", "runtime_details"]
    started = {"action": "START", "user_name": "somebody", "user_id": None}
    assert details(events, "user_action") == [started]
    assert "Spark 4.2.0" in details(events, "runtime_details")[0]["dbr_version"]


def test_listing_of_files_is_told(updated: Project, events: Events) -> None:
    listing = details(events, "operation_progress")
    assert [each["status"] for each in listing] == ["STARTED", "COMPLETED"]
    assert listing[1]["duration_ms"] >= 0
    found = {"source_path": updated.volume, "num_files_listed": 5}
    assert listing[1]["auto_loader_details"] == found


def test_flows_are_defined_with_language_and_columns(events: Events) -> None:
    languages = [
        details(events, "flow_definition", flow)[0]["language"] for flow in ("silver", "by_sql")
    ]
    assert languages == ["PYTHON", "SQL"]
    columns = details(events, "flow_definition", "silver")[0]["schema"]
    assert columns[0] == {"name": "id", "data_type": "bigint"}


def test_micro_batches_are_told_without_folders(updated: Project, events: Events) -> None:
    batches = details(events, "stream_progress", "bronze")
    assert [each["numInputRows"] for each in batches] == [2, 2, 1]
    assert str(updated.folder) not in json.dumps(events, default=str)


def test_backlog_counts_down_to_nothing(events: Events) -> None:
    for flow in ("bronze", "silver"):
        files = [each["backlog_files"] for each in metrics(events, flow)]
        assert flow != "bronze" or files == [3, 1, 0]
        assert files == sorted(files, reverse=True)
        sizes = [each["backlog_bytes"] for each in metrics(events, flow)]
        assert sizes == sorted(sizes, reverse=True)
        assert (files[-1], sizes[-1]) == (0, 0)
        assert sizes[0] > 0


def test_backlog_names_its_source(updated: Project, events: Events) -> None:
    names = [metrics(events, flow)[-1]["source_metrics"] for flow in ("bronze", "silver")]
    empty = {"backlog_bytes": 0, "backlog_files": 0}
    assert names[0] == [{"source_name": updated.volume, **empty}]
    assert names[1] == [{"source_name": f"main.{updated.schema}.bronze", **empty}]


def test_later_updates_tell_of_what_is_new_alone(updated: Project) -> None:
    updated.run()
    for kind in ("operation_progress", "stream_progress"):
        assert details(updated.events(), kind) == []
    for number in (5, 6):
        land(updated, number)
        updated.run()
        found = metrics(updated.events(), "bronze")
        assert [each["backlog_files"] for each in found] == [0]
        assert details(updated.events(), "operation_progress")[1]["auto_loader_details"][
            "num_files_listed"
        ] == (number + 1)

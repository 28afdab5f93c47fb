"""Updates go on after maintenance; after a rollback a stream refuses, as we say it will."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from harness import Project
from headwater.delta import read_delta
from headwater.operations.health import target_health
from headwater.operations.maintenance import Status, maintain
from headwater.operations.maintenance_file import Care, Maintenance
from headwater.operations.rollback import Aim, Outcome, roll_back
from headwater.operations.tables import OnDisk, tables_on_disk

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.table
def events():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .option("cloudFiles.maxFilesPerTrigger", 1).load("VOLUME"))

@dp.table
def copies():
    return spark.readStream.option("maxFilesPerTrigger", 1).table("events")

@dp.materialized_view
def counts():
    return spark.read.table("copies").groupBy("kind").agg(F.count("*").alias("rows"))

dp.create_streaming_table("latest")
dp.create_auto_cdc_flow(target="latest", source="events", keys=["id"], sequence_by="seq")
"""
EAGER = Maintenance((Care(zorder_by=("id",), retention_hours=0),))


def land(project: Project, number: int) -> None:
    rows = {"id": [number % 2], "seq": [number], "kind": ["a"]}
    pq.write_table(pa.table(rows), project.landing / f"{number}.parquet")


def table(project: Project, name: str) -> OnDisk:
    (found,) = tables_on_disk(project.target, [f"main.{project.schema}.{name}"])
    return found


def rows(project: Project, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_delta(table(project, name).path).to_pylist()
    return found


def test_updates_read_nothing_twice_after_maintenance(project: Project) -> None:
    project.write(SOURCE)
    for number in range(2):  # each file is a batch of its own, and a commit in each table
        land(project, number)
    assert project.run().state == "COMPLETED"
    before = {name: len(rows(project, name)) for name in ("events", "copies", "latest")}
    tables = tables_on_disk(project.target)
    steps = list(maintain(project.target, tables, EAGER, apply=True, force=True))
    done = {(Path(each.table).suffix, each.operation) for each in steps if each.status == "DONE"}
    assert {(".events", "OPTIMIZE"), (".copies", "OPTIMIZE"), (".copies", "VACUUM")} <= done
    assert Status.FAILED not in {each.status for each in steps}
    result = project.run()
    assert result.state == "COMPLETED"
    assert {flow.flow: flow.rows_written for flow in result.flows}["copies"] == 0
    assert {name: len(rows(project, name)) for name in before} == before
    land(project, 2)
    assert project.run().state == "COMPLETED"
    assert [each["rows"] for each in rows(project, "counts")] == [3]
    assert sorted(each["seq"] for each in rows(project, "latest")) == [1, 2]
    assert target_health(project.target)[0].is_healthy


def test_stream_over_a_table_that_was_rolled_back_refuses_to_go_on(project: Project) -> None:
    project.write(SOURCE)
    for number in range(2):  # each file is a batch of its own, and a commit in each table
        land(project, number)
    assert project.run().state == "COMPLETED"
    events = table(project, "events")
    (found,) = roll_back(
        project.target, [events], Aim(DeltaTable(events.path).version() - 1), apply=True
    )
    assert found.outcome is Outcome.DONE
    told = " ".join(found.effects)
    assert f"--full-refresh=main.{project.schema}.copies" in told
    assert f"--full-refresh=main.{project.schema}.latest" in told
    result = project.run()
    assert result.state == "FAILED"
    assert "FAILED" in [flow.status for flow in result.flows if flow.flow in ("copies", "latest")]
    assert project.run(full_refresh=("*",)).state == "COMPLETED"
    assert len(rows(project, "copies")) == 2

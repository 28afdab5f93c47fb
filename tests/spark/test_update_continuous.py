"""An update that goes on with whatever is new until it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from harness import Project
from headwater.bundle import load_bundle
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater, UpdateResult
from headwater.events.rows import Event

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.table
def bronze():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("VOLUME"))

@dp.table
@dp.expect_or_drop("positive", "id > 0")
def silver():
    return spark.readStream.table("bronze")

dp.create_streaming_table("history")
dp.create_auto_cdc_flow(target="history", source="silver", keys=["id"], sequence_by="seq",
                        stored_as_scd_type=2)

@dp.materialized_view
def total():
    return spark.read.table("history").agg(F.sum("id").alias("n"))
"""

MOST_SECONDS = 240.0
"""After these a test that waits for something else ends, and fails."""

SOON = {"pipelines.trigger.interval": "0 seconds"}


def land(project: Project, file: str, **columns: list[object]) -> None:
    """Land a file at once: half of one would be read as a corrupt one, and tried again."""
    half = project.folder / file
    pq.write_table(pa.table(columns), half)
    half.rename(project.landing / f"{file}.parquet")


def run_on(project: Project, listen: Callable[[Event, threading.Event], None]) -> UpdateResult:
    """Run continuously; the listener may stop it."""
    bundle, stopping = load_bundle(project.folder), threading.Event()
    overdue = threading.Timer(MOST_SECONDS, stopping.set)
    overdue.start()
    updater = Updater(
        project.spark,
        bundle,
        bundle.pipeline(),
        project.store,
        lambda event: listen(event, stopping),
        stopping=stopping,
    )
    try:
        return updater.run(UpdateRequest(continuous=True))
    finally:
        overdue.cancel()


def is_idle(event: Event, flow: str) -> bool:
    return event.origin.get("flow_name") == flow and event.details.get("status") == "IDLE"


def states(project: Project) -> list[str]:
    return [
        each["details"]["update_progress"]["state"]
        for each in project.events()
        if each["event_type"] == "update_progress"
    ]


def totals(project: Project) -> list[object]:
    return project.values("SELECT n FROM SCHEMA.total")


def test_new_rows_and_columns_reach_every_table_until_it_is_stopped(project: Project) -> None:
    project.configure(SOON)
    project.write(SOURCE)
    land(project, "a", id=[1, None, -5], seq=[1, 1, 1])
    waves = [  # what comes once the view has a value
        ([1], lambda: land(project, "b", id=[3, 1], seq=[1, 0], new=["x", "y"])),  # one is late
        ([5], lambda: land(project, "c", id=[4], seq=[None])),
    ]
    failed = []

    def listen(event: Event, stopping: threading.Event) -> None:
        if event.details.get("status") == "FAILED":
            failed.append(event.origin["flow_name"])
        if is_idle(event, "total") and waves and totals(project) == waves[0][0]:
            waves.pop(0)[1]()
        if event.details.get("status") == "SKIPPED":
            stopping.set()

    result = run_on(project, listen)
    assert waves == []
    assert failed == ["history"]  # a NULL sequence can't mend by itself
    assert (result.state, len(result.update_ids)) == ("CANCELED", 2)
    assert result.error is not None
    assert states(project)[-1] == "CANCELED"
    assert project.values("SELECT id FROM SCHEMA.silver") == [1, 1, 3, 4]
    assert totals(project) == [5]
    assert project.run().state == "FAILED"  # the file is not read again, and the batch still waits
    assert project.values("SELECT id FROM SCHEMA.silver") == [1, 1, 3, 4]


def test_turns_that_find_nothing_new_write_nothing(project: Project) -> None:
    project.configure(SOON)
    project.write(SOURCE)
    land(project, "a", id=[1], seq=[1])
    project.run()
    seen: list[str] = []

    def listen(event: Event, stopping: threading.Event) -> None:
        seen.append(str(event.details.get("status") or event.event_type))
        if seen.count("IDLE") == 4:
            threading.Timer(1.0, stopping.set).start()  # some turns that nobody hears of

    result = run_on(project, listen)
    assert (result.state, result.error) == ("CANCELED", None)
    assert {flow.status for flow in result.flows} == {"STOPPED"}
    assert "RUNNING" not in seen
    assert seen.count("IDLE") == 4
    assert totals(project) == [1]

"""Sinks: where flows write outside the pipeline, once in each generation of their checkpoints."""

from __future__ import annotations

import json

import pytest

from harness import Project
from headwater.errors import GraphError

SOURCE = """\
from pyspark import pipelines as dp
from pyspark.sql import functions as F

dp.create_sink("out", "delta", options={"tableName": "main.SCHEMA.sent"})

@dp.append_flow(target="out")
def send():
    return spark.readStream.table("SCHEMA.rows")
"""

BATCHES = """\
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.foreach_batch_sink
def merged(rows, number):
    rows.createOrReplaceTempView("new")
    rows.write.mode("append").format("delta").save("VOLUME/kept")
    rows.sparkSession.sql("INSERT INTO main.SCHEMA.sent SELECT id, %s FROM new")

@dp.update_flow(target="merged")
def latest():
    return spark.readStream.table("SCHEMA.rows").groupBy("id").agg(F.count("*").alias("n"))
"""


def refusal(project: Project, source: str) -> tuple[str, int]:
    project.create("rows", "SELECT 1L AS id")
    project.write(source)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    (fault,) = caught.value.faults
    return fault.code, getattr(fault.where, "line", 0)


def test_delta_sink_takes_each_row_once_until_a_full_refresh(project: Project) -> None:
    project.create("rows", "SELECT 1L AS id")
    project.write(SOURCE)
    project.run()
    project.sql("INSERT INTO SCHEMA.rows VALUES (2)")
    project.run()
    assert project.values("SELECT id FROM SCHEMA.sent") == [1, 2]
    project.run(full_refresh=("*",))  # a sink is not cleared
    assert project.values("SELECT id FROM SCHEMA.sent") == [1, 1, 2, 2]


def test_batch_that_is_sent_again_after_a_kill_changes_nothing(project: Project) -> None:
    project.create("rows", "SELECT 1L AS id")
    project.write(SOURCE)
    project.run()
    state = project.store.pipeline_path("flow")
    (committed,) = state.glob("checkpoints/*/*/0/commits/0")
    committed.unlink()  # killed after Delta's commit, before the checkpoint's
    for note in state.glob("standings/*/*/*.json"):
        note.unlink()
    project.run()
    assert project.values("SELECT id FROM SCHEMA.sent") == [1]


def test_hook_gets_the_events_of_an_update(project: Project) -> None:
    project.create("rows", "SELECT 1L AS id")
    hook = """
@dp.on_event_hook
def keep(event):
    with open("VOLUME/told", "a") as out:
        out.write(event["event_type"] + "\\n")
"""
    project.write(SOURCE + hook.replace("VOLUME", str(project.landing)))
    project.run()
    told = (project.landing / "told").read_text().splitlines()
    assert told == [each["event_type"] for each in project.events()]


def test_sink_is_defined_in_the_event_log_without_secrets(project: Project) -> None:
    project.create("rows", "SELECT 1L AS id")
    project.write(SOURCE.replace('"}', '", "password": "hidden"}'))
    project.run()
    (told,) = [each for each in project.events() if each["event_type"] == "sink_definition"]
    assert told["details"]["sink_definition"]["format"] == "delta"
    assert "hidden" not in json.dumps(told["details"])


def test_function_takes_updates_with_the_tables_of_the_target(project: Project) -> None:
    project.create("rows", "SELECT 1L AS id")
    project.create("sent", "SELECT 0L AS id, 0L AS n")
    project.write(BATCHES % "n")
    project.run()
    project.sql("INSERT INTO SCHEMA.rows VALUES (1)")
    (flow,) = project.run().flows
    assert (flow.rows_in, flow.rows_written) == (1, 1)  # however often the function reads them
    assert project.values("SELECT n FROM SCHEMA.sent WHERE id = 1") == [1, 2]
    assert (project.landing / "kept" / "_delta_log").is_dir()


def test_failing_function_is_named_with_its_line(project: Project) -> None:
    project.create("rows", "SELECT 1L AS id")
    project.create("sent", "SELECT 0L AS id, 0L AS n")
    path = project.write(BATCHES % "nothing")
    error = project.run().error
    assert error is not None
    assert (error.code, str(error.where)) == ("SINK_FUNCTION_FAILED", f"{path}:8")


def test_rule_that_fails_before_a_function_is_named_and_not_the_function(project: Project) -> None:
    project.create("rows", "SELECT 500L AS id")
    project.write(
        """
        from pyspark import pipelines as dp

        @dp.temporary_view
        @dp.expect_or_fail("small", "id < 100")
        def small():
            return spark.readStream.table("SCHEMA.rows")

        @dp.foreach_batch_sink
        def kept(rows, number):
            rows.write.mode("append").format("delta").save("VOLUME/kept")

        @dp.append_flow(target="kept")
        def send():
            return spark.readStream.table("small")
        """
    )
    error = project.run().error
    assert error is not None
    assert error.code == "EXPECTATION_VIOLATION"
    assert "'small'" in error.message
    assert "may have been sent" in error.hint


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("main.SCHEMA.sent", "sent", ("SINK_OPTIONS_INVALID", 4)),
        ("main.SCHEMA.sent", "main.SCHEMA.own", ("SINK_INTO_DATASET", 4)),
        ('"delta"', '"parquet"', ("SINK_FORMAT_NOT_BUILT", 4)),
        ('"delta"', '"nowhere"', ("SINK_FORMAT_UNKNOWN", 4)),
        ("spark.readStream", "spark.read", ("FLOW_KIND_WRONG", 6)),
        ("append_flow", "update_flow", ("SINK_FLOW_WRONG", 6)),
        ('out")', 'out", once=True)', ("SINK_FLOW_WRONG", 6)),
    ],
)
def test_sink_that_can_not_work_is_refused_before_anything_runs(
    project: Project, old: str, new: str, expected: tuple[str, int]
) -> None:
    own = '\ndp.create_streaming_table("own")\n' if new.endswith("own") else ""
    flow = (
        '\n@dp.append_flow(target="own")\ndef fills():\n    return spark.readStream.table("rows")\n'
    )
    assert refusal(project, SOURCE.replace(old, new) + own + (flow if own else "")) == expected


def test_sink_can_not_be_read(project: Project) -> None:
    read = '\n@dp.table\ndef back():\n    return spark.readStream.table("out")\n'
    assert refusal(project, SOURCE + read) == ("SINK_READ", 12)

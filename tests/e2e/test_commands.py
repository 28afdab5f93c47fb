"""The commands on a small pipeline, in the order a person uses them.

The interrupt is of a whole process, and so is the first run of `test_avro`; the others run in the
session of the tests.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from command import bundle, headwater, landing, start, text_with_schema, until
from headwater.cli.main import cli
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.errors import UsageError
from headwater.events.rows import Event
from headwater.settings import read_settings
from headwater.state.catalog import forget_all
from headwater.state.target import open_target

SOURCE = """
from pyspark import pipelines as dp

print("said by the file")

@dp.table(comment="as landed")
def bronze():
    print("said by the function")
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("/Volumes/main/s/landing/events"))

@dp.table
@dp.expect_or_drop("positive", "id > 0")
def silver():
    return spark.readStream.table("bronze")
"""

Command = Callable[..., Result]


def land(folder: Path, file: str, **columns: list[object]) -> None:
    pq.write_table(pa.table(columns), landing(folder) / f"{file}.parquet")


@pytest.fixture(scope="module")
def done(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose pipeline has run once."""
    folder = bundle(tmp_path_factory.mktemp("done"), SOURCE)
    land(folder, "a", id=[-1, 1, 2], name=["x", "y", "z"])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ran = invoked(spark, "run", "flow")
    assert ran.exit_code == 0, ran.stderr
    assert "positive" in ran.stdout
    assert "33.33%" in ran.stdout
    assert "note: no effect here: photon\n" in ran.stderr
    return folder


@pytest.fixture
def command(done: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command on the bundle, in the session of the tests; errors are raised."""
    monkeypatch.chdir(done)
    return partial(invoked, spark)


def invoked(spark: SparkSession, *arguments: str) -> Result:
    """Run a command in this folder, in a session; errors are raised."""
    return CliRunner().invoke(
        cli, arguments, obj={"spark": spark}, standalone_mode=False, catch_exceptions=False
    )


def answer(result: Result) -> object:
    return json.loads(result.stdout)


def causes(command: Command) -> list[str]:
    """What each update so far was started by; other tests may have run one."""
    events = json.loads(command("events", "--update", "all", "--json").stdout)
    return [
        event["details"]["create_update"]["cause"]
        for event in events
        if event["event_type"] == "create_update"
    ]


def test_check_of_a_new_target_leaves_nothing_in_the_session(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import dlt\n@dlt.table\ndef t():\n    return spark.range(1)\n"
    monkeypatch.chdir(bundle(tmp_path / "new", source, text_with_schema("checked")))
    assert invoked(spark, "run", "flow", "--validate").exit_code == 0
    assert not Path(".headwater").exists()
    made = invoked(spark, "sql", "CREATE TABLE main.checked.made USING delta AS SELECT 1 AS id")
    assert made.exit_code == 0
    assert Path(".headwater/dev/tables/main/checked/made/_delta_log").is_dir()


def test_new_column_restarts_the_update_by_itself(done: Path, command: Command) -> None:
    before = causes(command)
    assert set(before) == {"USER_ACTION"}
    land(done, "b", id=[3], name=["w"], added=[True])
    ran = command("run", "--json")
    assert "no effect" not in ran.stderr
    told = json.loads(ran.stdout)
    assert told["state"] == "COMPLETED"
    assert len(told["update_ids"]) == 2
    assert causes(command) == [*before, "USER_ACTION", "SCHEMA_CHANGE"]
    rows = json.loads(command("show", "silver", "--json").stdout)
    assert sorted((row["id"], row["added"]) for row in rows) == [(1, None), (2, None), (3, True)]


def test_sql_runs_several_statements_and_prints_the_last(
    done: Path, command: Command, spark: SparkSession
) -> None:
    text = "CREATE TABLE notes (t STRING); INSERT INTO notes VALUES ('a;b'); SELECT * FROM notes"
    assert answer(command("sql", "--json", text)) == [{"t": "a;b"}]
    forget_all(spark, open_target(done, settings=read_settings()).store)  # a new process knows none
    assert answer(command("sql", "--json", "SELECT count(*) AS n FROM main.s.notes")) == [{"n": 1}]


def test_sql_fault_names_the_statement(command: Command) -> None:
    with pytest.raises(UsageError, match="Statement 2 failed") as caught:
        command("sql", "SELECT 1; SELECT * FROM nowhere")
    assert (caught.value.code, caught.value.exit_code) == ("SQL_INVALID", 2)


def test_graph_is_drawn(command: Command) -> None:
    found = command("graph", "--format", "mermaid")
    assert "said by the file\nsaid by the function\n" in found.stderr
    drawn = found.stdout
    assert drawn.startswith("flowchart LR")
    assert drawn.count("-->") == 1


def test_validate_says_so_and_writes_nothing(done: Path, command: Command) -> None:
    before = sorted((done / ".headwater/dev/tables").rglob("*"))
    ran = command("run", "--validate")
    assert (ran.return_value, ran.stdout) == (
        None,
        "Valid: 2 datasets, 2 flows. Nothing written.\n",
    )
    assert sorted((done / ".headwater/dev/tables").rglob("*")) == before


def test_plan_fails_on_what_is_destructive_only_when_asked(done: Path, command: Command) -> None:
    told = command("plan", "--full-refresh=silver")
    assert told.exit_code == 0
    assert "destructive: [FULL_REFRESH] main.s.silver" in told.stdout
    assert told.stdout.endswith("1 of 2 flows would run. Destructive: 1. Nothing was written.\n")
    asked = command("plan", "flow", "--full-refresh=silver", "--fail-on-destructive", "--json")
    plan = json.loads(asked.stdout)
    assert (asked.exit_code, plan["pipeline"], plan["target"]) == (3, "flow", "dev")
    assert [each["code"] for each in plan["destructive"]] == ["FULL_REFRESH"]
    source = done / "p" / "a.py"
    source.write_text(SOURCE.replace("@dp.table(", "@dp.table(partition_cols=['id'], "))
    refused = command("plan", "--fail-on-destructive")
    source.write_text(SOURCE)
    assert refused.exit_code == 1
    assert "error: [PARTITIONS_CHANGED]" in refused.stderr


def test_doctor_tells_java_and_jars() -> None:
    told = json.loads(headwater("doctor", "--json", folder=Path.cwd()).stdout)
    assert Path(told["java_home"], "bin", "java").exists()
    assert all(Path(jar).exists() for jar in told["jars"])


def test_interrupt_ends_in_two_lines_and_the_next_run_goes_on(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bundle(tmp_path / "b", SOURCE, text_with_schema("interrupted"))
    land(folder, "a", id=[1, 2], name=["y", "z"])
    process = start("run", folder=folder)
    until(process, "is RUNNING")
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert time.monotonic() - started < 30
    lines = [line for line in told.splitlines() if line.startswith(("error:", "  fix:"))]
    assert lines[0].startswith("error: [INTERRUPTED]")
    assert "Traceback" not in told
    monkeypatch.chdir(folder)
    assert json.loads(invoked(spark, "run", "--json").stdout)["state"] == "COMPLETED"
    rows = json.loads(headwater("show", "silver", "--json", folder=folder).stdout)
    assert sorted(row["id"] for row in rows) == [1, 2]


def test_tables_can_be_read_while_an_update_runs(
    done: Path, command: Command, spark: SparkSession
) -> None:
    seen: list[tuple[str, int]] = []

    def show(event: Event) -> None:
        if event.event_type == "flow_progress" and event.origin["flow_name"] == "silver":
            shown = command("show", "bronze", "--json")
            seen.append((event.details["status"], len(json.loads(shown.stdout))))

    rows = len(json.loads(command("show", "bronze", "--json").stdout))
    assert rows in (3, 4)  # whether the test of the new column has run before
    target = open_target(done, settings=read_settings())
    updater = Updater(spark, target.bundle, target.bundle.pipeline(), target.store, show)
    result = updater.run(UpdateRequest(full_refresh=("*",)))
    assert result.state == "COMPLETED"
    assert dict(seen)["STARTING"] == dict(seen)["COMPLETED"] == rows
    assert dict(seen)["QUEUED"] == 0


def test_gate_judges_the_last_update_and_says_which_limit_broke(
    done: Path, command: Command
) -> None:
    limits = """
    version: 1
    pipelines:
      flow:
        max_age_hours: 1
        rules: [{{rule: positive, table: s.silver, max_failed_share: {share}}}]
        tables: [{{table: silver, min_rows: 2}}]
    """
    (done / "limits.yml").write_text(limits.format(share=0.5))
    command("run", "--full-refresh")
    passed = command("gate", "--limits", "limits.yml")
    assert passed.exit_code == 0, passed.stdout
    assert passed.stdout.endswith("Gate of target 'dev': passed.\n")
    (done / "limits.yml").write_text(limits.format(share=0.1))
    broken = command("gate", "flow", "--limits", "limits.yml", "--json")
    told = json.loads(broken.stdout)
    assert (broken.exit_code, told["passed"]) == (1, False)
    assert [
        each["measure"] for each in told["pipelines"]["flow"] if each["verdict"] == "BREACH"
    ] == ["max_failed_share"]
    with pytest.raises(UsageError, match="LIMITS_NOT_FOUND"):
        command("gate")

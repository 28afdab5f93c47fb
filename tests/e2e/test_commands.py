"""The commands on a small pipeline, in the order a person uses them."""

import json
import signal
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command import bundle, headwater, landing, start, until

SOURCE = """
from pyspark import pipelines as dp

@dp.table(comment="as landed")
def bronze():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("/Volumes/main/s/landing/events"))

@dp.table
@dp.expect_or_drop("positive", "id > 0")
def silver():
    return spark.readStream.table("bronze")
"""


def land(folder: Path, file: str, **columns: list[object]) -> None:
    pq.write_table(pa.table(columns), landing(folder) / f"{file}.parquet")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose pipeline has run once."""
    folder = bundle(tmp_path_factory.mktemp("done"), SOURCE)
    land(folder, "a", id=[-1, 1, 2], name=["x", "y", "z"])
    ran = headwater("run", "flow", folder=folder)
    assert ran.returncode == 0, ran.stderr
    assert "positive" in ran.stdout
    assert "33.33%" in ran.stdout
    assert "note: no effect here: photon\n" in ran.stderr
    return folder


def test_new_column_restarts_the_update_by_itself(done: Path) -> None:
    land(done, "b", id=[3], name=["w"], added=[True])
    ran = headwater("run", "--json", folder=done)
    assert "no effect" not in ran.stderr
    told = json.loads(ran.stdout)
    assert told["state"] == "COMPLETED"
    assert len(told["update_ids"]) == 2
    events = json.loads(headwater("events", "--update", "all", "--json", folder=done).stdout)
    causes = [
        event["details"]["create_update"]["cause"]
        for event in events
        if event["event_type"] == "create_update"
    ]
    assert causes == ["USER_ACTION", "USER_ACTION", "SCHEMA_CHANGE"]
    rows = json.loads(headwater("show", "silver", "--json", folder=done).stdout)
    assert sorted((row["id"], row["added"]) for row in rows) == [(1, None), (2, None), (3, True)]


def test_sql_runs_several_statements_and_prints_the_last(done: Path) -> None:
    text = "CREATE TABLE notes (t STRING); INSERT INTO notes VALUES ('a;b'); SELECT * FROM notes"
    assert json.loads(headwater("sql", "--json", text, folder=done).stdout) == [{"t": "a;b"}]
    counted = headwater("sql", "--json", "SELECT count(*) AS n FROM main.s.notes", folder=done)
    assert json.loads(counted.stdout) == [{"n": 1}]


def test_sql_fault_names_the_statement(done: Path) -> None:
    ran = headwater("sql", "SELECT 1; SELECT * FROM nowhere", folder=done)
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: [SQL_INVALID] Statement 2 failed")


def test_graph_is_drawn(done: Path) -> None:
    drawn = headwater("graph", "--format", "mermaid", folder=done).stdout
    assert drawn.startswith("flowchart LR")
    assert drawn.count("-->") == 1


def test_validate_says_so_and_writes_nothing(done: Path) -> None:
    before = sorted((done / ".headwater/dev/tables").rglob("*"))
    ran = headwater("run", "--validate", folder=done)
    assert (ran.returncode, ran.stdout) == (0, "Valid: 2 datasets, 2 flows. Nothing written.\n")
    assert sorted((done / ".headwater/dev/tables").rglob("*")) == before


def test_doctor_tells_java_and_jars() -> None:
    told = json.loads(headwater("doctor", "--json", folder=Path.cwd()).stdout)
    assert Path(told["java_home"], "bin", "java").exists()
    assert all(Path(jar).exists() for jar in told["jars"])


def test_interrupt_ends_in_two_lines_and_the_next_run_goes_on(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b", SOURCE)
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
    ran = headwater("run", "--json", folder=folder)
    assert json.loads(ran.stdout)["state"] == "COMPLETED"
    rows = json.loads(headwater("show", "silver", "--json", folder=folder).stdout)
    assert sorted(row["id"] for row in rows) == [1, 2]


def test_tables_can_be_read_while_an_update_runs(done: Path) -> None:
    process = start("run", "--full-refresh", folder=done)
    until(process, "is RUNNING")
    ran = headwater("show", "bronze", "--json", folder=done)
    process.communicate(timeout=120)
    assert (ran.returncode, process.returncode) == (0, 0)

"""`headwater job`: the jobs of a bundle, as a person runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from headwater.cli.main import cli
from headwater.errors import BundleError, JobError, UsageError
from headwater.jobs import TaskRun

BUNDLE = """
bundle: {name: test}
targets: {dev: {default: true}}
resources:
  jobs:
    nightly:
      parameters: [{name: day, default: monday}]
      tasks:
        - {task_key: load, notebook_task: {notebook_path: ./load}}
        - task_key: check
          depends_on: [{task_key: load}]
          spark_python_task: {python_file: ./check.py, parameters: ["{{tasks.load.values.day}}"]}
    broken: {tasks: [{task_key: a, sql_task: {query: "${var.nowhere}"}}]}
    watch:
      tasks:
        - {task_key: update, pipeline_task: {pipeline_id: "${resources.pipelines.flow.id}"}}
        - task_key: look
          depends_on: [{task_key: update}]
          notebook_task: {notebook_path: ./look}
    faulty:
      parameters: [{name: day, default: monday}]
      tasks:
        - {task_key: gone, notebook_task: {notebook_path: ./gone}}
        - {task_key: cells, notebook_task: {notebook_path: ./cells}}
        - {task_key: script, spark_python_task: {python_file: ./script.py}}
        - {task_key: wheel, python_wheel_task: {package_name: headwater, entry_point: hedwater}}
        - {task_key: text, sql_task: {file: {path: ./text.sql}, parameters: {least: "1"}}}
        - {task_key: flow, pipeline_task: {pipeline_id: "${resources.pipelines.bad.id}"}}
        - {task_key: other, run_job_task: {job_id: "${resources.jobs.inner.id}"}}
        - {task_key: idle, disabled: true, notebook_task: {notebook_path: ./gone}}
        - task_key: refers
          condition_task: {op: EQUAL_TO, left: "{{tasks.gone.values.n}}{{job.nmae}}", right: "1"}
    inner: {tasks: [{task_key: a, notebook_task: {notebook_path: ./nowhere}}]}
  pipelines:
    bad: {catalog: main, schema: s, libraries: [{file: {path: ./bad.py}}]}
    flow: {catalog: main, schema: s, libraries: [{file: {path: ./flow.py}}]}
  volumes:
    drop: {catalog_name: main, schema_name: s, name: drop}
"""

FLOW = """
from pyspark import pipelines as dp

@dp.materialized_view
def three():
    return spark.range(3)
"""

LOOK = """# Databricks notebook source
import json, os
from pathlib import Path

folder = Path("/Volumes/main/s/drop/in")
os.makedirs("/Volumes/main/s/drop", exist_ok=True)
os.makedirs(folder, exist_ok=True)
assert os.path.isdir("/Volumes") and os.listdir("/Volumes/main/s") == ["drop"]
with open(folder / "a.json", "w") as file:
    json.dump({"n": 7}, file)
spark.read.json(str(folder)).write.parquet("/Volumes/main/s/drop/out")
assert [row.n for row in spark.read.parquet("/Volumes/main/s/drop/out").collect()] == [7]

# COMMAND ----------
for log in ("event_log(TABLE(main.s.three))", "event_log('flow')"):
    states = spark.sql(f"SELECT details FROM {log} WHERE event_type = 'update_progress'").collect()
    assert any("COMPLETED" in row.details for row in states)
"""

LOAD = """# Databricks notebook source
import sys
print("said by a cell")
sys.stdout.write("and so")
dbutils.jobs.taskValues.set("day", dbutils.widgets.get("day"))
"""

CHECK = """
import pathlib, sys
from databricks.sdk.runtime import dbutils as imported
assert imported is dbutils
assert sys.argv[1] == "tuesday"
assert pathlib.Path("mended").exists()
"""

CELLS = """# Databricks notebook source
# MAGIC %run ./included

# COMMAND ----------
print("fine")
"""

TEXT = """SELECT :least;
SELECT :day, :missing;
"""

SOURCES = (
    ("cells.py", CELLS),
    ("included.py", "# Databricks notebook source\nif True print(1)\n"),
    ("script.py", "x = (\n"),
    ("text.sql", TEXT),
    ("bad.py", FLOW.replace("spark.range(3)", "spark.table('nowhere')")),
    ("databricks.yml", BUNDLE),
    ("load.py", LOAD),
    ("check.py", CHECK),
    ("flow.py", FLOW),
    ("look.py", LOOK),
)

Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name, text in SOURCES:
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(
            cli,
            ["job", *arguments],
            obj={"spark": spark},
            standalone_mode=False,
            catch_exceptions=False,
        )

    return run


def test_run_that_failed_is_recorded_and_repaired(command: Command, tmp_path: Path) -> None:
    assert command("runs").stdout == "No runs yet.\n"
    ran = command("run", "nightly", "--param", "day=tuesday")
    assert ran.exit_code == 1
    assert "check" in ran.stdout
    (found,) = json.loads(command("runs", "nightly", "--json").stdout)
    assert (found["job"], found["state"], found["repairs"]) == ("nightly", "FAILED", 0)
    assert "tuesday" not in json.dumps(found)

    (tmp_path / "mended").touch()
    assert "said by a cell" not in ran.stdout
    assert "said by a cell\nand so" in ran.stderr
    repaired = command("run", "--repair", str(found["run"]), "--json")
    assert repaired.exit_code == 0, repaired.stdout
    told = json.loads(repaired.stdout)
    assert (told["run"], told["state"], told["repairs"]) == (found["run"], "SUCCESS", 1)
    assert {each["task"]: each["state"] for each in told["tasks"]} == {
        "load": "SUCCESS",
        "check": "SUCCESS",
    }
    assert json.loads(command("show", str(found["run"]), "--json").stdout) == told
    listed = {each["job"]: each for each in json.loads(command("list", "--json").stdout)}
    assert listed["nightly"]["state"] == "SUCCESS"
    assert "VARIABLE_UNDEFINED" in listed["broken"]["state"]
    with pytest.raises(UsageError, match="NOTHING_TO_REPAIR"):
        command("run", "--repair", str(found["run"]))


@pytest.mark.parametrize(
    ("error", "raised", "state"),
    [(KeyboardInterrupt, JobError, "CANCELED"), (RuntimeError, RuntimeError, "FAILED")],
)
def test_run_that_is_broken_off_is_recorded(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    raised: type[Exception],
    state: str,
) -> None:
    def fail(_: TaskRun) -> None:
        raise error

    with monkeypatch.context() as patch, pytest.raises(raised) as caught:
        patch.setattr("headwater.cli.job_runs._print_task", fail)
        command("run", "nightly")
    (found,) = json.loads(command("runs", "--json").stdout)
    assert found["state"] == state
    if isinstance(caught.value, JobError):
        assert f"--repair {found['run']}" in caught.value.hint


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run", "nigthly"), "JOB_UNKNOWN"),
        (("run",), "JOB_MISSING"),
        (("run", "broken"), "VARIABLE_UNDEFINED"),
        (("run", "nightly", "--task", "lod"), "TASK_UNKNOWN"),
        (("run", "nightly", "--param", "dey=x"), "JOB_PARAMETER_UNKNOWN"),
        (("run", "nightly", "--param", "day"), "VARIABLE_INVALID"),
        (("run", "--repair", "5"), "RUN_UNKNOWN"),
        (("show", "5"), "RUN_UNKNOWN"),
        (("runs", "nigthly"), "JOB_UNKNOWN"),
    ],
)
def test_wrong_request_runs_nothing_and_says_why(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    with pytest.raises((UsageError, BundleError), match=code) as caught:
        command(*arguments)
    assert caught.value.hint
    assert not (tmp_path / ".headwater" / "dev" / "jobs").exists()


def test_task_finds_volumes_and_the_event_log_of_a_pipeline(
    command: Command, tmp_path: Path
) -> None:
    ran = command("run", "watch")
    assert ran.exit_code == 0, ran.stdout + ran.stderr
    landed = tmp_path / ".headwater" / "dev" / "volumes" / "main" / "s" / "drop" / "in" / "a.json"
    assert json.loads(landed.read_text()) == {"n": 7}
    assert not Path("/Volumes/main").exists()


def test_validate_finds_the_faults_of_all_tasks_and_runs_none(
    command: Command, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    found = command("run", "faulty", "--validate", "--json")
    assert found.exit_code == 1
    faults = json.loads(found.stdout)["faults"]
    codes = [each.partition("]")[0].removeprefix("[") for each in faults]
    assert codes == [
        "FILE_NOT_FOUND",
        "PYTHON_INVALID",
        "PYTHON_INVALID",
        "ENTRY_POINT_UNKNOWN",
        "PARAMETER_MISSING",
        "TABLE_NOT_FOUND",
        "FILE_NOT_FOUND",
        "JOB_REFERENCE_UNKNOWN",
    ]
    assert "(databricks.yml:" in faults[-1]
    assert "(included.py:cell 1:2)" in faults[1]
    assert "(text.sql:2)" in faults[4]
    assert sorted(tmp_path.rglob("*")) == before
    fine = command("run", "nightly", "--validate")
    assert (fine.exit_code, fine.stdout) == (0, "Job 'nightly': valid. Nothing run.\n")

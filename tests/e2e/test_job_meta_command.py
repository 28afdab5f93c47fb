"""`lakeflow-job-meta` as a person uses it, and killed between the API and the table of jobs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from command import environment, refused, run_here
from faulty_server import FaultyServer
from headwater.state.catalog import forget_all, register_all
from headwater.state.store import Store
from job_meta_support import client_of, needs_minilake, notebook, sql_query, yaml_of
from lakeflow_job_meta.cli.main import main

COMMAND = str(Path(sys.executable).with_name("lakeflow-job-meta"))
TABLE = ("--control-table", "main.ops.control")
MADE = "CREATE SCHEMA kept; CREATE TABLE kept.t AS SELECT 1 AS x"
TOKEN = "token-that-nobody-may-see"  # noqa: S105 - of nothing


def variables(proxy: FaultyServer | None) -> dict[str, str]:
    known = environment()
    here = {"DATABRICKS_HOST": proxy.endpoint, "DATABRICKS_TOKEN": TOKEN} if proxy else {}
    kept = {name: value for name, value in known.items() if not name.startswith("DATABRICKS_")}
    return {**kept, "HOME": "/nowhere", "XDG_CACHE_HOME": str(Path.home() / ".cache"), **here}


def job_meta(
    *arguments: str, folder: Path, proxy: FaultyServer | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=variables(proxy),
        capture_output=True,
        text=True,
        timeout=300,
    )


def start(*arguments: str, folder: Path, proxy: FaultyServer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder,
        env=variables(proxy),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


Here = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """Run a command that needs no Spark as the program does, but in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/nowhere")
    for name in [each for each in os.environ if each.startswith("DATABRICKS_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_here(main, [COMMAND, *arguments], capsys, monkeypatch)

    return run


def names(proxy: FaultyServer) -> list[str]:
    listed = client_of(proxy.endpoint).jobs.list()
    return [each.settings.name or "" for each in listed if each.settings]


@pytest.mark.servers
@needs_minilake
def test_job_made_by_a_killed_apply_is_not_made_again(proxy: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(yaml_of(("a", [notebook("n1")]), ("b", [notebook("n1")])))
    proxy.fail_next("/jobs/create", "hold after")
    with start("apply", *TABLE, "--yaml", "m.yaml", folder=tmp_path, proxy=proxy) as killed:
        assert proxy.held.wait(120)  # the API has made the job, and the command does not know
        killed.kill()
    proxy.released.set()
    assert names(proxy) == ["a"]
    done = job_meta("apply", *TABLE, "--json", folder=tmp_path, proxy=proxy)
    assert done.returncode == 0, done.stderr
    results = {each["module_name"]: each for each in json.loads(done.stdout)}
    assert {name: each["result"] for name, each in results.items()} == {
        "a": "unchanged",
        "b": "created",
    }
    assert names(proxy) == ["a", "b"]
    shown = job_meta("plan", *TABLE, folder=tmp_path, proxy=proxy)
    assert f"unchanged  a  job {results['a']['job_id']}" in shown.stdout
    assert TOKEN not in done.stdout + done.stderr + shown.stdout + shown.stderr


@pytest.mark.servers
@needs_minilake
def test_monitor_ends_cleanly_on_sigterm_in_the_middle_of_a_pass(
    proxy: FaultyServer, tmp_path: Path
) -> None:
    (tmp_path / "yaml").mkdir()
    modules = [(name, [notebook("n1"), sql_query("q1", "SELECT 1", 2)]) for name in "abcd"]
    (tmp_path / "yaml/m.yaml").write_text(yaml_of(*modules))
    proxy.fail_next("/jobs/create", "hold after")
    arguments = ("monitor", *TABLE, "--volume-path", "yaml")
    with start(*arguments, folder=tmp_path, proxy=proxy) as process:
        assert proxy.held.wait(120)
        process.send_signal(signal.SIGTERM)
        proxy.released.set()
        _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["module", "pass", "stopped"]
    assert names(proxy) == ["a"]
    assert TOKEN not in told


def test_module_runs_here_and_its_metadata_is_kept(
    here: Here, spark: SparkSession, tmp_path: Path
) -> None:
    table = ("--control-table", "main.exported.control")
    other = {"task_type": "run_job", "job_id": 1}
    sources = [
        sql_query("q1", f"{MADE}; SELECT * FROM range(3)"),
        {**notebook("d1", 2), "transformation_config": other},
    ]
    (tmp_path / "m.yaml").write_text(yaml_of(("a", sources)))
    options = ("run", "a", "--local", "--yaml", "m.yaml", *table)
    done = job_meta(*options, "--skip-unsupported", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert [(each["source_id"], each["state"], each["rows"]) for each in results] == [
        ("q1", "SUCCESS", 3),
        ("d1", "UNSUPPORTED", None),
    ]
    kept = Store(tmp_path / ".headwater" / "local")
    register_all(spark, kept)
    exported = here("export", *table)
    forget_all(spark, kept)
    (tmp_path / "again.yaml").write_text(exported.stdout)
    assert here("validate", "again.yaml").stdout == "No faults.\n"
    assert "SELECT * FROM range(3)" in exported.stdout
    tables = tmp_path / ".headwater/local/tables/main"
    assert (tables / "kept/t/_delta_log").is_dir()
    assert (tables / "exported/control/_delta_log").is_dir()


def test_yaml_is_checked_and_drawn_without_spark(here: Here, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(yaml_of(("a", [notebook("n1"), notebook('n"2', 2)])))
    assert job_meta("validate", "m.yaml", folder=tmp_path).stdout == "No faults.\n"
    text = here("graph", "--yaml", "m.yaml").stdout
    assert text.splitlines()[-1].split() == ["2", 'n"2', "notebook", "after", "n1"]
    drawn = here("graph", "a", "--yaml", "m.yaml", "--format", "mermaid")
    assert drawn.stdout.splitlines()[1:] == [
        '  t0["n1<br/>notebook"]',
        '  t1["n#34;2<br/>notebook"]',
        "  t0 --> t1",
    ]
    facts = json.loads(here("graph", "--yaml", "m.yaml", "--json").stdout)
    assert [each["source_id"] for each in facts["a"]] == ["n1", 'n"2']


def test_faults_of_a_file_have_their_lines(here: Here, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "modules:\n- module_name: a\n  sources:\n  - source_id: x\n    source_type: sql\n"
        "    transformation_config: {task_type: nootbook}\n"
    )
    done = here("validate", "m.yaml", "--json")
    assert done.returncode == 1
    (fault,) = json.loads(done.stdout)
    assert (fault["code"], fault["hint"]) == ("TASK_TYPE_UNKNOWN", "Did you mean 'notebook'?")
    assert fault["where"].startswith(str(tmp_path / "m.yaml:"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plann"], "COMMAND_UNKNOWN"),
        (["plan"], "USAGE"),
        (["validate"], "CONTROL_TABLE_MISSING"),
        (["plan", "--control-table", "a b"], "TABLE_NAME_INVALID"),
        (["plan", *TABLE], "WORKSPACE_UNKNOWN"),
        (["run", "a", *TABLE, "--max-parallel", "0"], "USAGE"),
        (["graph", "nosuch", "--yaml", "m.yaml"], "MODULE_UNKNOWN"),
    ],
)
def test_mistake_is_answered_in_two_lines(
    here: Here, tmp_path: Path, arguments: list[str], code: str
) -> None:
    (tmp_path / "m.yaml").write_text(yaml_of(("a", [notebook("n1")])))
    refused(here(*arguments), code)

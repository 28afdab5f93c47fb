"""A user's mistake ends in two lines and exit status 1 or 2, never in a traceback."""

import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from typing import Any, cast

import click
import pytest
from pyspark.sql import SparkSession

from command import HEADWATER, bundle, headwater, refused, run_here, text_with_schema
from headwater.cli.endings import run_program
from headwater.cli.main import cli

HOLDER = """
import sys
from pathlib import Path
from headwater.state.lock import update_lock

with update_lock(Path(sys.argv[1]), "flow"):
    print("held", flush=True)
    sys.stdin.read()
"""

Here = Callable[..., "subprocess.CompletedProcess[str]"]


class InSession:
    """The command line, on a session that is open."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark

    def main(self, arguments: list[str], *, obj: dict[str, Any], **options: Any) -> None:
        cli.main(arguments, obj={**obj, "spark": self.spark}, **options)


@pytest.fixture
def here(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """Run a command as the program does, but in this process and in the session of the tests."""
    program = cast(click.Command, InSession(spark))
    main = functools.partial(run_program, program, "headwater")

    def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(folder)
        return run_here(main, [HEADWATER, *arguments], capsys, monkeypatch)

    return run


def test_missing_bundle(tmp_path: Path) -> None:
    refused(headwater("run", folder=tmp_path), "BUNDLE_NOT_FOUND")


def test_missing_target(tmp_path: Path) -> None:
    refused(headwater("run", "-t", "prd", folder=bundle(tmp_path)), "TARGET_UNKNOWN")


def test_broken_yaml(tmp_path: Path) -> None:
    refused(headwater("run", folder=bundle(tmp_path, text="bundle: [")), "BUNDLE_YAML_INVALID")


def test_unknown_pipeline(tmp_path: Path) -> None:
    refused(headwater("run", "flw", folder=bundle(tmp_path)), "PIPELINE_UNKNOWN")


@pytest.mark.parametrize("arguments", [["run", "--nope"], ["show"], ["sql", "-f"]])
def test_wrong_flag(tmp_path: Path, arguments: list[str]) -> None:
    refused(headwater(*arguments, folder=bundle(tmp_path)), "USAGE")


def test_unknown_command(tmp_path: Path) -> None:
    refused(headwater("rnu", folder=tmp_path), "COMMAND_UNKNOWN")


def test_wrong_java(tmp_path: Path) -> None:
    home = tmp_path / "java"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").touch(mode=0o755)
    (home / "release").write_text('JAVA_VERSION="11.0.2"\n')
    done = headwater("run", folder=bundle(tmp_path), JAVA_HOME=str(home))
    refused(done, "JAVA_VERSION_UNSUPPORTED")


def test_missing_sql_file(tmp_path: Path) -> None:
    refused(headwater("sql", "-f", "no.sql", folder=bundle(tmp_path)), "FILE_UNREADABLE")


def test_events_before_any_run(tmp_path: Path) -> None:
    refused(headwater("events", folder=bundle(tmp_path)), "EVENT_LOG_UNKNOWN")


def test_source_that_does_not_import(here: Here, tmp_path: Path) -> None:
    folder = bundle(tmp_path, "import no_such_module\n", text_with_schema("importing"))
    done = here("run", "--validate", folder=folder)
    refused(done, "SOURCE_FAILED", status=1)
    assert "p/a.py:1" in done.stderr
    assert not (folder / ".headwater" / "dev").exists()


def test_missing_landing_folder(here: Here, tmp_path: Path) -> None:
    source = """
import dlt
@dlt.table
def events():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("/Volumes/main/s/landing/nothing_here"))
"""
    folder = bundle(tmp_path, source, text_with_schema("unlanded"))
    refused(here("run", "--json", folder=folder), "SOURCE_PATH_NOT_FOUND", status=1)


def test_second_update_at_the_same_time_is_refused(here: Here, tmp_path: Path) -> None:
    source = "import dlt\n@dlt.table\ndef t(): return spark.range(1)\n"
    folder = bundle(tmp_path, source, text_with_schema("locked"))
    command = [sys.executable, "-c", HOLDER, str(folder / ".headwater/dev/pipelines/flow")]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        done = here("run", "--json", folder=folder)
        holder.communicate("")
    refused(done, "UPDATE_IN_PROGRESS", status=1)
    assert str(holder.pid) in done.stderr

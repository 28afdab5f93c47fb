"""A user's mistake ends in two lines and exit status 1 or 2, never in a traceback."""

import os
from pathlib import Path

import pytest

from command import bundle, headwater, refused
from headwater.state.lock import update_lock


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


def test_source_that_does_not_import(tmp_path: Path) -> None:
    folder = bundle(tmp_path, source="import no_such_module\n")
    done = headwater("run", "--validate", folder=folder)
    refused(done, "SOURCE_FAILED", status=1)
    assert "p/a.py:1" in done.stderr
    assert not (folder / ".headwater" / "dev").exists()


def test_missing_landing_folder(tmp_path: Path) -> None:
    source = """
import dlt
@dlt.table
def events():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("/Volumes/main/s/landing/nothing_here"))
"""
    folder = bundle(tmp_path, source=source)
    refused(headwater("run", "--json", folder=folder), "SOURCE_PATH_NOT_FOUND", status=1)


def test_second_update_at_the_same_time_is_refused(tmp_path: Path) -> None:
    folder = bundle(tmp_path, source="import dlt\n@dlt.table\ndef t(): return spark.range(1)\n")
    lock = folder / ".headwater/dev/pipelines/flow"
    with update_lock(lock, "flow"):
        done = headwater("run", "--json", folder=folder)
    refused(done, "UPDATE_IN_PROGRESS", status=1)
    assert str(os.getpid()) in done.stderr

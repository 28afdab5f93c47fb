"""A user's mistake ends in two lines and exit status 1 or 2, never in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEADWATER = str(Path(sys.executable).with_name("headwater"))
BUNDLE = """
bundle: {name: test}
targets: {dev: {default: true}}
resources:
  pipelines:
    flow: {catalog: main, schema: s, libraries: [{glob: {include: "p/**"}}]}
"""


def headwater(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADWATER, *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )


def bundle(folder: Path, text: str = BUNDLE, source: str = "import dlt\n") -> Path:
    (folder / "databricks.yml").write_text(text)
    (folder / "p").mkdir()
    (folder / "p" / "a.py").write_text(source)
    return folder


def refused(done: subprocess.CompletedProcess[str], code: str, status: int = 2) -> None:
    lines = done.stderr.strip().splitlines()
    assert (done.returncode, len(lines)) == (status, 2), done.stderr
    assert lines[0].startswith(f"error: [{code}]")
    assert lines[1].strip().startswith("fix: ")


def test_missing_bundle(tmp_path: Path) -> None:
    refused(headwater("run", folder=tmp_path), "BUNDLE_NOT_FOUND")


def test_missing_target(tmp_path: Path) -> None:
    refused(headwater("run", "-t", "prd", folder=bundle(tmp_path)), "TARGET_UNKNOWN")


def test_broken_yaml(tmp_path: Path) -> None:
    refused(headwater("run", folder=bundle(tmp_path, "bundle: [")), "BUNDLE_YAML_INVALID")


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
    done = headwater("run", "--validate", folder=folder, HEADWATER_JVM_OPTIONS=QUICK)
    refused(done, "SOURCE_FAILED", status=1)
    assert "p/a.py:1" in done.stderr


QUICK = "-XX:TieredStopAtLevel=1"

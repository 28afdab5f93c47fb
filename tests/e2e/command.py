"""Run the `headwater` command as a person would, and a small bundle to run it on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

HEADWATER = str(Path(sys.executable).with_name("headwater"))

BUNDLE = """
bundle: {name: test}
targets: {dev: {default: true}}
resources:
  volumes:
    landing: {catalog_name: main, schema_name: s, name: landing}
  pipelines:
    flow:
      catalog: main
      schema: s
      photon: true
      libraries: [{glob: {include: "p/**"}}]
      configuration:  # tiny data: compiling queries takes longer than running them
        spark.sql.codegen.wholeStage: "false"
        spark.sql.codegen.factoryMode: NO_CODEGEN
"""


def environment(**variables: str) -> dict[str, str]:
    """The environment of a command whose JVM starts fast rather than running fast."""
    quick = {"HEADWATER_JVM_OPTIONS": "-XX:TieredStopAtLevel=1"}
    return {**os.environ, **quick, **variables}


def headwater(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [HEADWATER, *arguments],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=300,
    )


def run_here(
    main: Callable[[], NoReturn],
    command: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end in this process: arguments, output and status are a process's."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", command)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    signal.signal(signal.SIGTERM, before)
    return subprocess.CompletedProcess(command, int(ended.value.code or 0), *capsys.readouterr())


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """Start a command; its standard error can be read line by line."""
    return subprocess.Popen(
        [HEADWATER, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(process: subprocess.Popen[str], words: str) -> None:
    """Read a command's standard error until a line holds `words`."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if words in line:
            return
    raise AssertionError(f"never said {words!r}: {seen}")


def bundle(folder: Path, source: str = "import dlt\n", text: str = BUNDLE) -> Path:
    """Make a bundle with one source file."""
    (folder / "p").mkdir(parents=True)
    (folder / "databricks.yml").write_text(text)
    (folder / "p" / "a.py").write_text(source)
    return folder


def text_with_schema(schema: str) -> str:
    """The text of a bundle with a schema of its own, for what runs in the tests' one session."""
    text = BUNDLE.replace("      schema: s\n", f"      schema: {schema}\n")
    assert text != BUNDLE
    return text


def landing(folder: Path) -> Path:
    """Name and make the landing folder of the bundle."""
    made = folder / ".headwater/dev/volumes/main/s/landing/events"
    made.mkdir(parents=True, exist_ok=True)
    return made


def refused(done: subprocess.CompletedProcess[str], code: str, status: int = 2) -> None:
    """Check that a command ended in two lines, with an error code and what to do."""
    lines = done.stderr.strip().splitlines()
    assert (done.returncode, len(lines)) == (status, 2), done.stderr
    assert lines[0].startswith(f"error: [{code}]")
    assert lines[1].strip().startswith("fix: ")

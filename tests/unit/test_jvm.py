"""The driver's JVM is given the time that it needs to end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

from py4j.java_gateway import JavaGateway

from headwater.machine.jvm import DUMP_OPTION, Jvm, seconds_to_end

SLOW_TO_END = """
import pathlib, sys, time
sys.stdin.read()
time.sleep(float(sys.argv[1]))
pathlib.Path(sys.argv[2]).touch()
"""


def stopped(done: Path, takes: float, given: float) -> int:
    """Stop a program that writes a file after it was told to end; return its exit status."""
    command = [sys.executable, "-c", SLOW_TO_END, str(takes), str(done)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    Jvm(process, cast(JavaGateway, None), given).stop()
    return process.returncode


def test_what_a_jvm_writes_as_it_ends_is_waited_for(tmp_path: Path) -> None:
    assert stopped(tmp_path / "done", takes=0.5, given=60) == 0
    assert (tmp_path / "done").exists()


def test_jvm_that_does_not_end_is_killed(tmp_path: Path) -> None:
    assert stopped(tmp_path / "done", takes=60, given=0.2) < 0
    assert not (tmp_path / "done").exists()


def test_jvm_that_writes_an_archive_has_minutes() -> None:
    assert seconds_to_end([f"{DUMP_OPTION}=/cache/spark.jsa"]) == 300
    assert seconds_to_end(["-XX:TieredStopAtLevel=1"]) == 20

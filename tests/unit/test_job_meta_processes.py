"""A process is told from all others: its machine, its namespace, its number, its start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeflow_job_meta import processes
from lakeflow_job_meta.processes import is_gone, this_process

pytestmark = pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="needs /proc")

TELL = "from lakeflow_job_meta.processes import this_process\nprint(this_process(), flush=True)\n"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that waits, and its name for itself."""
    process = subprocess.Popen(
        [sys.executable, "-c", TELL + "input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def test_process_that_was_killed_is_gone_at_once(other: tuple[subprocess.Popen[str], str]) -> None:
    process, name = other
    assert not is_gone(name)
    process.kill()
    process.wait()
    assert is_gone(name)


def test_process_whose_end_nobody_asked_for_is_gone(
    other: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its status stays to be asked for
    assert is_gone(name)


def changed(name: str, part: int) -> str:
    parts = name.split("/")
    parts[part] = "1"
    return "/".join(parts)


def test_number_that_another_process_has_now_is_gone() -> None:
    assert is_gone(changed(this_process(), 3))


@pytest.mark.parametrize("part", [0, 1], ids=["another boot", "another namespace"])
def test_process_that_can_not_be_seen_is_never_gone(part: int) -> None:
    name = changed(this_process(), part)
    assert not is_gone(name)
    assert not is_gone(name.replace(f"/{name.split('/')[2]}/", "/4194305/"))  # no such number


@pytest.mark.parametrize("name", ["", "host", "1:2:3", "a/b/c/d", "///", "a/b/99/1/"])
def test_what_is_no_name_is_never_gone(name: str) -> None:
    assert not is_gone(name)


def test_without_proc_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = this_process()
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    assert this_process() == ""
    assert not is_gone(changed(name, 3))

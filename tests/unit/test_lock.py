"""One update at a time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.engine.lock import update_lock
from headwater.errors import UpdateInProgress

HOLD = """
import sys, pathlib, time
from headwater.engine.lock import update_lock
with update_lock(pathlib.Path(sys.argv[1]), "flow"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):  # type: ignore[no-untyped-def]
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_second_update_is_refused_with_the_holder(tmp_path: Path, holder) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UpdateInProgress) as caught, update_lock(tmp_path, "flow"):
        pytest.fail("the lock was given twice")
    assert caught.value.parameters["pid"] == holder.pid


def test_lock_of_a_killed_process_is_taken_over(tmp_path: Path, holder) -> None:  # type: ignore[no-untyped-def]
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with update_lock(tmp_path, "flow"):
        told = json.loads((tmp_path / "update.holder.json").read_text())
    assert told["pid"] == os.getpid()

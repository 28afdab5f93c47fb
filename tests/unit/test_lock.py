"""One update at a time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from headwater.errors import UpdateInProgress
from headwater.state.lock import update_lock

HOLD = """
import sys, pathlib, time
from headwater.state.lock import update_lock
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


@pytest.fixture
def gateway():  # type: ignore[no-untyped-def]
    """A process that looks like the JVM of a Spark driver."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", "PythonGatewayServer"],
        stdin=subprocess.PIPE,
    )
    yield process
    process.kill()
    process.communicate()


def left_behind(folder: Path, driver: int, created: float | None) -> None:
    told = {"pid": 1, "started": "then", "driver": driver, "driver_created": created}
    (folder / "update.holder.json").write_text(json.dumps(told))


def test_jvm_of_a_killed_holder_is_ended(tmp_path: Path, gateway) -> None:  # type: ignore[no-untyped-def]
    left_behind(tmp_path, gateway.pid, psutil.Process(gateway.pid).create_time())
    with update_lock(tmp_path, "flow"):
        assert not psutil.pid_exists(gateway.pid)


@pytest.mark.parametrize(("is_own", "shift"), [(True, 0.0), (False, 3600.0), (False, None)])
def test_process_that_only_has_the_holders_id_lives(  # type: ignore[no-untyped-def]
    tmp_path: Path, gateway, is_own: bool, shift: float | None
) -> None:
    """As after a restarted container: ids repeat, and the own JVM may have that of the dead one."""
    created = psutil.Process(gateway.pid).create_time()
    left_behind(tmp_path, gateway.pid, None if shift is None else created + shift)
    with update_lock(tmp_path, "flow", driver=gateway.pid if is_own else None):
        assert gateway.poll() is None

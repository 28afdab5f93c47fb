"""One update at a time per pipeline and target.

The lock is the operating system's, so it ends with the process that held it, however that ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from headwater.errors import UpdateInProgress

_SAME_SECONDS = 2.0
"""How far two readings of a process's creation time may differ: clocks may be set in between."""


@contextmanager
def update_lock(folder: Path, pipeline: str, driver: int | None = None) -> Iterator[None]:
    """Hold a pipeline's lock for the length of a `with` block.

    The JVM of a killed holder may outlive it for some seconds and still commit; it is ended before
    the lock is taken.

    Args:
        driver: process id of the Spark driver's JVM.

    Raises:
        UpdateInProgress: UPDATE_IN_PROGRESS, with the process that holds it and since when.
    """
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / "update.holder.json"
    lock = FileLock(folder / "update.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise _held(pipeline, holder) from None
    try:
        _end_orphan(_read(holder), driver)
        told = {
            "pid": os.getpid(),
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "driver": driver,
            "driver_created": _created(driver),
        }
        holder.write_text(json.dumps(told))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def holding_process(folder: Path) -> int | None:
    """Return the id of the process that runs an update of a pipeline here; None when none does.

    Looks only, and never takes the lock: a look must not keep an update from starting.
    """
    told = _read(folder / "update.holder.json")
    try:
        began = datetime.fromisoformat(told["started"]).timestamp()
        process = psutil.Process(told["pid"])
        is_holder = process.create_time() <= began + _SAME_SECONDS  # process ids repeat
        return process.pid if is_holder else None
    except (KeyError, TypeError, ValueError, psutil.Error):
        return None


def _read(holder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(holder.read_text())
    except (OSError, ValueError):  # nobody, or a holder that is just starting or leaving
        return {}
    return told


def _end_orphan(holder: Mapping[str, Any], own: int | None) -> None:
    """End the JVM that a killed holder left behind; do nothing when it is gone.

    Process ids repeat, after a reboot and in each new container: a process is the holder's only if
    it was created when the holder's was.
    """
    pid, created = holder.get("driver"), holder.get("driver_created")
    if not isinstance(pid, int) or not isinstance(created, float) or pid == own:
        return
    try:
        process = psutil.Process(pid)
        is_same = abs(process.create_time() - created) < _SAME_SECONDS
        if is_same and "PythonGatewayServer" in " ".join(process.cmdline()):
            process.kill()
            process.wait(timeout=10)
    except psutil.Error:
        return


def _created(pid: int | None) -> float | None:
    try:
        return None if pid is None else psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def _held(pipeline: str, holder: Path) -> UpdateInProgress:
    told = _read(holder)
    pid, started = told.get("pid", "unknown"), told.get("started", "just now")
    return UpdateInProgress(
        "UPDATE_IN_PROGRESS",
        f"An active update of '{pipeline}' already exists: process {pid}, since {started}",
        hint="Wait until it ends, or stop that process.",
        pid=pid,
        started=started,
    )

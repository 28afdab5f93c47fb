"""One update at a time per pipeline and target.

The lock is the operating system's, so it goes with the process that held it, however that ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout

from headwater.errors import UpdateInProgress


@contextmanager
def update_lock(folder: Path, pipeline: str) -> Iterator[None]:
    """Hold a pipeline's lock for the length of a `with` block.

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
        started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        holder.write_text(json.dumps({"pid": os.getpid(), "started": started}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _held(pipeline: str, holder: Path) -> UpdateInProgress:
    try:
        told = json.loads(holder.read_text())
    except (OSError, ValueError):  # the holder is just starting or just leaving
        told = {}
    pid, started = told.get("pid", "unknown"), told.get("started", "just now")
    return UpdateInProgress(
        "UPDATE_IN_PROGRESS",
        f"An active update of '{pipeline}' already exists: process {pid}, since {started}",
        hint="Wait until it ends, or stop that process.",
        pid=pid,
        started=started,
    )

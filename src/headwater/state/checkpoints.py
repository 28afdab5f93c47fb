"""The checkpoint of a stream: its micro-batches, and where its sources stood at each.

Source: the layout of Spark's checkpoints: `metadata` with the stream's id, `offsets` and `commits`
with a file for each micro-batch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DELTA_ID = "reservoirId"
"""Key of a Delta source's offset: the id in the metadata of its table."""

_BEFORE_OFFSETS = 2
"""Lines of an offsets file before those of the sources: version and metadata."""


def batches(folder: Path) -> set[int]:
    """Return the numbers of the micro-batches in `offsets` or `commits`; none without a folder."""
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - names only
    return {int(name) for name in names if name.isdigit()}


def newest_batch(folder: Path) -> int:
    """Return the number of the newest micro-batch in a folder; -1 when there is none."""
    return max(batches(folder), default=-1)


def clear_unfinished(checkpoint: Path) -> None:
    """Delete what a stream left that was stopped while it wrote down its very first micro-batch.

    Spark 4.2 refuses to begin where `offsets` holds so much as a temporary file, and would do so
    for ever (STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY). The caller holds the pipeline's lock.
    """
    for folder in (checkpoint / "offsets", checkpoint / "commits"):
        if folder.is_dir() and not batches(folder):
            for file in folder.iterdir():
                file.unlink()


def stream_id(checkpoint: Path) -> str:
    """Return the id of a stream that has begun; a new checkpoint begins another stream."""
    told = json.loads((checkpoint / "metadata").read_text(encoding="utf-8"))
    return str(told["id"])


def source_offsets(checkpoint: Path, batch: int) -> list[Mapping[str, Any]]:
    """Return where the sources stood after a micro-batch; [] for one that is not there.

    A source that had nothing yet, or whose offset is a plain number, is left out.
    """
    file = checkpoint / "offsets" / str(batch)
    if not file.is_file():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()[_BEFORE_OFFSETS:]
    told = (json.loads(line) for line in lines if line.startswith("{"))
    return [each for each in told if isinstance(each, dict)]

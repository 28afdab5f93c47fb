"""The files that a flow has committed, read from its streaming checkpoint.

Reads only. The checkpoint's layout is Spark's: `commits/<batch>`, `offsets/<batch>` with one
line per source, `sources/<number>/<offset>` with the files of that offset.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from headwater.autoloader.storage import path_of


def committed_files(checkpoint: Path) -> set[tuple[str, int]]:
    """Return path and order of every file whose micro-batch is committed."""
    batches = _numbers(checkpoint / "commits")
    return set(_times(checkpoint, [max(batches)])) if batches else set()


def commit_times(checkpoint: Path) -> dict[tuple[str, int], float]:
    """Return when each file was committed, in seconds, by path and order.

    Spark forgets old micro-batches: a file of one of them has the time of the oldest that is
    known, which is later than its own.
    """
    batches = {*_numbers(checkpoint / "commits")} & {*_numbers(checkpoint / "offsets")}
    return _times(checkpoint, sorted(batches)) if batches else {}


def _times(checkpoint: Path, batches: Sequence[int]) -> dict[tuple[str, int], float]:
    """Date files by the first of some committed micro-batches, in order, that has read them."""
    offsets = [_offsets(checkpoint / "offsets" / str(batch)) for batch in batches]
    moments = [(checkpoint / "commits" / str(batch)).stat().st_mtime for batch in batches]
    found: dict[tuple[str, int], float] = {}
    for source, last in enumerate(offsets[-1]):
        if last is None:
            continue
        reached = [-1 if (at := each[source]) is None else at for each in offsets]
        for key, number in files_between(checkpoint / "sources" / str(source), -1, last).items():
            found[key] = moments[bisect_left(reached, number)]
    return found


def _offsets(path: Path) -> list[int | None]:
    lines = path.read_text(encoding="utf-8").splitlines()[2:]
    return [_log_offset(line) for line in lines]


def _log_offset(line: str) -> int | None:
    """Return the offset of a file source; None for a source of another kind."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    offset = told.get("logOffset") if isinstance(told, dict) else None
    return offset if isinstance(offset, int) else None


def files_between(folder: Path, after: int, offset: int) -> dict[tuple[str, int], int]:
    """Return path and order of the files that a source has read after an offset, up to another.

    Each with the offset that it has.

    Args:
        folder: of the source, in the checkpoint.
    """
    compacted = [each for each in _numbers(folder, ".compact") if after < each <= offset]
    start = max(compacted, default=after)
    files = [folder / f"{start}.compact"] if compacted else []
    files += [folder / str(number) for number in _numbers(folder) if start < number <= offset]
    return {
        (path_of(told["path"]), told["timestamp"]): told["batchId"]
        for file in files
        for told in map(json.loads, file.read_text(encoding="utf-8").splitlines()[1:])
        if after < told["batchId"] <= offset
    }


def _numbers(folder: Path, suffix: str = "") -> list[int]:
    if not folder.is_dir():
        return []
    names = [each.name for each in folder.iterdir() if each.name.endswith(suffix)]
    return [int(name.removesuffix(suffix)) for name in names if name.removesuffix(suffix).isdigit()]

"""Estimate the bytes that wait for the next update, before Spark is started.

Rests on what each flow noted about its inputs when it was last done with them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater.state.pipeline import PipelineState
from headwater.state.standing import Standing, commits, read_standing


def waiting_bytes(state: PipelineState, *, anew: bool) -> int | None:
    """Estimate how many bytes the next update of a pipeline has to read; None when nobody knows.

    New files, new rows of tables and, if there are any, the tables that have to be read whole.
    Lists folders and reads commits; takes milliseconds.

    Args:
        anew: whether everything is read from the beginning, as a full refresh does.
    """
    notes = list(map(read_standing, (state.root / "standings").glob("*/*/*.json")))
    known = [each for each in notes if each is not None]
    if not known or len(known) < len(notes):
        return None
    try:
        new = sum(_new_bytes(each, anew) for each in known)
        tables = {table for each in known for table in each.rereads}
        return new + sum(map(_rows_bytes, tables)) if new else 0
    except (OSError, ValueError, DeltaError):
        return None


def _new_bytes(standing: Standing, anew: bool) -> int:
    files = sum(_size(path) - (0 if anew else seen) for path, seen in standing.files.items())
    return max(files, 0) + sum(
        _committed(Path(path), "" if anew else commit) for path, commit in standing.tables.items()
    )


def bytes_below(folder: str) -> int:
    """Add up the files below a folder; 0 for what is not a folder of this machine."""
    total = 0
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    total += entry.stat().st_size
    return total


def _size(folder: str) -> int:
    if not Path(folder).is_dir():
        raise NotADirectoryError(folder)  # storage elsewhere, or a project that was moved
    return bytes_below(folder)


def _rows_bytes(table: str) -> int:
    """Add up the files that hold a table's rows now; folders keep older ones as well."""
    sizes = DeltaTable(table).get_add_actions(flatten=True).column("size_bytes").to_pylist()
    return sum(map(int, sizes))


def _committed(path: Path, since: str) -> int:
    """Add up the data files that were added to a table after a commit."""
    version = int(since.partition(".")[0]) + 1 if since else 0
    return sum(each.bytes for each in added_files(path, version))


@dataclass(frozen=True)
class AddedFile:
    """A data file of a table; `rows` is None where the table keeps no statistics."""

    bytes: int
    rows: int | None


def added_files(path: Path, version: int) -> list[AddedFile]:
    """List the files that were added to a table from a version on, in the order of commits.

    What only rewrote rows, as OPTIMIZE does, is nothing new.

    Raises:
        OSError: the table is not there.
    """
    new = sorted(name for name in commits(path) if int(name.partition(".")[0]) >= version)
    lines = (
        json.loads(line)
        for name in new
        for line in (path / "_delta_log" / name).read_text(encoding="utf-8").splitlines()
    )
    added: list[Mapping[str, Any]] = [line["add"] for line in lines if "add" in line]
    return [
        AddedFile(int(each.get("size", 0)), json.loads(each.get("stats") or "{}").get("numRecords"))
        for each in added
        if each.get("dataChange", True)
    ]

"""Who reads a table, by what pipelines left on disk: streams by checkpoints, flows by standings.

Reads only. What does not live here: what follows from it (`maintenance`, `rollback`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headwater.names import TableName
from headwater.state.checkpoints import DELTA_ID, batches, source_offsets
from headwater.state.pipeline import PipelineState
from headwater.state.standing import read_standing
from headwater.state.store import identifier_of
from headwater.state.target import Target


@dataclass(frozen=True)
class StreamReader:
    """A stream that reads a table.

    Attributes:
        table: what it writes.
        version: the first version of the table that it still needs.
    """

    pipeline: str
    table: str
    flow: str
    version: int


def streams_of(target: Target, table_id: str) -> list[StreamReader]:
    """List the streams that read the table of an id, by their checkpoints.

    Args:
        table_id: of the table's metadata; one that was dropped and made again has another.
    """
    return [
        StreamReader(pipeline, str(table), flow, version)
        for pipeline, table, flow, checkpoint in _checkpoints(target)
        if (version := _needed(checkpoint, table_id)) is not None
    ]


def flows_that_read(target: Target, path: Path) -> tuple[str, ...]:
    """Name the tables whose flows look at a table again once it has another commit."""
    found = set()
    for file in target.store.root.glob("pipelines/*/standings/*/*/*.json"):
        standing = read_standing(file)
        if standing is not None and str(path) in standing.tables:
            found.add(str(_table_of(file.parent.parent)))
    return tuple(sorted(found))


def _checkpoints(target: Target) -> Iterator[tuple[str, TableName, str, Path]]:
    """List the checkpoints in use: those of before a full refresh are none."""
    for pipeline in target.store.pipelines():
        state = PipelineState(target.store.pipeline_path(pipeline))
        for flow in sorted((state.root / "checkpoints").glob("*/*/")):
            table = _table_of(flow.parent)
            checkpoint = flow / str(state.generation(table))
            if checkpoint.is_dir():
                yield pipeline, table, identifier_of(flow.name), checkpoint


def _table_of(folder: Path) -> TableName:
    return TableName(*map(identifier_of, folder.name.split(".")))


def _needed(checkpoint: Path, table_id: str) -> int | None:
    """Return the first version that a stream still needs of a table; None if it doesn't read it.

    A batch that was begun and not committed is read again from where the one before it ended.
    """
    begun = batches(checkpoint / "offsets")
    done = begun & batches(checkpoint / "commits")
    if not begun:
        return None
    for each in source_offsets(checkpoint, max(done) if done else min(begun)):
        if each.get(DELTA_ID) == table_id:
            version = int(each["reservoirVersion"])
            return version if done else max(version - 1, 0)
    return None

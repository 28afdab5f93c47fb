"""Which tables a target has, whose they are, and whether their source still declares them.

Reads folders and what pipelines remember; starts no JVM and opens no table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headwater.names import TableName
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store


@dataclass(frozen=True)
class KnownTable:
    """A table on disk.

    Attributes:
        kind: STREAMING_TABLE or MATERIALIZED_VIEW; TABLE for one that no pipeline made.
        pipeline: the key of the pipeline that made it; None for what SQL made.
        is_active: the last update found the table in the pipeline's source.
    """

    name: TableName
    kind: str = "TABLE"
    pipeline: str | None = None
    is_active: bool = True


def known_tables(store: Store) -> list[KnownTable]:
    """List the tables of a target by name, private ones too; no row for what was dropped."""
    on_disk = set(store.tables())
    found = {each.name: each for each in _of_pipelines(store, on_disk)}
    return [found.get(name) or KnownTable(name) for name in sorted({*on_disk, *found})]


def _of_pipelines(store: Store, on_disk: set[TableName]) -> Iterator[KnownTable]:
    for pipeline in store.pipelines():
        state = PipelineState(store.pipeline_path(pipeline))
        for name, table in state.made_tables():
            if name in on_disk or (state.private_table(name) / "_delta_log").is_dir():
                yield KnownTable(name, table.kind, pipeline, table.is_active)

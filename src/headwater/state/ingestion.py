"""Find the Auto Loader sources that a table, or a checkpoint, has state of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headwater.autoloader.request import SourceState
from headwater.names import TableName
from headwater.state.pipeline import PipelineState
from headwater.state.store import identifier_of, table_folder

_MANIFEST = "manifest"


@dataclass(frozen=True)
class Ingestion:
    """One source of a flow, as it is on disk.

    Attributes:
        source_id: counts the sources of the flow from 0, as text.
    """

    flow: str
    source_id: str
    place: SourceState


def sources_of_table(state: PipelineState, table: TableName) -> list[Ingestion]:
    """List the sources of all flows into a table, of its latest generation."""
    base = state.root / "checkpoints" / table_folder(table)
    generation = str(state.generation(table))
    flows = sorted(each for each in base.glob("*") if (each / generation).is_dir())
    return [found for flow in flows for found in sources_of_checkpoint(flow / generation)]


def sources_of_checkpoint(checkpoint: Path) -> list[Ingestion]:
    """List the sources of the flow that a checkpoint belongs to; empty for any other folder."""
    if len(checkpoint.parts) < 4 or checkpoint.parts[-4] != "checkpoints":
        return []
    folder = checkpoint.parents[3].joinpath("autoloader", *checkpoint.parts[-3:])
    flow = identifier_of(checkpoint.parent.name)
    return [
        Ingestion(flow, str(number), SourceState(each, checkpoint))
        for number, each in enumerate(_folders(folder))
    ]


def _folders(folder: Path) -> Iterator[Path]:
    """List the folders of sources: numbered ones, and those read through views."""
    yield from sorted(
        (each.parent for depth in ("*", "*/*") for each in folder.glob(f"{depth}/{_MANIFEST}")),
        key=lambda each: (len(each.parts), each.parent.name, int(each.name)),
    )

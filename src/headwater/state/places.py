"""Where one flow keeps what it knows, as values: all of one generation of its target.

Pure paths. They are named once an update has set up its tables, and hold until it ends.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from headwater.graph.model import Flow
from headwater.state.pipeline import PipelineState


@dataclass(frozen=True)
class FlowPlaces:
    """The folders of one flow, and its id.

    Attributes:
        table: folder of the target table.
        checkpoint: folder of the streaming checkpoint.
        sources: folder above its Auto Loader sources.
        changes: folder of what AUTO CDC remembers beside the target.
        standing: file that tells where its inputs stood when it was done with them.
        identity: flow id: stable while incremental, new after a full refresh. A once flow commits
            under it, so that it must not depend on where the state is.
    """

    table: Path
    checkpoint: Path
    sources: Path
    changes: Path
    standing: Path
    identity: str


def flow_places(
    state: PipelineState, flow: Flow, generation: int, *, table: Path, pipeline_id: str
) -> FlowPlaces:
    """Name the places of a flow in a generation of its target.

    Args:
        table: folder of the target table.
        pipeline_id: keeps flows of two pipelines apart.
    """
    checkpoint = state.checkpoint(flow.target, flow.name, generation)
    key = f"{pipeline_id}/{checkpoint.relative_to(state.root)}"
    return FlowPlaces(
        table=table,
        checkpoint=checkpoint,
        sources=state.sources(flow.target, flow.name, generation),
        changes=state.changes(flow.target, generation),
        standing=state.standing(flow.target, flow.name, generation),
        identity=str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
    )

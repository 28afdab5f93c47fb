"""What an update knows before its first write, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.engine.standings import Standings
from headwater.flows.context import PipelineContext
from headwater.names import TableName


@dataclass(frozen=True)
class Preview:
    """An update that has not begun.

    Attributes:
        context: the graph, and the states and places as set-up would leave them.
        chosen: tables that are refreshed.
        resets: datasets that start anew from all their sources.
        anew: flows whose checkpoint is reset.
    """

    context: PipelineContext
    standings: Standings
    chosen: frozenset[TableName]
    resets: frozenset[TableName]
    anew: tuple[str, ...]

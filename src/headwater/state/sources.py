"""The folders in which Auto Loader sources of a pipeline keep their state.

A source is identified by the dataset whose function reads it and by its number in that function.
The schema belongs to the reader, so that a graph and its flows see the same columns; the list of
files belongs to the flow that writes them, which may read them through a view.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from headwater.autoloader.request import CloudFiles, SourceState
from headwater.graph.model import Flow
from headwater.names import TableName
from headwater.state.pipeline import PipelineState
from headwater.state.places import FlowPlaces
from headwater.state.store import table_folder

_BY_READER = "by-reader"
"""Marks a folder whose sources are named by their reader, and not by their number in the flow."""


def resolved_source(
    state: PipelineState,
    reader: Flow,
    number: int,
    cache: dict[str, object],
    resets: Collection[TableName] = (),
) -> SourceState:
    """Name the folders of a source while the graph is resolved.

    Args:
        reader: the flow whose function reads the source; of a view, the view's own.
        number: counts the sources of the function.
        cache: what Auto Loader has learned in this process.
        resets: datasets whose sources start anew.
    """
    generation = state.generation(reader.target, resets)
    folder = state.sources(reader.target, reader.name, generation) / str(number)
    return SourceState(
        folder, state.checkpoint(reader.target, reader.name, generation), cache, folder
    )


def lists_of(
    places: FlowPlaces, flow: Flow, reader: Flow, number: int, count: int
) -> tuple[SourceState, ...]:
    """List what a flow has written of one source; empty before it has opened it.

    Args:
        reader: the flow whose function reads the source; the flow itself, or a view's.
        number: of the source in that function, which a flow may evaluate several times.
        count: of all sources in it.
    """
    base = places.sources if reader.target == flow.target else _view_folder(places, reader)
    numbers = sorted(int(each.name) for each in base.glob("*") if each.name.isdigit())
    if reader.target == flow.target:  # evaluated once: what else is there is of earlier sources
        numbers = [each for each in numbers if each == number]
    return tuple(
        SourceState(base / str(each), places.checkpoint)
        for each in numbers
        if each % count == number
    )


def _view_folder(places: FlowPlaces, view: Flow) -> Path:
    return places.sources / table_folder(view.target)


@dataclass
class FlowSources:
    """The sources of one attempt at a flow, in the order it opens them.

    Attributes:
        opened: the request and its state, to explain a failure.
    """

    state: PipelineState
    flow: Flow
    places: FlowPlaces
    cache: dict[str, object]
    opened: list[tuple[CloudFiles, SourceState]] = field(default_factory=list)
    _counts: Counter[TableName] = field(default_factory=Counter)

    def open(self, request: CloudFiles, reader: Flow, number: int) -> SourceState:
        """Name the folders of the next source; a view that is read twice has two lists of files."""
        folder = self._folder(reader)
        schemas = resolved_source(self.state, reader, number, self.cache).folder
        place = SourceState(folder, self.places.checkpoint, self.cache, schemas)
        self.opened.append((request, place))
        return place

    def close(self) -> None:
        """Record that all sources are named by their reader now."""
        if self.opened:
            self._marker.parent.mkdir(parents=True, exist_ok=True)
            self._marker.touch()

    def _folder(self, reader: Flow) -> Path:
        number = self._counts[reader.target]
        self._counts[reader.target] += 1
        base = self.places.sources
        is_own = reader.target == self.flow.target
        folder = (base if is_own else _view_folder(self.places, reader)) / str(number)
        earlier = base / str(len(self.opened))
        if not self._marker.exists() and not folder.exists() and earlier.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            earlier.rename(folder)
        return folder

    @property
    def _marker(self) -> Path:
        return self.places.sources / _BY_READER

"""The streams of a pipeline that may read the same files: none may lose one to another."""

from __future__ import annotations

from collections.abc import Iterator

from headwater import autoloader
from headwater.analysis.inference import Sources
from headwater.flows.context import PipelineContext
from headwater.graph.dag import ResolvedFlow
from headwater.graph.model import Flow
from headwater.state.sources import lists_of

Opened = tuple[autoloader.CloudFiles, autoloader.SourceState]
"""A source that a flow has opened, and where it keeps its state."""


def opened_before(
    context: PipelineContext, resolved: ResolvedFlow, sources: Sources
) -> list[Opened]:
    """List the Auto Loader streams that a flow had opened when it ran last."""
    found = _readers(context, resolved, sources)
    return [(each.request, place) for each in found for place in each.lists]


def other_readers(
    context: PipelineContext, flow: Flow, sources: Sources
) -> Iterator[autoloader.Reader]:
    """List the Auto Loader streams of all flows but one, those that this update leaves out too."""
    for other in context.graph.flows:
        if other.flow.name != flow.name:
            yield from _readers(context, other, sources)


def _readers(
    context: PipelineContext, resolved: ResolvedFlow, sources: Sources
) -> Iterator[autoloader.Reader]:
    places = context.places[resolved.flow.name]
    for reader in (resolved, *context.graph.views_behind(resolved.inputs)):
        requests = sources.get(reader.flow.name, ())
        for number, request in enumerate(requests):
            if not request.is_batch:
                lists = lists_of(places, resolved.flow, reader.flow, number, len(requests))
                yield autoloader.Reader(request, lists)

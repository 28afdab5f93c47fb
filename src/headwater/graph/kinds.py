"""Decide what a dataset is and how each of its flows writes, once all its queries are known."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.errors import DefinitionError
from headwater.graph.model import DatasetKind, Flow, FlowKind, ReplaceUsing, ReplaceWhere


def dataset_kind(declared: DatasetKind | None, flows: Sequence[tuple[Flow, bool]]) -> DatasetKind:
    """Return what a dataset is: as declared, else as its flows need it.

    A dataset that takes rows from a flow beside its own query, or keeps some when its query runs
    again, is a streaming table: an overwrite would lose them.

    Args:
        declared: None for a `table`, which may be either.
        flows: all flows into the dataset, each with whether its query is a stream.
    """
    if declared is not None:
        return declared
    if any(is_streaming or flow.replaces or not flow.own for flow, is_streaming in flows):
        return DatasetKind.STREAMING_TABLE
    return DatasetKind.MATERIALIZED_VIEW


def flow_kind(kind: DatasetKind, flow: Flow, is_streaming: bool) -> FlowKind:
    """Return how a flow writes into a dataset of a kind.

    Raises:
        DefinitionError: FLOW_KIND_WRONG, for a stream where a batch is needed or the reverse.
    """
    if kind is DatasetKind.VIEW:
        return FlowKind.VIEW
    if kind is DatasetKind.SINK:
        if not is_streaming:
            hint = "Read its source with spark.readStream."
            raise _wrong(flow, "a flow into a sink", "a streaming", hint)
        return FlowKind.UPDATE if flow.updates else FlowKind.APPEND
    if kind is DatasetKind.MATERIALIZED_VIEW:
        if is_streaming:
            raise _wrong(flow, "a materialized view", "a batch", "Read its source with spark.read.")
        return FlowKind.MATERIALIZED_VIEW
    if flow.snapshots:
        if is_streaming:
            raise _wrong(
                flow,
                "a flow of snapshots",
                "a batch",
                "Let the view read its source with spark.read.",
            )
        return FlowKind.SNAPSHOT
    if isinstance(flow.replaces, ReplaceWhere):
        if is_streaming:
            hint = "Read its sources with spark.read."
            raise _wrong(flow, "a flow with replace_where", "a batch", hint)
        return FlowKind.REPLACE_WHERE
    if isinstance(flow.replaces, ReplaceUsing):
        if not is_streaming:
            hint = "Read its source with spark.readStream."
            raise _wrong(flow, "a flow with replace_using", "a streaming", hint)
        return FlowKind.REPLACE_USING
    if flow.once and is_streaming:
        raise _wrong(flow, "a flow with once=True", "a batch", "Read its source with spark.read.")
    if not flow.once and not is_streaming:
        raise _wrong(
            flow,
            "a flow into a streaming table",
            "a streaming",
            "Read its source with spark.readStream, or add once=True to an append flow.",
        )
    return FlowKind.CHANGE if flow.change else FlowKind.APPEND


def _wrong(flow: Flow, what: str, wanted: str, hint: str) -> DefinitionError:
    return DefinitionError(
        "FLOW_KIND_WRONG",
        f"'{flow.name}' is {what}, which takes {wanted} DataFrame",
        where=flow.location,
        hint=hint,
        flow=flow.name,
    )

"""Decide what a dataset is and how each of its flows writes, once all its queries are known."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.errors import DefinitionError
from headwater.graph.model import DatasetKind, Flow, FlowKind, ReplaceUsing, ReplaceWhere
from headwater.graph.sql_query import sql_query_of


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
        _need_stream(flow, is_streaming, "a flow into a sink")
        return FlowKind.UPDATE if flow.updates else FlowKind.APPEND
    if kind is DatasetKind.MATERIALIZED_VIEW:
        _need_batch(flow, is_streaming, "a materialized view")
        return FlowKind.MATERIALIZED_VIEW
    if flow.snapshots:
        _need_batch(flow, is_streaming, "a flow of snapshots")
        return FlowKind.SNAPSHOT
    if isinstance(flow.replaces, ReplaceWhere):
        _need_batch(flow, is_streaming, "a flow that replaces rows by a predicate")
        return FlowKind.REPLACE_WHERE
    if isinstance(flow.replaces, ReplaceUsing):
        _need_stream(flow, is_streaming, "a flow that replaces rows by keys")
        return FlowKind.REPLACE_USING
    if flow.once:
        _need_batch(flow, is_streaming, "a flow that runs once")
    else:
        _need_stream(flow, is_streaming, "a flow into a streaming table", _instead(flow))
    return FlowKind.CHANGE if flow.change else FlowKind.APPEND


def _need_stream(flow: Flow, is_streaming: bool, what: str, instead: str = "") -> None:
    if not is_streaming:
        of_sql = "Read its source as a stream: FROM STREAM source."
        hint = of_sql if _is_sql(flow) else "Read its source with spark.readStream."
        raise _wrong(flow, what, "a streaming", hint + instead)


def _need_batch(flow: Flow, is_streaming: bool, what: str) -> None:
    if is_streaming:
        of_sql = "Read its source without STREAM."
        hint = of_sql if _is_sql(flow) else "Read its source with spark.read."
        raise _wrong(flow, what, "a batch", hint)


def _instead(flow: Flow) -> str:
    """Return what else a batch query may do for a streaming table."""
    if flow.change:
        return ""
    if flow.own:
        return " Or make it a materialized view."
    return " Or let it run once: INSERT INTO ONCE." if _is_sql(flow) else " Or add once=True."


def _is_sql(flow: Flow) -> bool:
    return sql_query_of(flow.query) is not None


def _wrong(flow: Flow, what: str, wanted: str, hint: str) -> DefinitionError:
    asked = "query" if _is_sql(flow) else "DataFrame"
    return DefinitionError(
        "FLOW_KIND_WRONG",
        f"'{flow.name}' is {what}, which takes {wanted} {asked}",
        where=flow.location,
        hint=hint,
        flow=flow.name,
    )

"""How a stream can be written, and which can't run: known before they start."""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame

from headwater.errors import DefinitionError
from headwater.graph.model import Flow, FlowKind
from headwater.machine.session import java_class
from headwater.sandbox.failures import explained

_ANALYSIS = "org.apache.spark.sql.catalyst.analysis"
_CHECKED = "spark.sql.streaming.unsupportedOperationCheck"
"""Spark setting: whether streams are checked before they start."""


def stream_kind(
    frame: DataFrame, flow: Flow, *, holds_aggregate: bool, is_only: bool
) -> FlowKind | None:
    """Return how a stream is written, or how the stream of a view has to be.

    An aggregate without a watermark can't be appended. It is written in whole by each micro-batch,
    unless other flows write into its table, too.

    Args:
        holds_aggregate: a view that the query reads holds such an aggregate.
        is_only: no other flow writes into the target.

    Raises:
        DefinitionError: STREAM_UNSUPPORTED, with Spark's reason.
    """
    spark = frame.sparkSession
    settings = {_CHECKED: spark.conf.get(_CHECKED, "true"), **flow.spark_conf}
    if str(settings[_CHECKED]).lower() == "false":
        return flow.kind
    updates = flow.kind is FlowKind.UPDATE
    error = _refusal(frame, "Update" if updates else "Append")
    if error is None and (updates or not holds_aggregate):
        return flow.kind
    may_be_whole = is_only and flow.sink is None and flow.kind in (FlowKind.APPEND, FlowKind.VIEW)
    if may_be_whole and (error is None or _refusal(frame, "Complete") is None):
        return FlowKind.COMPLETE
    said = explained(error) if error else "it reads an aggregate without a watermark"
    raise DefinitionError(
        "STREAM_UNSUPPORTED",
        f"The stream into '{flow.target}' can't run: {said}",
        where=flow.location,
        hint="Add a watermark, or make the flow an @dp.update_flow."
        if flow.sink
        else "Add a watermark, or make the dataset a materialized view over a batch read.",
        dataset=str(flow.target),
        condition=error.getCondition() if error else "",
    )


def _refusal(frame: DataFrame, mode: str) -> AnalysisException | None:
    """Return what Spark has against a stream in an output mode."""
    spark = frame.sparkSession
    checker = java_class(spark, f"{_ANALYSIS}.UnsupportedOperationChecker")
    modes = java_class(spark, "org.apache.spark.sql.streaming.OutputMode")
    try:
        checker.checkForStreaming(frame._jdf.queryExecution().analyzed(), getattr(modes, mode)())
    except AnalysisException as error:
        return error
    return None

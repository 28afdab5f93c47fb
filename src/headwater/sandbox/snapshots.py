"""Ask a user's function for the next snapshot of a table."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from headwater.errors import DefinitionError
from headwater.graph.locations import function_location, run_at
from headwater.graph.model import Flow
from headwater.sandbox.evaluate import answer_of
from headwater.sandbox.evaluation import Evaluation
from headwater.state.snapshots import Version, version_type


@dataclass(frozen=True)
class Snapshot:
    """All rows of a table as of a version."""

    frame: DataFrame
    version: Version


def next_snapshot(flow: Flow, evaluation: Evaluation, latest: Version | None) -> Snapshot | None:
    """Return the snapshot that a flow's function has after the latest; None when it has none.

    Args:
        latest: version of the snapshot that was taken last; None before the first.

    Raises:
        HeadwaterError: what `answer_of` raises; SNAPSHOT_INVALID, SNAPSHOT_VERSION_INVALID.
    """
    answer = answer_of(flow, evaluation, latest)
    if answer is None:
        return None
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise _invalid(flow, f"returned {type(answer).__name__}")
    frame, version = answer
    if frame is None:  # a function that knows the next version before it knows the file
        return None
    if not isinstance(frame, DataFrame):
        raise _invalid(flow, f"returned a snapshot that is {type(frame).__name__}")
    if frame.isStreaming:
        raise _invalid(flow, "returned a stream")
    if version_type(version) is None:
        raise DefinitionError(
            "SNAPSHOT_VERSION_INVALID",
            f"The version of a snapshot of '{flow.target}' is {type(version).__name__}",
            where=run_at(flow.location, function_location, flow.query),
            hint="Versions are integers, or else numbers, texts, dates or times, all of one type.",
            dataset=str(flow.target),
        )
    return Snapshot(frame, version)


def _invalid(flow: Flow, what: str) -> DefinitionError:
    return DefinitionError(
        "SNAPSHOT_INVALID",
        f"The function that gives the snapshots of '{flow.target}' {what}",
        where=run_at(flow.location, function_location, flow.query),
        hint="Return (DataFrame, version) with a batch DataFrame, or None when there is no next.",
        dataset=str(flow.target),
    )

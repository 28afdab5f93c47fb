"""What a flow has done, batch by batch: as a streaming query tells it, and as it is reported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql.streaming.query import StreamingQuery

from headwater import cdc
from headwater.expectations.rules import QualityCounts
from headwater.flows.backlog import Backlog
from headwater.names import TableName


@dataclass(frozen=True)
class FlowReport:
    """What one micro-batch, or one batch, of a flow did.

    Attributes:
        batch_id: number of the micro-batch, None for a batch flow.
        counts: rows and rules of the target and of the views on the way to it.
        changes: set for AUTO CDC flows.
        backlogs: what waited in its sources when it had ended.
    """

    batch_id: int | None
    counts: dict[TableName, QualityCounts]
    changes: cdc.ChangeCounts | None
    rows_per_second: float
    duration_ms: int
    backlogs: tuple[Backlog, ...] = ()


@dataclass(frozen=True)
class BatchProgress:
    """One micro-batch: rows read, rows per second, what was observed, how long it took.

    Attributes:
        sources: what Spark tells of each source, places included.
        told: what Spark tells of it, without places and values of rows.
    """

    batch_id: int
    input_rows: int
    rows_per_second: float
    duration_ms: int
    observed: dict[str, dict[str, int | None]]
    sources: Sequence[Mapping[str, Any]] = ()
    told: Mapping[str, Any] = field(default_factory=dict)


class ProgressReader:
    """Gives each finished micro-batch of a query once."""

    def __init__(self, query: StreamingQuery) -> None:
        self._query = query
        self._seen = -1

    def new_batches(self) -> Iterator[BatchProgress]:
        """Return the micro-batches that finished since the last call, in order."""
        reports = self._query._jsq.recentProgress()
        fresh: list[BatchProgress] = []
        for index in range(len(reports) - 1, -1, -1):
            told = json.loads(reports[index].json())
            if told["batchId"] <= self._seen:
                break
            fresh.append(_read(told))
        for batch in reversed(fresh):
            self._seen = batch.batch_id
            if batch.observed:  # an idle report has no batch behind it
                yield batch


def _read(told: dict[str, Any]) -> BatchProgress:
    return BatchProgress(
        int(told["batchId"]),
        int(told.get("numInputRows") or 0),
        float(told.get("processedRowsPerSecond") or 0.0),
        int((told.get("durationMs") or {}).get("triggerExecution") or 0),
        {
            name: {key: None if value is None else int(value) for key, value in row.items()}
            for name, row in (told.get("observedMetrics") or {}).items()
        },
        told.get("sources") or (),
        shown_progress(told),
    )


def shown_progress(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be in the event log of Spark's progress report.

    Descriptions of sources and sinks hold folders of this machine, `eventTime` times of rows, and
    what was observed is in `flow_progress`.
    """
    shown = {
        key: value for key, value in told.items() if key not in ("eventTime", "observedMetrics")
    }
    sources = [_without_place(each) for each in told.get("sources") or ()]
    return {**shown, "sources": sources, "sink": _without_place(told.get("sink") or {})}


def _without_place(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, "description": str(part.get("description", "")).partition("[")[0]}

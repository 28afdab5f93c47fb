"""What a flow has done, batch by batch: as a streaming query tells it, and as it is reported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql.streaming.query import StreamingQuery

from headwater import cdc
from headwater.expectations.rules import QualityCounts
from headwater.names import TableName


@dataclass(frozen=True)
class FlowReport:
    """What one micro-batch, or one batch, of a flow did.

    Attributes:
        batch_id: number of the micro-batch, None for a batch flow.
        counts: rows and rules of the target and of the views on the way to it.
        changes: set for AUTO CDC flows.
        backlog_records: as of a `BatchProgress`.
    """

    batch_id: int | None
    counts: dict[TableName, QualityCounts]
    changes: cdc.ChangeCounts | None
    rows_per_second: float
    duration_ms: int
    backlog_records: int | None = None


@dataclass(frozen=True)
class BatchProgress:
    """One micro-batch: rows read, rows per second, what was observed, how long it took.

    Attributes:
        backlog_records: events of topics that waited when it had ended; None without a topic.
    """

    batch_id: int
    input_rows: int
    rows_per_second: float
    duration_ms: int
    observed: dict[str, dict[str, int | None]]
    backlog_records: int | None = None


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
        kafka_backlog(told.get("sources") or ()),
    )


def kafka_backlog(sources: Iterable[Mapping[str, Any]]) -> int | None:
    """Count the events of topics that a micro-batch left; None if it read no topic.

    Args:
        sources: of the progress that Spark reports, with offsets by topic and partition.
    """
    topics = [each for each in sources if str(each.get("description")).startswith("KafkaV2")]
    if not topics:
        return None
    return sum(
        int(latest) - int(((each.get("endOffset") or {}).get(topic) or {}).get(partition, latest))
        for each in topics
        for topic, partitions in (each.get("latestOffset") or {}).items()
        for partition, latest in partitions.items()
    )

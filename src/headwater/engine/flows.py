"""Run one flow: a streaming query, an overwrite, a once append or an AUTO CDC stream.

A flow's checkpoint and its Delta commits agree after a kill at any moment: Delta's own sink and
`txnAppId`/`txnVersion` skip a batch that was committed before, and AUTO CDC is idempotent by
sequence. What does not live here: order and retries (`scheduler`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from headwater import cdc
from headwater.engine.overwrite import overwrite
from headwater.engine.progress import BatchProgress, ProgressReader
from headwater.engine.reads import FlowReads
from headwater.engine.scheduler import Stopping
from headwater.engine.schemas import fitted
from headwater.expectations.rules import QualityCounts
from headwater.graph.model import Dataset, Flow, FlowKind
from headwater.machine.session import session_with
from headwater.names import TableName
from headwater.sandbox.patches import redirected

POLL_SECONDS: Any = 0.1  # PySpark takes parts of a second, its annotation says int
OBSERVATION_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class FlowReport:
    """What one micro-batch, or one batch, of a flow did.

    Attributes:
        batch_id: number of the micro-batch, None for a batch flow.
        counts: rows and rules of the target and of the views on the way to it.
        changes: set for AUTO CDC flows.
    """

    batch_id: int | None
    counts: dict[TableName, QualityCounts]
    changes: cdc.ChangeCounts | None
    rows_per_second: float
    duration_ms: int


@dataclass
class FlowRun:
    """One attempt at one flow.

    Attributes:
        path: folder of the target table.
        checkpoint: folder of the streaming checkpoint; its name is the flow's Delta identity.
        started: is called once all sources of the query are open.
        report: is called with each report, in the thread that runs the flow.
        stopping: when set, the flow stops after what it is doing.
    """

    flow: Flow
    dataset: Dataset
    reads: FlowReads
    path: Path
    checkpoint: Path
    change_state: Path
    identity: str
    target_lock: threading.Lock
    started: Callable[[], None]
    report: Callable[[FlowReport], None]
    stopping: Stopping
    _changes: dict[int, cdc.ChangeCounts] = field(default_factory=dict)
    _failure: BaseException | None = None

    def run(self) -> None:
        """Run the flow to its end.

        Raises:
            Exception: whatever Spark, Delta or user code raised, for `failures` to describe.
        """
        with self._own_session():
            frame = self._frame()
            if self.flow.kind is FlowKind.COMPLETE:
                return self._batch(lambda: overwrite(frame, self.dataset, self.path))
            if self.flow.once and self.flow.change:
                return self._batch(lambda: self._apply_changes(frame, 0))
            if self.flow.once:
                return self._batch(lambda: self._append_once(frame))
            query = self._start(frame)
        return self._follow(query)

    def _frame(self) -> DataFrame:
        """Return the rows to write: the query's, under the target's rules and schema."""
        change = self.flow.change
        frame = self.reads.query(self.flow)
        self.started()
        if change is not None:
            frame = cdc.inside_where(frame, change)
        frame = self.reads.observations.watch(
            frame,
            self.dataset,
            self.flow.name,
            self.reads.show_records,
            None if change is None else cdc.removes(change),
        )
        return frame if change is not None else fitted(frame, self.dataset)

    @contextmanager
    def _own_session(self) -> Iterator[None]:
        """Open a separate session for a flow with `spark_conf`: other flows run beside it."""
        if not self.flow.spark_conf:
            yield
            return
        spark = self.reads.spark
        with redirected(spark, session_with(spark, self.flow.spark_conf)):
            yield

    def _append_once(self, frame: DataFrame) -> None:
        writer = frame.write.format("delta").mode("append").option("mergeSchema", "true")
        writer = writer.option("txnAppId", self.identity).option("txnVersion", "0")
        writer.save(str(self.path))

    def _batch(self, write: Callable[[], None]) -> None:
        started = time.monotonic()
        write()
        seconds = max(time.monotonic() - started, 0.001)
        counts = self.reads.observations.counts(self._observed())
        rows = counts[self.dataset.name].input_rows if self.dataset.name in counts else 0
        self.report(
            FlowReport(None, counts, self._changes.get(0), rows / seconds, int(seconds * 1000))
        )

    def _observed(self) -> dict[str, dict[str, int | None]]:
        """Collect what Spark delivers just after a batch; a part that never ran has no result."""
        deadline = time.monotonic() + OBSERVATION_TIMEOUT_SECONDS
        found: dict[str, dict[str, int | None]] = {}
        for name, handle in self.reads.observations.handles.items():
            future: Any = handle._jo.future()  # type: ignore[union-attr]
            while not future.isCompleted() and time.monotonic() < deadline:
                time.sleep(0.01)
            if future.isCompleted():
                found[name] = handle.get
        return found

    def _start(self, frame: DataFrame) -> StreamingQuery:
        if self.flow.change:
            frame = cdc.narrowed(frame, self.flow.change)
        writer = (
            frame.writeStream.queryName(self.flow.name)
            .outputMode("append")
            .option("checkpointLocation", str(self.checkpoint))
            .trigger(availableNow=True)
        )
        if self.flow.change:
            return writer.foreachBatch(self._change_batch).start()
        return writer.format("delta").option("mergeSchema", "true").start(str(self.path))

    def _follow(self, query: StreamingQuery) -> None:
        progress = ProgressReader(query)
        try:
            while not query.awaitTermination(POLL_SECONDS):
                self._tell(progress)
                if self.stopping.is_set():
                    break
        except Exception as error:
            self._tell(progress)
            raise self._failure or error from error
        finally:
            if query.isActive:
                query.stop()
        self._tell(progress)

    def _tell(self, progress: ProgressReader) -> None:
        for batch in progress.new_batches():
            self.report(self._streamed(batch))

    def _streamed(self, batch: BatchProgress) -> FlowReport:
        return FlowReport(
            batch.batch_id,
            self.reads.observations.counts(batch.observed),
            self._changes.pop(batch.batch_id, None),
            batch.rows_per_second,
            batch.duration_ms,
        )

    def _change_batch(self, frame: DataFrame, batch_id: int) -> None:
        try:
            self._apply_changes(frame, batch_id)
        except BaseException as error:  # kept, for py4j hands on only its text
            self._failure = error
            raise

    def _apply_changes(self, frame: DataFrame, batch_id: int) -> None:
        change = self.flow.change
        assert change is not None  # noqa: S101 - only AUTO CDC flows get here
        target = cdc.ChangeTarget(
            path=str(self.path),
            state_path=str(self.change_state),
            name=str(self.dataset.name),
            change=change,
        )
        with self.target_lock:
            self._changes[batch_id] = cdc.apply_batch(frame, batch_id, target)

"""Run one attempt at a flow: its session, its query under the rules, and what it reports.

A flow's checkpoint and its Delta commits agree after a kill at any moment: Delta's own sink and
`txnAppId`/`txnVersion` skip a batch that was committed before, and AUTO CDC is idempotent by
sequence. What does not live here: how a flow writes (`writes`), order and retries (`scheduler`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from headwater import cdc
from headwater.flows.backlog import Backlogs
from headwater.flows.context import UpdateContext
from headwater.flows.progress import FlowReport, ProgressReader
from headwater.flows.reads import FlowReads
from headwater.graph.dag import ResolvedFlow
from headwater.graph.model import Dataset
from headwater.machine.session import session_with
from headwater.sandbox.interception import redirected
from headwater.state.checkpoints import clear_unfinished
from headwater.state.places import FlowPlaces
from headwater.state.snapshots import SnapshotMemory

POLL_SECONDS: Any = 0.1  # PySpark takes parts of a second, its annotation says int

_STORES = "org.apache.spark.sql.execution.streaming.state"
_PROCESSOR_SETTINGS = {
    "spark.sql.streaming.stateStore.providerClass": f"{_STORES}.RocksDBStateStoreProvider"
}
"""The state store that `transformWithState` needs; Spark has another one by default."""


@dataclass
class Merged:
    """What the micro-batches of a stream did, from Spark's thread to the flow's.

    Attributes:
        counts: rows changed, by batch, if it tells; taken out once they are reported.
        failure: what a batch ended with, for py4j hands on only its text.
    """

    counts: dict[int, cdc.ChangeCounts] = field(default_factory=dict)
    failure: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Note what a batch ended with."""
        self.failure = error

    def by(
        self, apply: Callable[[DataFrame, int], cdc.ChangeCounts | None]
    ) -> Callable[[DataFrame, int], None]:
        """Return what Spark calls with each micro-batch, to apply it and to note how it ended."""

        def call(rows: DataFrame, batch_id: int) -> None:
            try:
                changed = apply(rows, batch_id)
            except BaseException as error:
                self.fail(error)
                raise
            if changed is not None:
                self.counts[batch_id] = changed

        return call


@dataclass(frozen=True)
class FlowRun:
    """One attempt at one flow.

    Attributes:
        lock: held while rows of the target are merged or numbered: flows do that in turn.
    """

    context: UpdateContext
    resolved: ResolvedFlow
    reads: FlowReads
    lock: threading.Lock

    @property
    def dataset(self) -> Dataset:
        """The target."""
        return self.context.graph.datasets[self.resolved.flow.target]

    @property
    def places(self) -> FlowPlaces:
        """Where the flow keeps what it knows, and its table."""
        return self.context.places[self.resolved.flow.name]

    @property
    def snapshots(self) -> SnapshotMemory:
        """What is known of the snapshots that were taken, if the flow takes any."""
        return SnapshotMemory(self.places.changes, self.places.table)

    def again(self) -> FlowRun:
        """Return the attempt as it begins: nothing is observed yet."""
        reads = self.reads
        return replace(self, reads=replace(reads, observations=reads.observations.anew()))

    @contextmanager
    def session(self, *, apart: bool = False) -> Iterator[None]:
        """Open a separate session for a flow with settings: other flows run beside it.

        A stateful processor needs another state store than Spark's default.

        Args:
            apart: in any case, for the flow sets settings while it runs.
        """
        behind = self.context.graph.views_behind(self.resolved.inputs)
        calls = any(each.plan.calls_processor for each in (self.resolved, *behind))
        settings = {**(_PROCESSOR_SETTINGS if calls else {}), **self.resolved.flow.spark_conf}
        if not settings and not apart:
            yield
            return
        spark = self.context.spark
        with redirected(spark, session_with(spark, settings)):
            yield

    def query(self) -> DataFrame:
        """Return the rows of the flow's query; all its sources are open."""
        frame = self.reads.query(self.resolved.flow)
        self.reads.sources.close()
        return frame

    def ruled(self, frame: DataFrame, spared: Column | None = None) -> DataFrame:
        """Return rows under the target's rules, which are counted.

        Args:
            spared: condition of rows that no rule drops.
        """
        return self.reads.observations.watch(frame, self.dataset, spared)

    def stream(self, frame: DataFrame, mode: str = "append") -> DataStreamWriter:
        """Return what starts a stream of all that is there now, under the flow's checkpoint."""
        clear_unfinished(self.places.checkpoint)
        return (
            frame.writeStream.queryName(self.resolved.flow.name)
            .outputMode(mode)
            .option("checkpointLocation", str(self.places.checkpoint))
            .trigger(availableNow=True)
        )

    def batch(
        self, write: Callable[[], cdc.ChangeCounts | None], number: int | None = None
    ) -> None:
        """Write one batch and report it.

        Args:
            number: of the batch, where a flow writes several.
        """
        started = time.monotonic()
        changes = write()
        seconds = max(time.monotonic() - started, 0.001)
        observations = self.reads.observations
        counts = observations.counts(observations.of_batch())
        rows = counts[self.dataset.name].input_rows if self.dataset.name in counts else 0
        self._report(FlowReport(number, counts, changes, rows / seconds, int(seconds * 1000)))

    def follow(self, query: StreamingQuery, merged: Merged | None = None) -> None:
        """Report a stream's micro-batches to its end, or stop it when the update stops.

        Raises:
            Exception: what it ended with.
        """
        merged = merged or Merged()
        progress = ProgressReader(query)
        backlogs = Backlogs(self.places.checkpoint, self._source_name)
        try:
            while not query.awaitTermination(POLL_SECONDS):
                self._tell(progress, merged, backlogs)
                if self.context.stopping.is_set():
                    break
        except Exception as error:
            self._tell(progress, merged, backlogs)
            raise merged.failure or error from error
        finally:
            if query.isActive:
                query.stop()
        self._tell(progress, merged, backlogs)

    def _tell(self, progress: ProgressReader, merged: Merged, backlogs: Backlogs) -> None:
        for batch in progress.new_batches():
            counts = self.reads.observations.counts(batch.observed)
            changes = merged.counts.pop(batch.batch_id, None)
            self.context.journal.streamed(self.resolved, batch.batch_id, batch.told)
            self._report(
                FlowReport(
                    batch.batch_id,
                    counts,
                    changes,
                    batch.rows_per_second,
                    batch.duration_ms,
                    backlogs.read(batch.sources),
                )
            )

    def _source_name(self, folder: Path) -> str:
        """Name a source by the folder that Spark reads: a table, or Auto Loader's list of files."""
        tables = self.context.tables
        for request, place in self.reads.sources.opened:
            if folder == place.folder / "manifest":
                return tables.store.shown_path(request.path)
        datasets = self.context.graph.datasets.values()
        names = (
            str(each.name) for each in datasets if each.is_table and tables.path(each) == folder
        )
        return next(names, folder.name)

    def _report(self, done: FlowReport) -> None:
        self.context.journal.batch(self.resolved, done)

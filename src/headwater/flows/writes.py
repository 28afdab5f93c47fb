"""How a flow writes: one class for each way, chosen once from what the flow was resolved to.

    Append       rows of a stream are added
    AppendOnce   rows of a batch are added, once until the next full refresh
    Aggregate    the whole result of a stream's aggregate replaces the one before
    Overwrite    rows of a batch replace those of a materialized view
    Change       events of a stream are merged: AUTO CDC
    ChangeOnce   events of a batch are merged, once
    ReplaceRows  rows that meet a condition give way to those of a batch that meet it
    ReplaceKeys  rows of a key give way to newer ones of a stream
    Snapshots    rows of a table change to those of a snapshot, or of each of several
    SnapshotsOnce    the same, once
    Send         rows of a stream go into a sink
    SendBatches  micro-batches of a stream go into a function

Each tells what an update has to know of it, and runs an attempt. What does not live here: the
attempt's query, session and reports (`flows`), merging (`cdc`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from headwater import cdc
from headwater.analysis.identities import identity_columns
from headwater.analysis.predicates import target_predicate
from headwater.analysis.schemas import fitted, generated_columns
from headwater.flows import sinks
from headwater.flows.flow import FlowRun, Merged
from headwater.flows.overwrite import overwrite
from headwater.flows.snapshots import take_snapshots
from headwater.graph.model import (
    AutoCdc,
    Flow,
    FlowKind,
    ReplaceUsing,
    ReplaceWhere,
    SnapshotCdc,
)
from headwater.state.checkpoints import stream_id


@dataclass(frozen=True)
class _Way:
    """What an update has to know of a way to write.

    Attributes:
        is_batch: its query is a batch, not a stream.
        runs_once: it has nothing to do once it has run, until the next full refresh.
        recomputes: it reads all of its inputs again, and its table must be as it left it.
        rewrites: it replaces all rows of its table, which can't be read as a stream then.
        merges: it changes rows that are in its table, which it reads for that.
    """

    is_batch: ClassVar[bool] = False
    runs_once: ClassVar[bool] = False
    recomputes: ClassVar[bool] = False
    rewrites: ClassVar[bool] = False
    merges: ClassVar[bool] = False

    @property
    def always_runs(self) -> bool:
        """Whether it may have something to do though none of its inputs has moved."""
        return False

    def columns(self, frame: DataFrame, flow: Flow) -> StructType:
        """Return the columns that a query gives the target."""
        del flow
        return frame.schema

    def described(self, frame: DataFrame, declared: StructType | None) -> Mapping[str, str]:
        """Write out what must stay as it is until the next full refresh, of a declared target."""
        del frame, declared
        return {}


@dataclass(frozen=True)
class Append(_Way):
    """A stream whose rows are added; Delta's sink skips a batch that was committed before."""

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        appended = Merged()

        def append(rows: DataFrame, batch_id: int) -> None:
            _append(run, rows, stream_id(run.places.checkpoint), batch_id)

        with run.session():
            rows = fitted(run.ruled(run.query()), run.dataset)
            if identity_columns(run.dataset):
                query = run.stream(rows).foreachBatch(appended.by(append)).start()
            else:
                writer = run.stream(rows).format("delta").option("mergeSchema", "true")
                query = writer.start(str(run.places.table))
        run.follow(query, appended)


def _append(run: FlowRun, rows: DataFrame, identity: str, number: int) -> None:
    """Add rows in one commit, which Delta skips when it is there.

    Flows into a table do it in turn: one that numbers rows changes metadata, which others conflict
    with.
    """
    writer = rows.write.format("delta").mode("append").option("mergeSchema", "true")
    writer = writer.option("txnAppId", identity).option("txnVersion", str(number))
    with run.lock:
        writer.save(str(run.places.table))


@dataclass(frozen=True)
class Aggregate(_Way):
    """A stream's aggregate without a watermark: each micro-batch writes the whole result anew.

    The result of what came before is in the checkpoint. Source: "Optimize stateful processing with
    watermarks" in Databricks' documentation: such an aggregate is recomputed with each update.
    """

    rewrites = True

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        with run.session():
            rows = fitted(run.ruled(run.query()), run.dataset)
            writer = run.stream(rows).outputMode("complete").format("delta")
            query = writer.start(str(run.places.table))
        run.follow(query)


@dataclass(frozen=True)
class AppendOnce(_Way):
    """A batch whose rows are added in one commit, which Delta skips when it is there."""

    is_batch = True
    runs_once = True

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        with run.session():
            rows = fitted(run.ruled(run.query()), run.dataset)
            run.batch(lambda: _append(run, rows, run.places.identity, 0))


@dataclass(frozen=True)
class Overwrite(_Way):
    """A batch whose rows replace all others in one commit."""

    is_batch = True
    recomputes = True

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        with run.session():
            rows = fitted(run.ruled(run.query()), run.dataset)
            run.batch(lambda: overwrite(rows, run.dataset, run.places.table))


@dataclass(frozen=True)
class ReplaceRows(_Way):
    """A batch whose rows replace those that meet a condition, in one commit: REPLACE WHERE.

    The condition may move with the time, and others may write to the rest of the table.
    """

    replaces: ReplaceWhere

    is_batch = True
    recomputes = True
    merges = True

    @property
    def always_runs(self) -> bool:
        return True

    def columns(self, frame: DataFrame, flow: Flow) -> StructType:
        target_predicate(frame, self.replaces.predicate, flow)
        return frame.schema

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        with run.session():
            frame = run.query()
            predicate = target_predicate(frame, self.replaces.predicate, run.resolved.flow)
            rows = run.ruled(fitted(frame, run.dataset).where(predicate))
            writer = rows.write.format("delta").mode("overwrite").option("mergeSchema", "true")
            writer = writer.option("replaceWhere", predicate)
            run.batch(lambda: writer.save(str(run.places.table)))


@dataclass(frozen=True)
class ReplaceKeys(_Way):
    """A stream of partial snapshots, applied batch by batch: REPLACE USING."""

    replaces: ReplaceUsing

    merges = True

    def columns(self, frame: DataFrame, flow: Flow) -> StructType:
        cdc.check_partial(frame, self.replaces, name=str(flow.target), where=flow.location)
        return frame.schema

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        applied = Merged()

        def apply(rows: DataFrame, batch_id: int) -> cdc.ChangeCounts:
            target = cdc.PartialTarget(
                path=str(run.places.table),
                name=str(run.dataset.name),
                replaces=self.replaces,
                stream=stream_id(run.places.checkpoint),
            )
            with run.lock:
                return cdc.apply_partial(rows, batch_id, target)

        with run.session():
            rows = fitted(run.ruled(run.query()), run.dataset)
            query = run.stream(rows).foreachBatch(applied.by(apply)).start()
        run.follow(query, applied)


@dataclass(frozen=True)
class _Merging(_Way):
    """Change events that are merged; the same events again change nothing."""

    change: AutoCdc

    merges = True

    def columns(self, frame: DataFrame, flow: Flow) -> StructType:
        cdc.check_change(frame, self.change, name=str(flow.target), where=flow.location)
        return cdc.target_schema(frame, self.change)

    def described(self, frame: DataFrame, declared: StructType | None) -> Mapping[str, str]:
        return cdc.describe_change(frame, self.change, declared)

    def _events(self, run: FlowRun) -> DataFrame:
        events = cdc.inside_where(run.query(), self.change)
        return run.ruled(events, spared=cdc.removes(self.change))

    def _merge(self, run: FlowRun, events: DataFrame, batch_id: int) -> cdc.ChangeCounts:
        target = cdc.ChangeTarget(
            path=str(run.places.table),
            state_path=str(run.places.changes),
            name=str(run.dataset.name),
            change=self.change,
            generated=generated_columns(run.dataset, cdc.target_schema(events, self.change)),
        )
        with run.lock:
            return cdc.apply_batch(events, batch_id, target)


@dataclass(frozen=True)
class Change(_Merging):
    """A stream of change events, merged batch by batch."""

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        merged = Merged()

        def merge(events: DataFrame, batch_id: int) -> cdc.ChangeCounts:
            return self._merge(run, events, batch_id)

        with run.session():
            events = cdc.narrowed(self._events(run), self.change)
            query = run.stream(events).foreachBatch(merged.by(merge)).start()
        run.follow(query, merged)


@dataclass(frozen=True)
class ChangeOnce(_Merging):
    """A batch of change events, merged in one."""

    is_batch = True
    runs_once = True

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        with run.session():
            events = self._events(run)
            run.batch(lambda: self._merge(run, events, 0))


@dataclass(frozen=True)
class Snapshots(_Way):
    """Snapshots whose differences are merged, each in one commit under its number."""

    snapshots: SnapshotCdc

    is_batch = True
    recomputes = True
    merges = True

    @property
    def always_runs(self) -> bool:
        return self.snapshots.is_asked  # what a function knows of can't be looked at

    def columns(self, frame: DataFrame, flow: Flow) -> StructType:
        cdc.check_snapshots(frame, self.snapshots, name=str(flow.target), where=flow.location)
        return cdc.snapshot_schema(frame, self.snapshots)

    def described(self, frame: DataFrame, declared: StructType | None) -> Mapping[str, str]:
        del declared
        return cdc.describe_snapshots(frame, self.snapshots)

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        with run.session(apart=True):
            take_snapshots(run, self.snapshots)


@dataclass(frozen=True)
class SnapshotsOnce(Snapshots):
    """The same, until the next full refresh."""

    runs_once = True
    recomputes = False


@dataclass(frozen=True)
class Send(_Way):
    """A stream whose rows go into a sink; Delta's skips a batch that was committed before.

    Attributes:
        mode: Spark's output mode, append or update.
    """

    mode: str

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        spark, store = run.context.spark, run.context.tables.store
        with run.session():
            writer = run.stream(run.ruled(run.query()), self.mode)
            query = sinks.start(writer, run.dataset, spark, store)
        run.follow(query)
        sinks.register(run.dataset, spark, store)


@dataclass(frozen=True)
class SendBatches(_Way):
    """A stream whose micro-batches are handed to a function, each with its number.

    Attributes:
        mode: Spark's output mode, append or update.
    """

    mode: str

    def run(self, run: FlowRun) -> None:
        """Run the flow to its end."""
        merged = Merged()
        spark, store = run.context.spark, run.context.tables.store
        with run.session():
            writer = run.stream(run.ruled(run.query()), self.mode)
            send = sinks.batch_function(run.dataset, spark, store, merged.fail)
            query = writer.foreachBatch(send).start()
        run.follow(query, merged)


Write = (
    Append
    | Aggregate
    | AppendOnce
    | Overwrite
    | ReplaceRows
    | ReplaceKeys
    | Change
    | ChangeOnce
    | Snapshots
    | SnapshotsOnce
    | Send
    | SendBatches
)


def write_of(flow: Flow) -> Write:
    """Return how a flow writes.

    Args:
        flow: as resolved, with its kind; not one of a view, which writes nothing.
    """
    if flow.sink is not None:
        mode = "update" if flow.updates else "append"
        return Send(mode) if flow.sink.function is None else SendBatches(mode)
    if flow.kind is FlowKind.MATERIALIZED_VIEW:
        return Overwrite()
    if flow.kind is FlowKind.COMPLETE:
        return Aggregate()
    if isinstance(flow.replaces, ReplaceWhere):
        return ReplaceRows(flow.replaces)
    if isinstance(flow.replaces, ReplaceUsing):
        return ReplaceKeys(flow.replaces)
    if flow.snapshots is not None:
        return SnapshotsOnce(flow.snapshots) if flow.once else Snapshots(flow.snapshots)
    if flow.change is not None:
        return ChangeOnce(flow.change) if flow.once else Change(flow.change)
    return AppendOnce() if flow.once else Append()

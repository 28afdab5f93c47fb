"""Record what an update does, as events; what they add up to is `events.report`."""

from __future__ import annotations

import importlib.metadata
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyspark

from headwater.errors import HeadwaterError, SchemaChange
from headwater.events.log import EventLog
from headwater.events.report import UpdateReport, with_event
from headwater.events.rows import Event
from headwater.expectations.rules import QualityCounts, RuleCount
from headwater.flows.progress import FlowReport
from headwater.flows.sinks import shown_options
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.graph.model import Dataset, Flow, Sink
from headwater.graph.sql_query import SqlQuery

RUNTIME = f"headwater {importlib.metadata.version('headwater')}, Spark {pyspark.__version__}"


@dataclass
class Journal:
    """Writes the events of one update.

    Attributes:
        report: what they add up to, those of updates before a restart included.
    """

    log: EventLog
    pipeline: str
    update_id: str
    flow_ids: Mapping[str, str] = field(default_factory=dict)
    report: UpdateReport = field(default_factory=UpdateReport)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def created(self, cause: str, run_as: str, config: Mapping[str, Any]) -> None:
        """`create_update`: who asked, why, and with which settings; and what it runs on."""
        if cause == "USER_ACTION":
            told = {"action": "START", "user_name": run_as, "user_id": None}
            self._emit(Event("user_action", "A user started an update.", told))
        self._emit(
            Event(
                "create_update",
                f"Update {self.update_id[:6]} started by {cause}.",
                {"cause": cause, "run_as": run_as, "config": dict(config)},
            )
        )
        details = {"dbr_version": RUNTIME, "image_key": None, "effective_environment_version": None}
        self._emit(Event("runtime_details", f"The update runs on {RUNTIME}.", details))

    def state(self, state: str, error: Exception | None = None, *, cause: str = "") -> None:
        """`update_progress`: the update moved to another state; on disk when this returns.

        Args:
            cause: of a cancellation, USER_ACTION for one.
        """
        self._emit(
            Event(
                "update_progress",
                f"Update {self.update_id[:6]} is {state}.",
                {"state": state, **({"cancellation_cause": cause} if cause else {})},
                level="ERROR" if state == "FAILED" else "INFO",
                error=error,
            )
        )
        if state in ("RUNNING", "COMPLETED", "FAILED", "CANCELED"):
            self.log.flush()

    def defined(self, graph: Graph) -> None:
        """`dataset_definition`, `sink_definition` and `flow_definition` for all of the pipeline."""
        for dataset in graph.datasets.values():
            self._dataset_defined(dataset, graph)
        for flow in (*graph.flows, *graph.views):
            self._flow_defined(flow)

    def _sink_defined(self, dataset: Dataset, sink: Sink) -> None:
        details = {"format": sink.format, "options": shown_options(sink)}
        origin = {"dataset_name": str(dataset.name)}
        message = f"The sink {dataset.name.table} is defined."
        self._emit(Event("sink_definition", message, details, origin=origin))

    def _dataset_defined(self, dataset: Dataset, graph: Graph) -> None:
        if dataset.sink:
            self._sink_defined(dataset, dataset.sink)
            return
        rules = [
            {"name": rule.name, "condition": rule.text, "action": rule.action.value}
            for rule in dataset.expectations
        ]
        kind = dataset.kind.value if dataset.kind else "UNKNOWN"
        flows = [each for each in (*graph.flows, *graph.views) if each.flow.target == dataset.name]
        details = {"dataset_type": kind, "num_flows": len(flows), "expectations": rules}
        origin = {"dataset_name": str(dataset.name)}
        message = f"{dataset.name} is defined as {kind}."
        self._emit(Event("dataset_definition", message, details, origin=origin))

    def _flow_defined(self, resolved: ResolvedFlow) -> None:
        flow = resolved.flow
        details = {
            "output_dataset": str(flow.target),
            "input_datasets": sorted(map(str, resolved.inputs | resolved.external)),
            "flow_type": flow.kind.value if flow.kind else None,
            "output_sink": flow.target.table if flow.sink is not None else None,
            "schema_json": resolved.schema.json(),
            "schema": [
                {"name": each.name, "data_type": each.dataType.simpleString()}
                for each in resolved.schema
            ],
            "comment": flow.comment,
            "spark_conf": dict(flow.spark_conf),
            "language": "SQL" if isinstance(flow.query, SqlQuery) else "PYTHON",
            "once": flow.once,
        }
        message = f"Flow '{flow.name}' is defined."
        self._emit(Event("flow_definition", message, details, origin=self._origin(resolved)))

    def status(
        self,
        resolved: ResolvedFlow,
        status: str,
        message: str = "",
        error: HeadwaterError | None = None,
    ) -> None:
        """`flow_progress` without numbers: a flow moved to another status."""
        level = {"FAILED": "ERROR", "SKIPPED": "WARN"}.get(status, "WARN" if error else "INFO")
        self._emit(
            Event(
                "flow_progress",
                message or f"Flow '{resolved.flow.name}' is {status}.",
                {"status": status},
                level=level,
                origin=self._origin(resolved),
                error=error,
            )
        )

    def moved(self, resolved: ResolvedFlow, status: str) -> None:
        """Do as `status` does, unless the flow has this status already."""
        if self.report.flows[resolved.flow.name].status != status:
            self.status(resolved, status)

    def planned(self, resolved: ResolvedFlow, *, recomputes: bool) -> None:
        """`planning_information`: whether a materialized view is recomputed, or is up to date."""
        technique = "COMPLETE_RECOMPUTE" if recomputes else "NO_OP"
        chosen = {"maintenance_type": f"MAINTENANCE_TYPE_{technique}"}
        details = {"technique_information": [{**chosen, "is_chosen": True, "is_applicable": True}]}
        what = "is recomputed" if recomputes else "is up to date: none of its inputs has moved"
        message = f"Flow '{resolved.flow.name}' {what}."
        self._emit(Event("planning_information", message, details, origin=self._origin(resolved)))

    def batch(self, resolved: ResolvedFlow, report: FlowReport) -> None:
        """`flow_progress` with metrics and data quality, one per micro-batch or batch."""
        status = "RUNNING" if report.batch_id is not None else "COMPLETED"
        details: dict[str, Any] = {"status": status, "metrics": _metrics(report, resolved)}
        quality = _quality(report)
        if quality:
            details["data_quality"] = quality
        origin = {**self._origin(resolved), "batch_id": report.batch_id}
        message = f"Flow '{resolved.flow.name}' wrote a batch."
        self._emit(Event("flow_progress", message, details, level="METRICS", origin=origin))

    def streamed(self, resolved: ResolvedFlow, batch_id: int, told: Mapping[str, Any]) -> None:
        """`stream_progress`: a micro-batch as Spark tells of it, without places and values."""
        origin = {**self._origin(resolved), "batch_id": batch_id}
        message = f"Flow '{resolved.flow.name}' made progress."
        self._emit(Event("stream_progress", message, told, level="METRICS", origin=origin))

    @contextmanager
    def listing(self, flow: Flow, path: str) -> Iterator[list[int]]:
        """`operation_progress`: Auto Loader looks for files, from the begin of a block to its end.

        Yields:
            A list that takes the number of files.
        """
        counts: list[int] = []
        started = time.monotonic()

        def tell(status: str) -> None:
            told: dict[str, Any] = {"type": "AUTO_LOADER_LISTING", "status": status}
            if status != "STARTED":
                told["duration_ms"] = int((time.monotonic() - started) * 1000)
            found = {"source_path": path, "num_files_listed": sum(counts) if counts else None}
            origin = {"dataset_name": str(flow.target), "flow_name": flow.name}
            message = f"Listing of files for flow '{flow.name}' is {status}."
            told["auto_loader_details"] = found
            self._emit(Event("operation_progress", message, told, origin=origin))

        tell("STARTED")
        try:
            yield counts
        except SchemaChange:
            tell("CANCELED")
            raise
        except BaseException:
            tell("FAILED")
            raise
        tell("COMPLETED")

    def _emit(self, event: Event) -> None:
        with self._lock:
            self.report = with_event(self.report, event)
        self.log.emit(event)

    def _origin(self, resolved: ResolvedFlow) -> dict[str, Any]:
        return {
            "dataset_name": str(resolved.flow.target),
            "table_name": resolved.flow.target.table,
            "flow_name": resolved.flow.name,
            "flow_id": self.flow_ids.get(resolved.flow.name),
        }


def _metrics(report: FlowReport, resolved: ResolvedFlow) -> dict[str, Any]:
    metrics: dict[str, Any] = {"executor_time_ms": report.duration_ms}
    for backlog in report.backlogs:
        for key, value in backlog.metrics().items():
            metrics[key] = metrics.get(key, 0) + value
    if report.backlogs:
        metrics["source_metrics"] = [
            {"source_name": each.source, **each.metrics()} for each in report.backlogs
        ]
    own: QualityCounts | None = report.counts.get(resolved.flow.target)
    if own is not None:
        metrics["num_input_rows"] = own.input_rows
        metrics["num_dropped_rows"] = own.dropped_records
    if report.changes is not None and resolved.flow.snapshots:
        metrics["num_output_rows"] = report.changes.upserted
    elif report.changes is not None:
        metrics["num_upserted_rows"] = report.changes.upserted
        metrics["num_deleted_rows"] = report.changes.deleted
    elif own is not None:
        metrics["num_output_rows"] = own.output_rows
    return metrics


def _quality(report: FlowReport) -> dict[str, Any]:
    rules: Sequence[RuleCount] = [
        rule for counts in report.counts.values() for rule in counts.rules
    ]
    dropped = sum(counts.dropped_records for counts in report.counts.values())
    if not rules and not dropped:
        return {}
    return {
        "dropped_records": dropped,
        "expectations": [
            {
                "name": rule.name,
                "dataset": rule.dataset,
                "passed_records": rule.passed_records,
                "failed_records": rule.failed_records,
            }
            for rule in rules
        ],
    }

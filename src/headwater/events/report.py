"""What the events of an update add up to: one fold, for the command line and everything else.

Pure: takes events as they happen, or as the log has them, and gives the totals of each flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Any

from headwater.errors import HeadwaterError, UpdateError
from headwater.events.rows import Event

_HEADLINE = re.compile(r"\[([A-Z0-9_.]+)\] (.*)", re.DOTALL)
_OVERWRITES = "MATERIALIZED_VIEW"
_ENDED = ("COMPLETED", "FAILED", "STOPPED")


@dataclass(frozen=True)
class RuleTotals:
    """Rows that kept and rows that broke one expectation."""

    name: str
    dataset: str
    passed_records: int = 0
    failed_records: int = 0

    @property
    def failed_share(self) -> float | None:
        """Failed of all rows, from 0 to 1; None if the rule saw none."""
        rows = self.passed_records + self.failed_records
        return self.failed_records / rows if rows else None

    def plus(self, passed: int, failed: int) -> RuleTotals:
        """Return the totals with more rows."""
        return replace(
            self,
            passed_records=self.passed_records + passed,
            failed_records=self.failed_records + failed,
        )


@dataclass(frozen=True)
class FlowTotals:
    """Totals of one flow; of a materialized view those of the last time it was computed.

    Attributes:
        kind: as `flow_type` in the event log.
        status: the last one told.
        rows_in: rows that reached the target's rules.
        rows_written: rows appended or overwritten; for AUTO CDC, rows upserted.
        rows_dropped: rows that rules of the target dropped.
        rows_per_second: of the last micro-batch or batch, rows that reached the rules.
        rules: totals of each expectation by dataset and name, of the target and of views it reads.
        seconds: from its start to its end.
    """

    flow: str
    dataset: str
    kind: str = ""
    status: str = "QUEUED"
    rows_in: int = 0
    rows_written: int = 0
    rows_deleted: int = 0
    rows_dropped: int = 0
    rows_per_second: float = 0.0
    rules: Mapping[tuple[str, str], RuleTotals] = field(default_factory=dict)
    seconds: float = 0.0
    error: HeadwaterError | None = None
    started: datetime | None = None


@dataclass(frozen=True)
class UpdateReport:
    """Where an update stands, or how it ended.

    Attributes:
        state: the update's last state; empty before the first.
        flows: totals by the flow's name, in the order they were queued, over all restarts.
        kinds: how each flow writes, by its name.
    """

    state: str = ""
    flows: Mapping[str, FlowTotals] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def rules(self) -> dict[tuple[str, str], RuleTotals]:
        """Totals of each expectation over all flows that counted it, by dataset and name."""
        found: dict[tuple[str, str], RuleTotals] = {}
        for flow in self.flows.values():
            for key, told in flow.rules.items():
                before = found.get(key, RuleTotals(told.name, told.dataset))
                found[key] = before.plus(told.passed_records, told.failed_records)
        return found


def report_of(events: Iterable[Event]) -> UpdateReport:
    """Add up events, in the order in which they happened.

    Example:
        >>> report_of(events).flows["silver.events"].rows_written
        1000
    """
    return reduce(with_event, events, UpdateReport())


def with_event(report: UpdateReport, event: Event) -> UpdateReport:
    """Return the report with one more event."""
    if event.event_type == "update_progress":
        return replace(report, state=str(event.details["state"]))
    name = str(event.origin.get("flow_name"))
    if event.event_type == "flow_definition":
        return replace(report, kinds={**report.kinds, name: event.details["flow_type"] or ""})
    if event.event_type != "flow_progress":
        return report
    kind = report.kinds.get(name, "")
    flow = report.flows.get(name) or FlowTotals(name, str(event.origin["dataset_name"]), kind)
    flow = _with_batch(flow, event) if event.level == "METRICS" else _with_status(flow, event)
    return replace(report, flows={**report.flows, name: flow})


def _with_status(flow: FlowTotals, event: Event) -> FlowTotals:
    status = str(event.details["status"])
    started = event.timestamp if status == "STARTING" else flow.started
    seconds = flow.seconds
    if started and status in _ENDED:
        seconds = (event.timestamp - started).total_seconds()
    error = event.error if isinstance(event.error, HeadwaterError) else None
    # an error of before a restart is over
    return replace(flow, status=status, started=started, seconds=seconds, error=error)


def _with_batch(flow: FlowTotals, event: Event) -> FlowTotals:
    if flow.kind == _OVERWRITES:  # computed again after a restart: its rows were replaced
        flow = replace(flow, rows_in=0, rows_written=0, rows_dropped=0, rules={})
    metrics = event.details["metrics"]
    rows = metrics.get("num_input_rows", 0)
    written = metrics.get("num_upserted_rows", metrics.get("num_output_rows", 0))
    rules = dict(flow.rules)
    for told in event.details.get("data_quality", {}).get("expectations", ()):
        _add(rules, told)
    return replace(
        flow,
        rows_in=flow.rows_in + rows,
        rows_written=flow.rows_written + written,
        rows_deleted=flow.rows_deleted + metrics.get("num_deleted_rows", 0),
        rows_dropped=flow.rows_dropped + metrics.get("num_dropped_rows", 0),
        rows_per_second=1000 * rows / max(metrics["executor_time_ms"], 1),
        rules=rules,
    )


def _add(rules: dict[tuple[str, str], RuleTotals], told: Mapping[str, Any]) -> None:
    key = (told["dataset"], told["name"])
    before = rules.get(key, RuleTotals(told["name"], told["dataset"]))
    rules[key] = before.plus(told["passed_records"], told["failed_records"])


def event_of(row: Mapping[str, Any]) -> Event:
    """Return an event as `query.read_events` gives it; of an error, only its text is left."""
    return Event(
        row["event_type"],
        row["message"],
        row["details"][row["event_type"]],
        level=row["level"],
        origin=row["origin"],
        error=_error_of(row["error"]),
        id=row["id"],
        timestamp=row["timestamp"],
    )


def _error_of(told: Mapping[str, Any] | None) -> HeadwaterError | None:
    if told is None:
        return None
    text = str(told["exceptions"][0]["message"])
    found = _HEADLINE.match(text)
    return UpdateError(found[1], found[2]) if found else UpdateError("UNEXPECTED", text)

"""What updates measured, from the rows of an event log. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Any

from headwater.events.report import RuleTotals, UpdateReport, event_of, report_of, with_event

_ENDS = ("COMPLETED", "FAILED", "CANCELED")
_RESTARTS = ("SCHEMA_CHANGE", "RETRY_ON_FAILURE")


@dataclass(frozen=True)
class MeasuredUpdate:
    """One update, with those that a new column or a retry made of it.

    Attributes:
        update_id: of the first of them.
        state: how it ended, or where it stands.
        started: in UTC.
        ended: None while it runs, or if it was killed.
        rules: totals of the expectations that saw rows.
        rules_since: the same over the updates after the last that succeeded, up to this one: what
            those that failed have written stays in the tables.
        newest_event: when its last event was, in UTC.
        is_continuous: it runs until it is stopped.
        failed_flows: how many of its flows have failed.
    """

    update_id: str
    state: str
    started: datetime
    ended: datetime | None
    rules: Sequence[RuleTotals] = field(default=())
    newest_event: datetime | None = None
    is_continuous: bool = False
    failed_flows: int = 0
    rules_since: Sequence[RuleTotals] = field(default=())

    @property
    def succeeded(self) -> bool:
        """Whether it is COMPLETED; a continuous update that is stopped is as good as that."""
        is_stopped = self.is_continuous and self.state == "CANCELED" and not self.failed_flows
        return self.state == "COMPLETED" or is_stopped

    @property
    def minutes(self) -> float | None:
        """How long it took; None if it has no end."""
        return None if self.ended is None else (self.ended - self.started).total_seconds() / 60


def measured_updates(rows: Iterable[Mapping[str, Any]]) -> list[MeasuredUpdate]:
    """Return the updates that a log tells of, the last one first; validations are none.

    Args:
        rows: as `events.query.read_events` gives them, of all updates.
    """
    found: list[tuple[str, list[Mapping[str, Any]]]] = []
    by_id: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        update_id = row["origin"]["update_id"]
        if update_id not in by_id:
            goes_on = row["event_type"] == "create_update" and _cause(row) in _RESTARTS
            if not (goes_on and found):
                found.append((update_id, []))
            by_id[update_id] = found[-1][1]
        by_id[update_id].append(row)
    measured = []
    left = UpdateReport()  # of updates that did not succeed
    for update_id, each in found:
        left = reduce(with_event, map(event_of, each), _not_read_again(left, each))
        measured.append(_measured(update_id, each, left))
        if measured[-1].succeeded:
            left = UpdateReport()
    return measured[::-1]


def _not_read_again(left: UpdateReport, rows: Sequence[Mapping[str, Any]]) -> UpdateReport:
    """Leave out what an update counts again, since it refreshes tables in full."""
    created = (row for row in rows if row["event_type"] == "create_update")
    configs = [row["details"]["create_update"].get("config") or {} for row in created]
    if any(each.get("full_refresh") for each in configs):
        return UpdateReport()
    names = [name for each in configs for name in each.get("full_refresh_selection") or ()]
    flows = {
        key: flow
        for key, flow in left.flows.items()
        if not any(_is_named(flow.dataset, name) for name in names)
    }
    return replace(left, flows=flows)


def _is_named(dataset: str, name: str) -> bool:
    parts = name.replace("`", "").lower().split(".")
    return dataset.lower().split(".")[-len(parts) :] == parts


def _cause(row: Mapping[str, Any]) -> str:
    return str(row["details"]["create_update"].get("cause"))


def _measured(
    update_id: str, rows: Sequence[Mapping[str, Any]], since: UpdateReport
) -> MeasuredUpdate:
    report = report_of(event_of(row) for row in rows)
    has_ended = report.state in _ENDS
    return MeasuredUpdate(
        update_id,
        report.state,
        rows[0]["timestamp"],
        rows[-1]["timestamp"] if has_ended else None,
        tuple(report.rules.values()),
        rows[-1]["timestamp"],
        any(_is_continuous(row) for row in rows if row["event_type"] == "create_update"),
        sum(flow.status == "FAILED" for flow in report.flows.values()),
        tuple(since.rules.values()),
    )


def _is_continuous(row: Mapping[str, Any]) -> bool:
    return bool((row["details"]["create_update"].get("config") or {}).get("continuous"))

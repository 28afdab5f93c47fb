"""Events add up to one report, as they happen and as the log has them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from headwater.errors import UpdateError
from headwater.events.log import EventLog
from headwater.events.query import read_events
from headwater.events.report import RuleTotals, event_of, report_of
from headwater.events.rows import Event

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
ORIGIN = {"flow_name": "silver", "dataset_name": "main.s.silver"}


def told(status: str, seconds: float = 0, error: UpdateError | None = None) -> Event:
    time = START + timedelta(seconds=seconds)
    details = {"status": status}
    return Event("flow_progress", status, details, origin=ORIGIN, error=error, timestamp=time)


def batch(*, failed: int = 0, **metrics: int) -> Event:
    rule = {"name": "r", "dataset": "main.s.silver", "passed_records": 5, "failed_records": failed}
    details = {
        "status": "RUNNING",
        "metrics": {"executor_time_ms": 500, **metrics},
        "data_quality": {"dropped_records": failed, "expectations": [rule]},
    }
    return Event("flow_progress", "wrote a batch", details, level="METRICS", origin=ORIGIN)


def test_batches_are_added_up() -> None:
    events = [
        Event("flow_definition", "defined", {"flow_type": "APPEND"}, origin=ORIGIN),
        told("QUEUED"),
        told("STARTING", 1),
        batch(num_input_rows=7, num_output_rows=5, num_dropped_rows=2, failed=2),
        batch(num_input_rows=5, num_output_rows=5, num_dropped_rows=0),
        told("COMPLETED", 3.5),
        Event("update_progress", "over", {"state": "COMPLETED"}),
    ]
    report = report_of(events)
    (flow,) = report.flows.values()
    assert (report.state, flow.kind, flow.status) == ("COMPLETED", "APPEND", "COMPLETED")
    assert (flow.rows_in, flow.rows_written, flow.rows_dropped, flow.seconds) == (12, 10, 2, 2.5)
    assert flow.rows_per_second == 10
    key = ("main.s.silver", "r")
    assert flow.rules == {key: RuleTotals("r", "main.s.silver", 10, 2)}


def test_materialized_view_that_is_computed_again_after_a_restart_counts_once() -> None:
    events = [
        Event("flow_definition", "defined", {"flow_type": "MATERIALIZED_VIEW"}, origin=ORIGIN),
        batch(num_input_rows=7, num_output_rows=5, num_dropped_rows=2, failed=2),
        batch(num_input_rows=8, num_output_rows=5, num_dropped_rows=3, failed=3),
    ]
    (flow,) = report_of(events).flows.values()
    assert (flow.rows_in, flow.rows_written, flow.rows_dropped) == (8, 5, 3)
    assert flow.rules == {("main.s.silver", "r"): RuleTotals("r", "main.s.silver", 5, 3)}


def test_changes_count_as_upserted_and_deleted() -> None:
    flow = report_of([batch(num_input_rows=9, num_upserted_rows=4, num_deleted_rows=1)])
    (totals,) = flow.flows.values()
    assert (totals.rows_in, totals.rows_written, totals.rows_deleted) == (9, 4, 1)


def test_error_of_before_a_restart_is_over() -> None:
    failed = told("FAILED", 2, UpdateError("FLOW_FAILED", "no"))
    assert report_of([failed]).flows["silver"].error is not None
    assert report_of([failed, told("COMPLETED", 3)]).flows["silver"].error is None


def test_nothing_adds_up_to_nothing() -> None:
    report = report_of([Event("create_update", "by hand", {"cause": "USER_ACTION"})])
    assert (report.state, report.flows) == ("", {})


def test_log_adds_up_to_the_same(tmp_path: Path) -> None:
    events = [
        told("STARTING"),
        batch(num_input_rows=3, failed=1, num_dropped_rows=1, num_output_rows=2),
        told("FAILED", 2, UpdateError("EXPECTATION_VIOLATED", "1 row", hint="Mend")),
    ]
    with EventLog(tmp_path / "events", {"update_id": "u"}) as log:
        for event in events:
            log.emit(event)
    (live,) = report_of(events).flows.values()
    (read,) = report_of(map(event_of, read_events(tmp_path / "events"))).flows.values()
    assert (read.error.code, live.error.code) == ("EXPECTATION_VIOLATED",) * 2  # type: ignore[union-attr]
    assert vars(read) | {"error": None} == vars(live) | {"error": None}

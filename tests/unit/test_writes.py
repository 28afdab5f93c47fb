"""How a flow writes is chosen once, from what it was resolved to."""

from dataclasses import replace
from typing import get_args

import pytest

from headwater.errors import Location
from headwater.flows.writes import (
    Aggregate,
    Append,
    AppendOnce,
    Change,
    ChangeOnce,
    Overwrite,
    ReplaceKeys,
    ReplaceRows,
    Send,
    SendBatches,
    Snapshots,
    SnapshotsOnce,
    Write,
    write_of,
)
from headwater.graph.model import (
    AutoCdc,
    Flow,
    FlowKind,
    ReplaceUsing,
    ReplaceWhere,
    Sink,
    SnapshotCdc,
)
from headwater.names import TableName

CDC = AutoCdc(("id",), "ts")
BATCHES = SendBatches("update")
ROWS = SnapshotCdc(("id",))
WHERE = ReplaceWhere("day > 1")
USING = ReplaceUsing(("id",), "ts")
FLOW = Flow("f", TableName("c", "s", "t"), lambda: None, Location("x.py", 3))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("flow", "write"),
    [
        (replace(FLOW, kind=FlowKind.APPEND), Append()),
        (replace(FLOW, kind=FlowKind.APPEND, once=True), AppendOnce()),
        (replace(FLOW, kind=FlowKind.COMPLETE), Aggregate()),
        (replace(FLOW, kind=FlowKind.APPEND, sink=Sink("kafka")), Send("append")),
        (replace(FLOW, sink=Sink("foreachBatch", function=print), updates=True), BATCHES),
        (replace(FLOW, kind=FlowKind.MATERIALIZED_VIEW), Overwrite()),
        (replace(FLOW, kind=FlowKind.REPLACE_WHERE, replaces=WHERE), ReplaceRows(WHERE)),
        (replace(FLOW, kind=FlowKind.REPLACE_USING, replaces=USING), ReplaceKeys(USING)),
        (replace(FLOW, kind=FlowKind.CHANGE, change=CDC), Change(CDC)),
        (replace(FLOW, kind=FlowKind.CHANGE, change=CDC, once=True), ChangeOnce(CDC)),
        (replace(FLOW, kind=FlowKind.SNAPSHOT, snapshots=ROWS), Snapshots(ROWS)),
        (replace(FLOW, kind=FlowKind.SNAPSHOT, snapshots=ROWS, once=True), SnapshotsOnce(ROWS)),
    ],
)
def test_way_follows_from_kind_once_and_change(flow: Flow, write: Write) -> None:
    assert write_of(flow) == write


def test_facts_of_each_way() -> None:
    facts = {
        each.__name__: (each.is_batch, each.runs_once, each.recomputes, each.rewrites, each.merges)
        for each in get_args(Write)
    }
    assert facts == {
        "Append": (False, False, False, False, False),
        "Aggregate": (False, False, False, True, False),
        "AppendOnce": (True, True, False, False, False),
        "Overwrite": (True, False, True, False, False),
        "ReplaceRows": (True, False, True, False, True),
        "ReplaceKeys": (False, False, False, False, True),
        "Change": (False, False, False, False, True),
        "ChangeOnce": (True, True, False, False, True),
        "Snapshots": (True, False, True, False, True),
        "SnapshotsOnce": (True, True, False, False, True),
        "Send": (False, False, False, False, False),
        "SendBatches": (False, False, False, False, False),
    }


def test_window_and_asked_snapshots_run_though_nothing_has_moved() -> None:
    asked = Snapshots(replace(ROWS, is_asked=True))
    always = (ReplaceRows(WHERE), asked)
    assert all(each.always_runs for each in always)
    assert not any(each.always_runs for each in (Snapshots(ROWS), ReplaceKeys(USING), Overwrite()))

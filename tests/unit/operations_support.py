"""What tests of `headwater ops` share: a target with event logs and Delta tables, without a JVM."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from headwater.events.log import EventLog
from headwater.events.rows import Event
from headwater.names import TableName
from headwater.settings import read_settings
from headwater.state.pipeline import TableState
from headwater.state.target import Target, open_target

BUNDLE = """
bundle: {name: shop}
resources:
  pipelines:
    flow: {catalog: main, schema: silver, libraries: [{file: {path: flow.py}}]}
"""


def shop(folder: Path, bundle: str = BUNDLE) -> Target:
    """A bundle with a pipeline `flow`, opened."""
    (folder / "databricks.yml").write_text(bundle)
    (folder / "flow.py").write_text("x = 1\n")
    return open_target(folder, settings=read_settings({"HEADWATER_USER": "me"}))


def log_update(
    target: Target,
    update_id: str,
    *,
    state: str | None = "COMPLETED",
    hours_ago: float = 1,
    rules: Sequence[tuple[str, str, int, int]] = (),
    continuous: bool = False,
    pipeline: str = "flow",
    failed_flow: bool = False,
) -> None:
    """Write the events of an update.

    Args:
        state: how it ended; None for one that has not.
        rules: rule, dataset, passed and failed rows.
    """
    at = datetime.now(timezone.utc) - timedelta(hours=hours_ago)
    of_flow = {"flow_name": "f", "dataset_name": "main.silver.events"}
    told = [
        {"name": name, "dataset": dataset, "passed_records": passed, "failed_records": failed}
        for name, dataset, passed, failed in rules
    ]
    metrics = {"num_input_rows": 10, "num_output_rows": 10, "executor_time_ms": 5}
    events: list[tuple[str, dict[str, Any], str]] = [
        ("create_update", {"cause": "USER_ACTION", "config": {"continuous": continuous}}, "INFO"),
        ("update_progress", {"state": "RUNNING"}, "INFO"),
        (
            "flow_progress",
            {"status": "RUNNING", "metrics": metrics, "data_quality": {"expectations": told}},
            "METRICS",
        ),
    ]
    if failed_flow:
        events.append(("flow_progress", {"status": "FAILED"}, "ERROR"))
    if state is not None:
        events.append(("update_progress", {"state": state}, "INFO"))
    with EventLog(target.event_log(pipeline), {"update_id": update_id}) as log:
        for kind, details, level in events:
            log.emit(Event(kind, "", details, level=level, origin=of_flow, timestamp=at))


def make_table(
    target: Target,
    name: str,
    *batches: dict[str, list[Any]],
    kind: str | None = "STREAMING_TABLE",
    change: dict[str, str] | None = None,
    partition_by: list[str] | None = None,
    pipeline: str = "flow",
) -> Path:
    """Write a table of the pipeline's, a commit for each batch; return its folder.

    Args:
        kind: None for a table that no pipeline made.
    """
    full = TableName(*name.split("."))
    path = target.store.table_path(full)
    for batch in batches:
        write_deltalake(path, pa.table(batch), mode="append", partition_by=partition_by)
    if kind is not None:
        target.pipeline_state(pipeline).save(full, TableState(kind, change=change or {}))
    return path


def count(path: Path) -> int:
    return int(DeltaTable(path).count())

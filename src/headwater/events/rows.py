"""The columns of an event log, as Databricks documents them (contract 3.1), and one event."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

from headwater.errors import HeadwaterError

_STACK = pa.struct(
    [
        ("declaring_class", pa.string()),
        ("method_name", pa.string()),
        ("file_name", pa.string()),
        ("line_number", pa.int64()),
    ]
)
_EXCEPTION = pa.struct(
    [("class_name", pa.string()), ("message", pa.string()), ("stack", pa.list_(_STACK))]
)
_ORIGIN_TEXT = (
    "cloud",
    "region",
    "pipeline_id",
    "pipeline_type",
    "pipeline_name",
    "cluster_id",
    "update_id",
    "table_name",
    "dataset_name",
    "sink_name",
    "flow_id",
    "flow_name",
    "request_id",
)
_ORIGIN = pa.struct(
    [
        *((name, pa.string()) for name in _ORIGIN_TEXT),
        ("org_id", pa.int64()),
        ("batch_id", pa.int64()),
    ]
)
_SEQUENCE = pa.struct(
    [
        ("data_plane_id", pa.struct([("instance", pa.string()), ("seq_no", pa.int64())])),
        ("control_plane_seq_no", pa.int64()),
    ]
)

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("sequence", _SEQUENCE),
        ("origin", _ORIGIN),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("message", pa.string()),
        ("level", pa.string()),
        ("maturity_level", pa.string()),
        ("error", pa.struct([("fatal", pa.bool_()), ("exceptions", pa.list_(_EXCEPTION))])),
        ("details", pa.string()),
        ("event_type", pa.string()),
    ]
)


@dataclass(frozen=True)
class Event:
    """One thing that happened in an update.

    Attributes:
        event_type: `update_progress`, `flow_progress`, ...; the single key of `details`.
        details: what the contract's 3.2 lists for the type; no rows, no values of rows.
        level: INFO, WARN, ERROR or METRICS.
        origin: dataset, flow and batch the event is about.
        error: the exception's class, code and text, values of rows removed.
    """

    event_type: str
    message: str
    details: Mapping[str, Any]
    level: str = "INFO"
    origin: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    timestamp: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


def to_table(events: Sequence[tuple[int, Event]], origin: Mapping[str, Any]) -> pa.Table:
    """Make the rows of numbered events; `origin` is what all of them share."""
    rows = [_row(number, event, origin) for number, event in events]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def as_dict(number: int, event: Event, origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as a hook gets it: a row of the log as JSON has it, `details` parsed."""
    row = _row(number, event, origin)
    row["details"] = json.loads(row["details"])
    return {**row, "timestamp": event.timestamp.isoformat()}


def _row(number: int, event: Event, origin: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": event.id,
        "sequence": {
            "data_plane_id": {"instance": origin.get("update_id"), "seq_no": number},
            "control_plane_seq_no": None,
        },
        "origin": {**origin, **event.origin},
        "timestamp": event.timestamp,
        "message": event.message,
        "level": event.level,
        "maturity_level": "STABLE",
        "error": _error(event.error, fatal=event.level == "ERROR"),
        "details": json.dumps({event.event_type: event.details}, default=str),
        "event_type": event.event_type,
    }


def _error(error: BaseException | None, *, fatal: bool) -> dict[str, Any] | None:
    if error is None:
        return None
    # what others say may hold values of rows
    message = str(error) if isinstance(error, HeadwaterError) else type(error).__name__
    told = {"class_name": type(error).__name__, "message": message, "stack": []}
    return {"fatal": fatal, "exceptions": [told]}

"""Check events against the contract of their topic: rows to land, and events to reject unchanged.

Deciding is pure: the same events and contract give the same rows in every process, so that two
consumers that land the same offsets write the same rows. What does not live here: files.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from headwater.landing.bulk import BulkParser
from headwater.landing.contract import TYPES, Column, Contract
from headwater.landing.source import EventBatch

_TIME = pa.timestamp("us", "UTC")

ORIGIN = [
    pa.field("_topic", pa.string(), nullable=False),
    pa.field("_partition", pa.int32(), nullable=False),
    pa.field("_offset", pa.int64(), nullable=False),
    pa.field("_enqueued_time", _TIME, nullable=False),
    pa.field("_ingested_time", _TIME, nullable=False),
    pa.field("_key", pa.binary()),
]
"""Where a row comes from; the last columns of each file."""

REJECTED = pa.schema([pa.field("value", pa.binary()), pa.field("reason", pa.string()), *ORIGIN])
"""A rejected event: its original bytes, and why it was rejected."""

_NOTHING = pa.RecordBatch.from_pylist([], REJECTED)

_TEXT: frozenset[type] = frozenset({str, type(None)})
_FITTING: dict[str, frozenset[type]] = {
    "STRING": _TEXT,
    "INT": frozenset({int, type(None)}),
    "BIGINT": frozenset({int, type(None)}),
    "DOUBLE": frozenset({int, float, type(None)}),
    "BOOLEAN": frozenset({bool, type(None)}),
    "TIMESTAMP": _TEXT,
    "DATE": _TEXT,
}
_LENIENT = ("INT", "BIGINT", "DOUBLE")  # Arrow takes 1.5 for an INT, and true for a DOUBLE
_SPELLINGS = (  # what Spark's cast takes and Arrow's does not, and how Arrow takes it
    # more than six digits: .NET writes seven, Go and Java nine
    (r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d{6})\d+", r"\1"),
    (r"(:\d\d(?:\.\d+)?) ?(?:Z|UTC|GMT)$", r"\1Z"),
    (r"(:\d\d(?:\.\d+)?) ([+-]\d\d:?\d\d)$", r"\1\2"),
)
_MISFIT = (pa.ArrowException, TypeError, ValueError, OverflowError)

Event = dict[str, Any]
Reasons = dict[int, str]


@dataclass(frozen=True)
class Rows:
    """Decoded events of one partition; together they are all events that were given.

    Attributes:
        landed: rows of the contract's columns, `_extra` and `ORIGIN`.
        rejected: rows of `REJECTED`.
        extras: how many landed rows have fields that the contract does not name.
    """

    landed: pa.RecordBatch
    rejected: pa.RecordBatch
    extras: int

    @property
    def size(self) -> int:
        """Return the bytes in memory."""
        return int(self.landed.nbytes + self.rejected.nbytes)


class Decoder:
    """Decodes events by a contract.

    Attributes:
        contract: the columns, their types, and which may be null.
        schema: of landed rows.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.schema = pa.schema([*contract.fields, pa.field("_extra", pa.string()), *ORIGIN])
        self._bulk = BulkParser(contract)
        self._known = frozenset(each.name for each in contract.columns)

    def decode(self, batch: EventBatch, ingested_us: int) -> Rows:
        """Split events into rows that fit and events that don't; each event is in one of both.

        An event is rejected when it has no value, is not JSON in UTF-8, is not an object, has a
        value of another type than its column (a number is not text, `1.0` is not a BIGINT), has a
        number out of its type's range, or lacks a value that may not be null. A TIMESTAMP without
        an offset is UTC, and is cut to microseconds, as Spark's cast does. Fields without a column
        go to `_extra` as JSON text.

        Args:
            ingested_us: now, in microseconds since 1970 UTC; the same for all rows.
        """
        origin = _origin(batch, ingested_us)
        fitting = self._fitting(batch.values)
        if fitting is not None:
            nothing = pa.nulls(len(batch.values), pa.string())
            landed = pa.record_batch([*fitting, nothing, *origin], schema=self.schema)
            return Rows(landed, _NOTHING, 0)
        reasons: Reasons = {}
        events = _parse(batch.values, reasons)
        columns = [_array(column, events, reasons) for column in self.contract.columns]
        extra = self._extra(events, reasons)
        landed = pa.record_batch([*columns, extra, *origin], schema=self.schema)
        if not reasons:
            return Rows(landed, _NOTHING, len(extra) - extra.null_count)
        landed = landed.filter(pa.array([each not in reasons for each in range(len(events))]))
        extra = landed.column("_extra")
        return Rows(landed, _reject(batch, origin, reasons), len(extra) - extra.null_count)

    def _fitting(self, values: Sequence[bytes | None]) -> list[pa.Array] | None:
        """Return the columns of events that are read at once; None where that can't be done."""
        texts = self._bulk.parse(values)
        if texts is None:
            return None
        try:
            return [_build(texts[each.name], each) for each in self.contract.columns]
        except pa.ArrowException:
            return None

    def _extra(self, events: Sequence[Event], reasons: Reasons) -> pa.Array:
        known = self._known
        found: list[str | None] = [None] * len(events)
        for index, event in enumerate(events):
            if known.issuperset(event):
                continue
            extra = {name: event[name] for name in event if name not in known}
            try:
                found[index] = json.dumps(extra, allow_nan=False)
            except ValueError:  # 1e400 is read as infinity, for which JSON has no word
                _note(reasons, index, "a field without a column has a number out of range")
            except RecursionError:
                _note(reasons, index, "a field without a column is nested too deep")
        return pa.array(found, pa.string())


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


# NaN and Infinity are not JSON; typeshed does not know `scan_once`, which is twice as fast as loads
_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(  # type: ignore[attr-defined]
    parse_constant=_refuse
).scan_once


def _parse(values: Sequence[bytes | None], reasons: Reasons) -> list[Event]:
    """Parse each value; one that is not an object becomes {} and gets a reason."""
    events: list[Event] = []
    for index, value in enumerate(values):
        if value is None:
            events.append(_note(reasons, index, "no value"))
            continue
        event: Any
        try:
            text = value.decode()
            event, end = _scan(text, 0)
            if end != len(text) and not text[end:].isspace():
                event = _note(reasons, index, "not JSON in UTF-8")
        except StopIteration:
            event = _parse_padded(text, index, reasons)
        except (ValueError, RecursionError):
            event = _note(reasons, index, "not JSON in UTF-8")
        if type(event) is not dict:
            event = _note(reasons, index, "not a JSON object")
        events.append(event)
    return events


def _parse_padded(text: str, index: int, reasons: Reasons) -> object:
    """Parse text that begins with white space, or is not JSON at all."""
    try:
        return json.loads(text.lstrip(" \t\r\n"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return _note(reasons, index, "not JSON in UTF-8")


def _note(reasons: Reasons, index: int, reason: str) -> Event:
    reasons.setdefault(index, reason)
    return {}


def _array(column: Column, events: Sequence[Event], reasons: Reasons) -> pa.Array:
    """Build a column; values that don't fit become null and get a reason."""
    name = column.name
    values = [event.get(name) for event in events]
    try:
        if column.type in _LENIENT and not _FITTING[column.type].issuperset(map(type, values)):
            raise TypeError
        array = _build(values, column)
    except _MISFIT:
        misfits = [index for index, value in enumerate(values) if not _fits(value, column)]
        for index in misfits:
            _note(reasons, index, f"column {name} is not {column.type}")
            values[index] = None
        array = _build(values, column)
    if not column.nullable and array.null_count:
        for index, value in enumerate(values):
            if value is None:
                _note(reasons, index, f"column {name} is missing")
    return array


def _fits(value: object, column: Column) -> bool:
    if type(value) not in _FITTING[column.type]:
        return False
    if value is None:
        return True
    try:
        _build([value], column)
    except _MISFIT:
        return False
    return True


def _build(values: list[Any] | pa.Array, column: Column) -> pa.Array:
    return _BUILDERS.get(column.type, pa.array)(values, TYPES[column.type])


def _dates(values: list[Any] | pa.Array, kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.string()).cast(kind)


def _timestamps(values: list[Any] | pa.Array, kind: pa.DataType) -> pa.Array:
    texts = pa.array(values, pa.string())
    try:
        return texts.cast(kind)  # each text has an offset
    except pa.ArrowInvalid:
        for pattern, spelling in _SPELLINGS:
            texts = pc.replace_substring_regex(texts, pattern, spelling)
        return _spelled_timestamps(texts, kind)


def _spelled_timestamps(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    for way in (kind, pa.timestamp("us")):  # all have an offset, or none has one
        with contextlib.suppress(pa.ArrowInvalid):
            return texts.cast(way).cast(kind)
    if len(texts) == 1:
        raise pa.ArrowInvalid("not a timestamp")
    middle = len(texts) // 2
    halves = (texts[:middle], texts[middle:])
    return pa.concat_arrays([_spelled_timestamps(each, kind) for each in halves])


def _doubles(values: list[Any] | pa.Array, kind: pa.DataType) -> pa.Array:
    found = pa.array(values, kind)
    if pc.any(pc.is_inf(found)).as_py():
        raise pa.ArrowInvalid("out of range")
    return found


_BUILDERS: dict[str, Callable[[list[Any] | pa.Array, pa.DataType], pa.Array]] = {
    "DOUBLE": _doubles,
    "TIMESTAMP": _timestamps,
    "DATE": _dates,
}


def _origin(batch: EventBatch, ingested_us: int) -> list[pa.Array]:
    count = len(batch.offsets)
    return [
        pa.repeat(pa.scalar(batch.partition.topic), count),
        pa.repeat(pa.scalar(batch.partition.number, pa.int32()), count),
        pa.array(batch.offsets, pa.int64()),
        pa.array(batch.enqueued_ms, pa.timestamp("ms", "UTC")).cast(_TIME),
        pa.repeat(pa.scalar(ingested_us, _TIME), count),
        pa.array(batch.keys, pa.binary()),
    ]


def _reject(batch: EventBatch, origin: list[pa.Array], reasons: Reasons) -> pa.RecordBatch:
    chosen = sorted(reasons)
    at = pa.array(chosen, pa.int64())
    return pa.record_batch(
        [
            pa.array([batch.values[index] for index in chosen], pa.binary()),
            pa.array([reasons[index] for index in chosen], pa.string()),
            *(pc.take(column, at) for column in origin),
        ],
        schema=REJECTED,
    )

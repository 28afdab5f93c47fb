"""Events against their contract: what lands, what is rejected, and that nothing is lost."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.landing.contract import TYPES, contract_of
from headwater.landing.rows import Decoder, Rows
from landing_support import CONTRACT, batch_of, event

NOW_US = 1_767_225_700_000_000


def decode(*values: bytes | None) -> Rows:
    return Decoder(CONTRACT).decode(batch_of(values, first=100), NOW_US)


def test_fitting_event_lands_with_its_origin() -> None:
    rows = decode(event(1))
    assert rows.landed.to_pylist() == [
        {
            "id": "E1",
            "age": 1,
            "_extra": None,
            "_topic": "events",
            "_partition": 0,
            "_offset": 100,
            "_enqueued_time": datetime(2026, 1, 1, 0, 0, 0, 100_000, timezone.utc),
            "_ingested_time": datetime(2026, 1, 1, 0, 1, 40, 0, timezone.utc),
            "_key": b"k",
        }
    ]
    assert rows.rejected.num_rows == 0


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value"),
        (b"", "not JSON in UTF-8"),
        (b"  ", "not JSON in UTF-8"),
        (b"{", "not JSON in UTF-8"),
        (b'{"id": "a"} {"id": "b"}', "not JSON in UTF-8"),
        (b'\xff{"id": "a"}', "not JSON in UTF-8"),
        (b'{"id": NaN}', "not JSON in UTF-8"),
        (b'{"id": "a", "x": ' + b"[" * 100_000, "not JSON in UTF-8"),
        (b"[1]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b'{"age": 1}', "column id is missing"),
        (b'{"id": null}', "column id is missing"),
        (b'{"id": 7}', "column id is not STRING"),
        (b'{"id": "\\ud800"}', "column id is not STRING"),
        (b'{"id": "a", "age": "7"}', "column age is not BIGINT"),
        (b'{"id": "a", "age": 7.0}', "column age is not BIGINT"),
        (b'{"id": "a", "age": true}', "column age is not BIGINT"),
        (b'{"id": "a", "age": 9223372036854775808}', "column age is not BIGINT"),
        (b'{"id": "a", "age": {}}', "column age is not BIGINT"),
        (b'{"id": "a", "x": {"y": -1e400}}', "a field without a column has a number out of range"),
    ],
)
def test_misfit_is_rejected_as_it_came(value: bytes | None, reason: str) -> None:
    rows = decode(event(1), value, event(2))
    assert rows.rejected.select(["value", "reason", "_offset"]).to_pylist() == [
        {"value": value, "reason": reason, "_offset": 101}
    ]
    assert rows.landed.column("_offset").to_pylist() == [100, 102]


@pytest.mark.parametrize("value", [b' {"id": "a"}', b'{"id": "a"}\r\n', b'{"id":"a","id":"a"}'])
def test_white_space_around_an_event_is_fine(value: bytes) -> None:
    assert decode(value).landed.column("id").to_pylist() == ["a"]


def test_new_fields_are_kept_and_counted() -> None:
    rows = decode(event(1, triage=3, note={"a": [1]}), event(2))
    kept = rows.landed.column("_extra").to_pylist()
    assert (json.loads(kept[0]), kept[1]) == ({"triage": 3, "note": {"a": [1]}}, None)
    assert rows.extras == 1


def test_field_named_like_an_origin_column_goes_to_extra() -> None:
    row = decode(event(1, _offset=5)).landed.to_pylist()[0]
    assert (row["_offset"], row["_extra"]) == (100, '{"_offset": 5}')


def test_times_with_and_without_offset_mix() -> None:
    columns = [{"name": "at", "type": "TIMESTAMP"}, {"name": "on", "type": "DATE"}]
    decoder = Decoder(contract_of({"topic": "t", "columns": columns}, Path("c.yml")))
    values = [
        b'{"at": "2026-01-01T10:00:00", "on": "2026-01-01"}',
        b'{"at": "2026-01-01T10:00:00+02:00"}',
        b'{"at": "2026-01-01T10:00:00.5Z"}',
        b'{"at": "yesterday"}',
        b'{"on": "2026-02-30"}',
    ]
    rows = decoder.decode(batch_of(values), NOW_US)
    times = [each.isoformat() for each in rows.landed.column("at").to_pylist()]
    assert times == [
        "2026-01-01T10:00:00+00:00",
        "2026-01-01T08:00:00+00:00",
        "2026-01-01T10:00:00.500000+00:00",
    ]
    assert rows.rejected.column("_offset").to_pylist() == [3, 4]


def one(kind: str, value: str) -> object:
    """What a JSON value becomes in a column, between two that fit; "rejected" if it does not."""
    columns = [{"name": "v", "type": kind}]
    decoder = Decoder(contract_of({"topic": "t", "columns": columns}, Path("c.yml")))
    rows = decoder.decode(batch_of([b"{}", b'{"v": %s}' % value.encode(), b"{}"]), NOW_US)
    assert rows.landed.num_rows + rows.rejected.num_rows == 3
    return rows.landed.column("v").to_pylist()[1] if not rows.rejected.num_rows else "rejected"


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-01-01T10:00:00.1234567Z", 123_456),
        ("2026-01-01T10:00:00.999999999Z", 999_999),
        ("2026-01-01T10:00:00.123456789012", 123_456),
        ("2026-01-01 12:00:00.1234567+02:00", 123_456),
        ("2026-01-01T05:00:00.12345678-0500", 123_456),
        ("2026-01-01 10:00:00.5 UTC", 500_000),
        ("2026-01-01 10:00:00 Z", 0),
        ("2026-01-01T12:00:00 +02:00", 0),
    ],
)
def test_times_are_taken_and_cut_as_by_the_cast_of_spark(text: str, micros: int) -> None:
    when = datetime(2026, 1, 1, 10, 0, 0, micros, timezone.utc)
    assert one("TIMESTAMP", f'"{text}"') == when


def test_time_before_1970_is_cut_towards_the_past() -> None:
    last = datetime(1969, 12, 31, 23, 59, 59, 999_999, timezone.utc)
    assert one("TIMESTAMP", '"1969-12-31T23:59:59.9999999Z"') == last


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("TIMESTAMP", f'"{text}"') for text in ("2026-01-01T10:00:60Z", "2026-01-01T10:00:00z")),
        *(("TIMESTAMP", f'"{text}"') for text in ("2026-01-01t10:00:00Z", "2026-01-01T24:00:00")),
        *(("TIMESTAMP", f'"{text}"') for text in ("2026-01-01T10:00:001Z", "2026-01-01T10:00:00X")),
        ("TIMESTAMP", "1767225600"),
        *(("DATE", f'"{text}"') for text in ("2026-01-01T10:00:00", "2026-02-29", "20260101")),
        *(("DOUBLE", text) for text in ("1e400", "-1E400", "1.8e308", "1" * 400)),
        *(("INT", text) for text in ("2147483648", "-2147483649", "1e3")),
        *(("BIGINT", text) for text in ("9223372036854775808", "-9223372036854775809")),
    ],
)
def test_value_that_its_type_does_not_hold_is_rejected(kind: str, value: str) -> None:
    assert one(kind, value) == "rejected"


@pytest.mark.parametrize("depth", [100, 900, 1_000, 1_100, 20_000])
def test_deep_nesting_is_kept_or_rejected(depth: int) -> None:
    rows = decode(b'{"id": "a", "x": ' + b"[" * depth + b"]" * depth + b"}")
    assert rows.landed.num_rows + rows.rejected.num_rows == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["id", "age", "day", "at", "on", "is", "share", "new"])
EVENTS = st.dictionaries(NAMES, JSON_VALUES).map(lambda each: json.dumps(each).encode())
EVERY_TYPE = contract_of(
    {
        "topic": "t",
        "columns": [
            {"name": name, "type": kind}
            for name, kind in zip(
                ["id", "age", "day", "share", "is", "at", "on"], TYPES, strict=True
            )
        ],
    },
    Path("c.yml"),
)


@given(st.lists(st.none() | st.binary(max_size=20) | EVENTS, min_size=1, max_size=20))
def test_every_event_is_landed_or_rejected_whatever_it_holds(values: list[bytes | None]) -> None:
    rows = Decoder(EVERY_TYPE).decode(batch_of(values), NOW_US)
    landed = rows.landed.column("_offset").to_pylist()
    rejected = rows.rejected.column("_offset").to_pylist()
    assert sorted(landed + rejected) == list(range(len(values)))
    assert rows.rejected.column("value").to_pylist() == [values[each] for each in rejected]
    rows.landed.validate(full=True)


@given(st.lists(st.none() | st.binary(max_size=20) | EVENTS, min_size=2, max_size=20), st.data())
def test_cuts_do_not_change_what_an_event_becomes(
    values: list[bytes | None], data: st.DataObject
) -> None:
    at = data.draw(st.integers(1, len(values) - 1))
    decoder = Decoder(EVERY_TYPE)
    whole = decoder.decode(batch_of(values), NOW_US)
    parts = [
        decoder.decode(batch_of(values[:at]), NOW_US),
        decoder.decode(batch_of(values[at:], first=at), NOW_US),
    ]
    landed = [row for part in parts for row in part.landed.to_pylist()]
    assert repr(landed) == repr(whole.landed.to_pylist())

"""Events read at once become what they become when they are read one by one, or are not so read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.landing.bulk import BulkParser
from headwater.landing.contract import contract_of
from headwater.landing.rows import Decoder, Rows
from landing_support import CONTRACT, batch_of, event

CONTRACT_OF_ALL = contract_of(
    {
        "topic": "t",
        "columns": [
            {"name": "id", "type": "STRING", "nullable": False},
            {"name": "age", "type": "INT"},
            {"name": "number", "type": "BIGINT"},
            {"name": "share", "type": "DOUBLE"},
            {"name": "is", "type": "BOOLEAN"},
            {"name": "at", "type": "TIMESTAMP"},
            {"name": "on", "type": "DATE"},
        ],
    },
    Path("c.yml"),
)

TEXTS = [b'""', b'"a"', b'"\\u00e9"', b'"\xc3\xa9"', b'"\\ud83d\\ude00"', b'"\\u0000"', b'"\\/"']
ODD_TEXTS = [b'"\\ud800"', b'"\\udc00"', b'"\xff"', b'"\xed\xa0\x80"', b'"\t"', b'"\\x"', b'"}\n{"']
WHOLE = [b"0", b"-0", b"7", b"-7", b"2147483647", b"9007199254740991"]
ODD_NUMBERS = [
    *(b"9007199254740992", b"9007199254740993", b"9223372036854775807", b"9223372036854775808"),
    *(
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"1e2",
        b"1E400",
        b"-1e400",
        b"1e-400",
        b"NaN",
        b"-Infinity",
        b"1" * 400,
    ),
]
PARTS = [b"0.1", b"-0.0", b"1.5e3", b"5e-324", b"0.30000000000000004"]
TIMES = [
    *(b'"2026-01-01T10:00:00"', b'"2026-01-01 10:00:00.123456"', b'"2026-01-01"'),
    *(b'"2026-01-01T10:00:00.1234567"', b'"2026-01-01T10:00:00.123456789"'),
]
ZONED = [
    b'"2026-01-01T10:00:00.1234567Z"',
    b'"2026-01-01T10:00:00Z"',
    b'"2026-01-01T10:00:00+02:00"',
    b'"2026-02-30T00:00:00"',
]
OTHERS = [b"null", b"true", b"false", b"{}", b"[]", b'{"a": [1]}']
NAMES = [b'"id"', b'"age"', b'"number"', b'"share"', b'"is"', b'"at"', b'"on"', b'"\\u0069d"']
FITTING = {
    b'"age"': [b"0", b"-0", b"7", b"null"],
    b'"number"': [*WHOLE, b"null"],
    b'"share"': [*WHOLE, *PARTS, b"null"],
    b'"is"': [b"true", b"false", b"null"],
    b'"at"': [*TIMES, b"null"],
    b'"on"': [b'"2026-01-01"', b'"1969-12-31"', b"null"],
}
TOKENS = [*TEXTS, *ODD_TEXTS, *WHOLE, *ODD_NUMBERS, *PARTS, *TIMES, *ZONED, *OTHERS]


def spelled(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"{" + b", ".join(name + b": " + value for name, value in fields) + b"}"


fitting = st.builds(
    lambda id_, more: spelled([(b'"id"', id_), *more.items()]),
    st.sampled_from(TEXTS),
    st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in FITTING.items()}),
)
odd_objects = st.lists(
    st.tuples(st.sampled_from([*NAMES, b'"new"', b'"ID"']), st.sampled_from(TOKENS)), max_size=4
).map(spelled)
FRAGMENTS = [b"", b" ", b"{}", b"}", b"{", b"}\n{", b"\n", b"[1]", b'{"id": "a"}{"id": "b"}']
odd = st.one_of(
    odd_objects,
    st.sampled_from([*FRAGMENTS, b'{"id": "a"}\n{"id": "b"}', b'{"id":"a"} ', b'{"id":\n"a"}']),
    st.tuples(odd_objects, st.sampled_from(FRAGMENTS)).map(b"".join),
    st.tuples(st.sampled_from(FRAGMENTS), odd_objects).map(b"".join),
    st.none(),
)


def decode(values: list[bytes | None]) -> Rows:
    return Decoder(CONTRACT_OF_ALL).decode(batch_of(values), 0)


def one_by_one(values: list[bytes | None], monkeypatch: pytest.MonkeyPatch) -> Rows:
    with monkeypatch.context() as patched:
        patched.setattr(BulkParser, "parse", lambda *_: None)
        return decode(values)


def assert_same(values: list[bytes | None]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        alone = one_by_one(values, monkeypatch)
    together = decode(values)
    # As text, for NaN equals nothing and -0.0 equals 0.0.
    assert repr(together.landed.to_pylist()) == repr(alone.landed.to_pylist())
    assert together.rejected.to_pylist() == alone.rejected.to_pylist()
    assert together.extras == alone.extras


@settings(max_examples=300)
@given(st.lists(fitting, min_size=1, max_size=6), st.lists(odd, max_size=2), st.randoms())
def test_events_become_the_same_at_once(
    good: list[bytes | None], bad: list[bytes | None], dice: object
) -> None:
    values = [*good, *bad]
    dice.shuffle(values)  # type: ignore[attr-defined]
    assert_same(values)


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("name", NAMES)
def test_every_value_in_every_column_becomes_the_same(name: bytes, token: bytes) -> None:
    first = b'{"id": "a"}'
    assert_same([first, spelled([(b'"id"', b'"b"'), (name, token)]), first])


@given(st.lists(fitting, min_size=1, max_size=6).filter(lambda each: b"-0" not in b"".join(each)))
def test_events_that_fit_are_read_at_once(values: list[bytes]) -> None:
    columns = BulkParser(CONTRACT_OF_ALL).parse(values)
    assert columns is not None and {len(each) for each in columns.values()} == {len(values)}


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"7",
        b' {"id": "a"}',
        b'{"id": "a"} {"id": "b"}',
        b'{"id": "a"}\n{"id": "b"}',
        b'{"id": "a", "id": "b"}',
        b'{"id": "a", "new": 1}',
        b'{"id": 7}',
        b'{"id": null}',
        b'{"age": 7}',
        b'{"id": "\xff"}',
        b'{"id": "a", "new": ' + b"[" * 100_000,
    ],
)
def test_events_that_must_be_looked_at_alone_are(value: bytes | None) -> None:
    assert BulkParser(CONTRACT).parse([event(1), value, event(2)]) is None


def test_values_that_are_whole_together_only_are_not_read_at_once() -> None:
    two, none = b'{"id": "a"}\n{"id": "b"}', b"{}"
    assert BulkParser(CONTRACT).parse([two, b'{"id": "c"', b"}"]) is None
    assert BulkParser(CONTRACT_OF_ALL).parse([b'{"id": "a"', b'"age": 1}']) is None
    assert BulkParser(CONTRACT).parse([none, none]) is None  # the id is missing


def test_a_batch_too_large_to_join_is_read_one_by_one() -> None:
    huge = json.dumps({"id": "a" * 9_000_000}).encode()
    assert BulkParser(CONTRACT).parse([huge]) is not None
    assert BulkParser(CONTRACT).parse([huge, huge]) is None

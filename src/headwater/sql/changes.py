"""Read the clauses of AUTO CDC, in any order. Pure.

Source: the statement's pages in the Databricks SQL reference for pipelines (AUTO CDC INTO,
CREATE FLOW), of 2026.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.sql.cursor import Cursor, SqlSyntaxError
from headwater.sql.statements import Change, Names, Query

CLAUSES = (
    "KEYS",
    "IGNORE NULL UPDATES",
    "APPLY AS DELETE WHEN",
    "APPLY AS TRUNCATE WHEN",
    "SEQUENCE BY",
    "SYSTEM SEQUENCE BY",
    "COLUMNS TO UPDATE",
    "COLUMNS",
    "STORED AS",
    "TRACK HISTORY ON",
    "WHERE",
)


def read_change(cursor: Cursor, *, once: bool) -> Change:
    """Read from `FROM source` or `FROM SNAPSHOT source` on.

    Raises:
        SqlSyntaxError: a clause is wrong, stands there twice, or KEYS or SEQUENCE BY is missing.
    """
    cursor.expect("FROM")
    from_snapshot = _takes_snapshot(cursor)
    start = cursor.position
    stream = _stream_name(cursor)
    written = cursor.until(CLAUSES, required="A source")
    found: dict[str, Any] = {}
    while cursor.token is not None:
        at = cursor.position
        clause = cursor.take_any(*CLAUSES)
        if not clause:
            raise cursor.wrong("A clause of AUTO CDC is expected", f"One of: {', '.join(CLAUSES)}.")
        values = _READ[clause](cursor)
        if values.keys() & found.keys():
            raise SqlSyntaxError(f"{clause} stands here twice", at, hint="Remove one of them.")
        found.update(values)
    if "keys" not in found:
        raise cursor.wrong("KEYS (...) is expected")
    if not from_snapshot and "sequence_by" not in found:
        raise cursor.wrong("SEQUENCE BY is expected")
    return Change(Query(written, start), stream, once=once, from_snapshot=from_snapshot, **found)


def _takes_snapshot(cursor: Cursor) -> bool:
    """Go past SNAPSHOT, unless it is the name of the source."""
    if not cursor.take("SNAPSHOT"):
        return False
    if cursor.sees(".") or any(cursor.sees(each) for each in CLAUSES):
        cursor.at -= 1
        return False
    return True


def _stream_name(cursor: Cursor) -> str | None:
    """Return the name in `STREAM name`, `STREAM(name)` or `name`; reads nothing."""
    before = cursor.at
    in_parentheses = cursor.take("STREAM (")
    if not in_parentheses:
        cursor.take("STREAM")
    token = cursor.token
    name = None
    if token is not None and token.kind in ("word", "quoted"):
        name = cursor.name("A source")
        if in_parentheses and not cursor.take(")"):
            name = None
        if cursor.token is not None and not any(cursor.sees(each) for each in CLAUSES):
            name = None
    cursor.at = before
    return name


def _names(cursor: Cursor) -> Names | None:
    """Read a choice of columns; None for all of them."""
    in_parentheses = cursor.take("( *")
    if in_parentheses or cursor.take("*"):
        excluded = cursor.column_list() if cursor.take("EXCEPT") else None
        if in_parentheses:
            cursor.expect(")")
        return Names(excluded, are_excluded=True) if excluded else None
    return Names(cursor.column_list())


def _ignored(cursor: Cursor) -> dict[str, Any]:
    chosen = _names(cursor) if cursor.take("ON") else None
    return {"ignores_nulls": True, "ignore_null": chosen}


def _stored(cursor: Cursor) -> dict[str, Any]:
    if cursor.take("BITEMPORAL"):
        return {"scd_type": "bitemporal"}
    cursor.expect("SCD TYPE")
    number = cursor.take_any("1", "2")
    if not number:
        raise cursor.wrong("SCD TYPE takes 1 or 2")
    return {"scd_type": number}


def _condition(field: str) -> Callable[[Cursor], dict[str, Any]]:
    return lambda cursor: {field: cursor.until(CLAUSES, required="A condition")}


def _expression(field: str) -> Callable[[Cursor], dict[str, Any]]:
    return lambda cursor: {field: cursor.until(CLAUSES, required="An expression")}


_READ: dict[str, Callable[[Cursor], dict[str, Any]]] = {
    "KEYS": lambda cursor: {"keys": cursor.column_list()},
    "IGNORE NULL UPDATES": _ignored,
    "APPLY AS DELETE WHEN": _condition("deletes"),
    "APPLY AS TRUNCATE WHEN": _condition("truncates"),
    "SEQUENCE BY": _expression("sequence_by"),
    "SYSTEM SEQUENCE BY": _expression("system_sequence_by"),
    "COLUMNS TO UPDATE": lambda cursor: {"columns_to_update": cursor.column()},
    "COLUMNS": lambda cursor: {"columns": _names(cursor)},
    "STORED AS": _stored,
    "TRACK HISTORY ON": lambda cursor: {"history": _names(cursor)},
    "WHERE": _condition("where"),
}

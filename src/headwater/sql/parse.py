"""Read the statements of a pipeline's SQL files. Pure.

Only what declares something is read here, up to the query, which is Spark's to read. Source:
Databricks' SQL reference for pipelines, pages of 2026; legacy forms (LIVE TABLE, APPLY CHANGES)
as in its earlier Delta Live Tables reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.sql.changes import read_change
from headwater.sql.columns import read_columns, read_rule
from headwater.sql.cursor import Cursor, SqlSyntaxError
from headwater.sql.statements import (
    CreateDataset,
    CreateFlow,
    CreateFunction,
    Declaration,
    Insert,
    Query,
    Replace,
    SetValue,
    UseNamespace,
)
from headwater.sql.tokens import string_value

_DECLARES = (
    "A pipeline's SQL declares tables, views and flows: CREATE OR REFRESH STREAMING TABLE, "
    "MATERIALIZED VIEW, TEMPORARY VIEW, CREATE FLOW, AUTO CDC INTO, SET, USE."
)

_QUERIES = ("SELECT", "WITH", "VALUES", "TABLE")
"""What a query begins with where nothing leads to it; FROM may be a part of what is before it."""


def parse(text: str) -> Declaration:
    """Read one statement.

    Raises:
        SqlSyntaxError: SQL_SYNTAX; SQL_NOT_BUILT for what a pipeline can't declare here.

    Example:
        >>> parse("USE SCHEMA silver")
        UseNamespace(catalog=None, schema='silver')
    """
    cursor = Cursor(text)
    if cursor.take("CREATE"):
        return _create(cursor)
    if cursor.take_any("APPLY CHANGES", "AUTO CDC"):
        return _change_flow(cursor, None, None)
    if cursor.take("SET"):
        return _set(cursor)
    if cursor.take("USE"):
        return read_use(cursor)
    first = cursor.token.text if cursor.token else ""
    raise _not_declared(first.upper())


def used_namespace(text: str) -> UseNamespace | None:
    """Read a USE statement; None for any other statement."""
    if not Cursor(text).sees("USE"):
        return None
    try:
        found = parse(text.rstrip().rstrip(";"))
    except SqlSyntaxError:
        return None  # Spark says what is wrong with it
    return found if isinstance(found, UseNamespace) else None


def _create(cursor: Cursor) -> Declaration:
    refreshes = cursor.take_any("OR REFRESH", "OR REPLACE")
    private = bool(cursor.take_any("PRIVATE", "TEMPORARY", "TEMP"))
    if cursor.take_any("STREAMING TABLE"):
        return _dataset(cursor, "STREAMING_TABLE", private)
    if cursor.take("MATERIALIZED VIEW"):
        return _dataset(cursor, "MATERIALIZED_VIEW", private)
    if cursor.take_any("STREAMING VIEW", "STREAMING LIVE VIEW"):
        return _dataset(cursor, "VIEW", is_private=True)
    if kind := cursor.take_any("STREAMING LIVE", "INCREMENTAL LIVE", "LIVE"):
        if cursor.take("VIEW"):
            return _dataset(cursor, "VIEW", is_private=True)
        cursor.expect("TABLE")
        table = "MATERIALIZED_VIEW" if kind == "LIVE" else "STREAMING_TABLE"
        return _dataset(cursor, table, private)
    if cursor.take("VIEW"):
        return _dataset(cursor, "VIEW", is_private=True, is_published=not private)
    if cursor.take("FLOW") and not refreshes:
        return _flow(cursor)
    if private and cursor.take("FUNCTION"):
        return _function(cursor)
    kind = cursor.token.text.upper() if cursor.token else ""
    raise _not_declared(f"CREATE {kind}")


def _not_declared(statement: str) -> SqlSyntaxError:
    what = f"{statement} is not a statement of a pipeline"
    return SqlSyntaxError(what, 0, hint=_DECLARES, code="SQL_NOT_BUILT")


def _dataset(
    cursor: Cursor, kind: str, is_private: bool, is_published: bool = False
) -> CreateDataset:
    cursor.take("IF NOT EXISTS")
    name = cursor.name("A name")
    columns, rules = read_columns(cursor)
    found: dict[str, Any] = {}
    while cursor.token is not None:
        if cursor.take("CONSTRAINT"):  # the legacy form, without parentheses around the list
            rules.append(read_rule(cursor))
            cursor.take(",")
            continue
        clause = cursor.take_any(*CLAUSES)
        if not clause and name.upper() != "AS" and any(map(cursor.sees, _QUERIES)):
            clause = "AS"  # Spark's grammar does without the word
        if not clause:
            raise cursor.wrong("A clause of the table, AS or FLOW is expected")
        found.update(CLAUSES[clause](cursor))
    flow = found.pop("flow", None)
    if flow is None and kind != "STREAMING_TABLE":
        raise cursor.wrong("AS and a query are expected")
    if isinstance(flow, Replace) and kind != "STREAMING_TABLE":
        raise SqlSyntaxError(
            "FLOW REPLACE fills a streaming table only", 0, hint="Write CREATE STREAMING TABLE."
        )
    return CreateDataset(
        kind,
        name,
        flow,
        columns,
        tuple(rules),
        is_private=is_private and kind != "VIEW",
        is_published=is_published,
        **found,
    )


def _query(cursor: Cursor) -> Query:
    text, start = cursor.rest()
    if not text:
        raise cursor.wrong("A query is expected")
    return Query(text, start)


def _inline_flow(cursor: Cursor) -> dict[str, Any]:
    if cursor.take_any("AUTO CDC", "APPLY CHANGES"):
        return {"flow": read_change(cursor, once=cursor.take("ONCE"))}
    if cursor.take("INSERT"):
        return {"flow": _insert(cursor)}
    if cursor.take("REPLACE"):
        found = _replaced(cursor, ("BY NAME",))
        cursor.expect("BY NAME")
        return {"flow": Replace(_query(cursor), **found)}
    raise cursor.wrong("FLOW takes AUTO CDC, INSERT BY NAME or REPLACE")


def _replaced(cursor: Cursor, ends: tuple[str, ...]) -> dict[str, Any]:
    """Read what is replaced, up to what comes behind it."""
    if cursor.take("WHERE"):
        return {"predicate": cursor.until(ends, required="A predicate")}
    if not cursor.take("USING"):
        raise cursor.wrong("REPLACE takes WHERE or USING")
    keys = cursor.column_list()
    cursor.expect("SEQUENCE BY")
    return {"keys": keys, "sequence_by": cursor.until(ends, required="A column")}


def _insert(cursor: Cursor) -> Insert | Replace:
    once = cursor.take("ONCE")
    if not cursor.take("BY NAME"):
        raise cursor.wrong("BY NAME is expected", "Columns are matched by name: BY NAME SELECT ...")
    if not once and cursor.take("REPLACE"):
        found = _replaced(cursor, _QUERIES)
        return Replace(_query(cursor), **found)
    return Insert(_query(cursor), once)


def _flow(cursor: Cursor) -> CreateFlow:
    name = cursor.name("A name")
    comment = cursor.string("A comment") if cursor.take("COMMENT") else None
    cursor.expect("AS")
    if cursor.take_any("AUTO CDC", "APPLY CHANGES"):
        return _change_flow(cursor, name, comment)
    cursor.expect("INSERT INTO")
    once = cursor.take("ONCE")
    target = cursor.name("A table")
    insert = _insert(cursor)
    if isinstance(insert, Replace):
        return CreateFlow(name, target, insert, comment)
    return CreateFlow(name, target, Insert(insert.query, once or insert.once), comment)


def _change_flow(cursor: Cursor, name: str | None, comment: str | None) -> CreateFlow:
    once = cursor.take("ONCE")
    cursor.expect("INTO")
    target = cursor.name("A table")
    return CreateFlow(name, target, read_change(cursor, once=once), comment)


def _set(cursor: Cursor) -> SetValue:
    key = cursor.until(("=",), required="A key")
    cursor.expect("=")
    if key.strip().upper().startswith(("VAR ", "VARIABLE ")):
        raise _not_declared("SET VARIABLE")
    value = cursor.until((), required="A value")  # its quotes are part of it, as in Spark
    return SetValue(key.strip("` "), value)


def read_use(cursor: Cursor) -> UseNamespace:
    """Read a USE statement from the word behind USE on; a catalog may be a string.

    Raises:
        SqlSyntaxError: it names nothing, or goes on.
    """
    if cursor.take("CATALOG"):
        is_text = cursor.token is not None and cursor.token.kind == "text"
        name = cursor.string("A catalog") if is_text else cursor.parts("A catalog", most=1)[0]
        found = UseNamespace(name, None)
    else:
        cursor.take_any("SCHEMA", "DATABASE", "NAMESPACE")
        parts = cursor.parts("A schema", most=2)
        found = UseNamespace(parts[0] if len(parts) > 1 else None, parts[-1])
    cursor.end()
    return found


def _function(cursor: Cursor) -> CreateFunction:
    cursor.take("IF NOT EXISTS")
    start = cursor.position
    name = cursor.name("A name")
    return CreateFunction(name, f"CREATE OR REPLACE TEMPORARY FUNCTION {cursor.text[start:]}")


def _properties(cursor: Cursor) -> dict[str, str]:
    cursor.expect("(")
    found = {}
    while not cursor.take(")"):
        quoted = cursor.token is not None and cursor.token.kind == "text"
        key = cursor.string("A property") if quoted else cursor.name("A property")
        cursor.take("=")
        value = cursor.until((",", ")"), required="A value")
        found[key] = string_value(value) if value[:1] in "'\"" else value
        if not cursor.sees(")"):
            cursor.expect(",")
    return found


def _cluster(cursor: Cursor) -> dict[str, Any]:
    if cursor.take("AUTO"):
        return {"clusters_auto": True}
    return {} if cursor.take("NONE") else {"cluster_by": cursor.name_list()}


def _row_filter(cursor: Cursor) -> dict[str, Any]:
    name = cursor.name("A function")
    cursor.expect("ON")
    return {"row_filter": f"ROW FILTER {name} ON ({cursor.parenthesized()})"}


def _schedule(cursor: Cursor) -> dict[str, Any]:
    """Go past a schedule: it is for tables that no pipeline refreshes."""
    cursor.until(CLAUSES)
    return {}


def _collation(cursor: Cursor) -> dict[str, Any]:
    if not cursor.take("UTF8_BINARY"):
        raise cursor.wrong("Only the collation UTF8_BINARY is supported")
    return {}


def _refused(what: str, hint: str) -> Callable[[Cursor], dict[str, Any]]:
    def read(cursor: Cursor) -> dict[str, Any]:
        raise _not_built(cursor, what, hint)

    return read


def _not_built(cursor: Cursor, what: str, hint: str) -> SqlSyntaxError:
    return SqlSyntaxError(
        f"{what} is not supported in Headwater",
        cursor.tokens[cursor.at - 1].start,
        hint=hint,
        code="SQL_NOT_BUILT",
    )


def _using(cursor: Cursor) -> dict[str, Any]:
    if not cursor.take("DELTA"):
        raise cursor.wrong("Tables of a pipeline are USING DELTA")
    return {}


CLAUSES: dict[str, Callable[[Cursor], dict[str, Any]]] = {
    "AS": lambda cursor: {"flow": _query(cursor)},
    "FLOW": _inline_flow,
    "COMMENT": lambda cursor: {"comment": cursor.string("A comment")},
    "TBLPROPERTIES": lambda cursor: {"properties": _properties(cursor)},
    "PARTITIONED BY": lambda cursor: {"partition_by": cursor.column_list()},
    "CLUSTER BY": _cluster,
    "LOCATION": lambda cursor: {"path": cursor.string("A location")},
    "USING": _using,
    "SCHEDULE": _schedule,
    "TRIGGER ON UPDATE": _schedule,
    "DEFAULT COLLATION": _collation,
    "WITH ROW FILTER": _row_filter,
    "ROW FILTER": _row_filter,
    "REFRESH POLICY": _refused("REFRESH POLICY", "Leave it out: every refresh recomputes here."),
}
"""What may stand between a dataset's columns and its query, in any order."""

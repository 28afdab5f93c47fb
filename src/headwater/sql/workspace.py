"""Statements that a workspace knows and Spark does not. Pure.

Source: Databricks' SQL reference, pages of 2026: "CREATE CATALOG", "CREATE VOLUME", "USE CATALOG",
"GRANT", "SET TAG", "ALTER TABLE" and others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

from headwater.sql.columns import read_columns
from headwater.sql.cursor import Cursor, SqlSyntaxError
from headwater.sql.parse import read_use
from headwater.sql.statements import UseNamespace
from headwater.sql.tokens import tokens_of


@dataclass(frozen=True)
class CreateCatalog:
    """`CREATE CATALOG [IF NOT EXISTS] name`."""

    name: str


@dataclass(frozen=True)
class CreateVolume:
    """`CREATE [EXTERNAL] VOLUME [IF NOT EXISTS] name`, its name in one to three parts."""

    parts: tuple[str, ...]
    may_exist: bool
    is_external: bool = False


@dataclass(frozen=True)
class DropSchema:
    """`DROP SCHEMA catalog.schema`, which Spark runs; its name in two parts."""

    catalog: str
    schema: str


@dataclass(frozen=True)
class CreateWidget:
    """`CREATE WIDGET kind name [DEFAULT 'value'] ...`, of notebooks."""

    name: str
    default: str


@dataclass(frozen=True)
class NoEffect:
    """A statement that changes nothing where there is one user and no catalog service."""

    words: str


WorkspaceStatement = Union[  # noqa: UP007
    CreateCatalog, CreateVolume, UseNamespace, DropSchema, NoEffect
]

_BLANK = re.compile(r"\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"\w+")
_BEGIN = frozenset(
    (
        *("ALTER", "ANALYZE", "COMMENT", "COPY", "CREATE", "DENY", "DROP", "GRANT", "REFRESH"),
        *("REVOKE", "SET", "SHOW", "UNDROP", "UNSET", "USE"),
    )
)

_NEW_VOLUME = ("CREATE VOLUME", "CREATE EXTERNAL VOLUME")
_BY_NAME = ("USE", "SET CATALOG", "CREATE CATALOG", *_NEW_VOLUME)
_TABLE = re.compile(
    r"\b(?:DROP|CREATE(?:\s+OR\s+REPLACE)?(?:\s+EXTERNAL)?)\s+TABLE\b", re.IGNORECASE
)

_KEYS = ("PRIMARY KEY", "FOREIGN KEY", "REFERENCES")
_CLAUSES = re.compile(r"\b(PRIMARY|FOREIGN|REFERENCES|AUTO|MANAGED)\b", re.IGNORECASE)

_WHO_MAY = ("GRANT", "REVOKE", "DENY", "SET TAG ON", "UNSET TAG ON", "ANALYZE TABLE")
_COMMENTED = ("CATALOG", "VOLUME", "COLUMN", "CONNECTION", "SHARE", "RECIPIENT", "PROVIDER")
_ALTERED = (
    *("STREAMING TABLE", "MATERIALIZED VIEW", "TABLE", "VIEW", "SCHEMA", "DATABASE", "CATALOG"),
    *("VOLUME", "FUNCTION"),
)
_ALTERATIONS = (
    *("SET TAGS", "UNSET TAGS", "SET OWNER TO", "OWNER TO", "SET MASK", "DROP MASK"),
    *("SET ROW FILTER", "DROP ROW FILTER", "DROP PRIMARY KEY", "DROP FOREIGN KEY"),
    *("ADD PRIMARY KEY", "ADD FOREIGN KEY", "CLUSTER BY AUTO"),
    *(f"{verb} PREDICTIVE OPTIMIZATION" for verb in ("ENABLE", "DISABLE", "INHERIT")),
)

_IN_A_PIPELINE = "Define it in a pipeline's source."
_ONLY_THERE = "It is there only in a workspace: run the statement there."
_REFUSED = {
    "COPY INTO": "Read the files with spark.read, or with Auto Loader in a pipeline.",
    "CREATE STREAMING TABLE": _IN_A_PIPELINE,
    "CREATE MATERIALIZED VIEW": _IN_A_PIPELINE,
    "REFRESH STREAMING TABLE": "Run `headwater run --refresh TABLE`.",
    "REFRESH MATERIALIZED VIEW": "Run `headwater run --refresh TABLE`.",
    "DROP VOLUME": "Remove its folder below `volumes` in the target's state.",
    "DROP CATALOG": "Drop its schemas.",
    "UNDROP": "Dropped tables are gone; run the pipeline that makes them.",
    **{
        f"{verb} {what}": _ONLY_THERE
        for verb, things in {
            "CREATE": (
                *("CONNECTION", "SHARE", "RECIPIENT", "PROVIDER", "CREDENTIAL", "SERVER"),
                *("STORAGE CREDENTIAL", "SERVICE CREDENTIAL", "EXTERNAL LOCATION"),
                "FOREIGN CATALOG",
            ),
            "SHOW": (
                *("GRANTS", "GRANT", "VOLUMES", "CONNECTIONS", "SHARES", "RECIPIENTS"),
                *("CREDENTIALS", "STORAGE CREDENTIALS", "EXTERNAL LOCATIONS", "PROVIDERS"),
            ),
        }.items()
        for what in things
    },
}


def workspace_statement(
    text: str, value: Callable[[str], object] | None = None
) -> WorkspaceStatement | None:
    """Read a statement that Spark can't run as a workspace does; None for any other.

    Args:
        value: returns what the expression in `IDENTIFIER(...)` is.

    Raises:
        SqlSyntaxError: SQL_NOT_SUPPORTED, for what has no meaning here.

    Example:
        >>> workspace_statement("GRANT SELECT ON TABLE t TO readers")
        NoEffect(words='GRANT')
    """
    if _first_word(text) not in _BEGIN:
        return None
    cursor = Cursor(text)
    if cursor.tokens and cursor.tokens[-1].text == ";":
        cursor = Cursor(text[: cursor.tokens[-1].start])
    for words, hint in _REFUSED.items():
        if _begins(cursor, words):
            raise SqlSyntaxError(
                f"{words} is not supported on this machine", 0, hint=hint, code="SQL_NOT_SUPPORTED"
            )
    try:
        return _made_or_used(_named(cursor, value)) or _without_effect(cursor)
    except SqlSyntaxError:
        return None  # Spark says what is wrong with it


def created_widget(text: str) -> CreateWidget | None:
    """Read a CREATE WIDGET; None for any other statement.

    Example:
        >>> created_widget("CREATE WIDGET TEXT day DEFAULT '2026-01-01'")
        CreateWidget(name='day', default='2026-01-01')
    """
    cursor = Cursor(text)
    if not cursor.take("CREATE WIDGET"):
        return None
    try:
        cursor.take_any("TEXT", "DROPDOWN", "COMBOBOX", "MULTISELECT")
        name = cursor.column()
        default = cursor.string("A default") if cursor.take("DEFAULT") else ""
    except SqlSyntaxError:
        return None  # Spark says what is wrong with it
    return CreateWidget(name, default)


def is_about_widgets(text: str) -> bool:
    """Whether a statement makes a widget of a notebook, or removes one."""
    cursor = Cursor(text[:200])
    return cursor.sees("CREATE WIDGET") or cursor.sees("REMOVE WIDGET")


def names_table(text: str) -> bool:
    """Whether a text may be a CREATE TABLE or DROP TABLE."""
    return _TABLE.search(text) is not None


def without_inert_clauses(text: str) -> tuple[str, tuple[str, ...]]:
    """Leave out clauses of a CREATE that have no effect here and that Spark can't read.

    Returns:
        The statement, and the words that each clause begins with.

    Example:
        >>> without_inert_clauses("CREATE TABLE t (id INT PRIMARY KEY) CLUSTER BY AUTO")
        ('CREATE TABLE t (id INT) ', ('PRIMARY KEY', 'CLUSTER BY AUTO'))
    """
    if _first_word(text) != "CREATE" or not _CLAUSES.search(text):
        return text, ()
    cursor = Cursor(text)
    cursor.take("CREATE")
    cursor.take("OR REPLACE")
    try:
        if cursor.take("TABLE"):
            return _table(cursor)
        if cursor.take_any("SCHEMA", "DATABASE"):
            cursor.until(["MANAGED LOCATION"])
            return _cut(cursor, "MANAGED LOCATION", ())
    except SqlSyntaxError:
        pass  # Spark says what is wrong with it
    return text, ()


def _table(cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    cursor.take("IF NOT EXISTS")
    if cursor.take("IDENTIFIER"):
        cursor.skip_group()
    else:
        cursor.name("A name")
    told: tuple[str, ...] = ()
    if cursor.sees("("):
        start = cursor.position
        columns, _ = read_columns(cursor)
        end = cursor.tokens[cursor.at - 1].end
        keys = [each for each in _KEYS if _has_clause(cursor.text[start:end], each)]
        if keys and columns.schema:
            told = tuple(keys)
            rest = cursor.text[end:]
            cursor = Cursor(f"{cursor.text[:start]}({columns.schema}){rest}")
            cursor.at = len(tokens_of(cursor.text)) - len(tokens_of(rest))
    cursor.until(["CLUSTER BY AUTO", "AS"])
    return _cut(cursor, "CLUSTER BY AUTO", told)


def _has_clause(text: str, words: str) -> bool:
    """Whether a list of columns has a clause; REFERENCES in the place of a name is none."""
    tokens, wanted = tokens_of(text), words.split()
    found = [each.word for each in tokens]
    is_name = {at for at in range(1, len(tokens)) if tokens[at - 1].text in "(,<"}
    return any(
        found[at : at + len(wanted)] == wanted and not (words == "REFERENCES" and at in is_name)
        for at in range(len(found))
    )


def _cut(cursor: Cursor, words: str, told: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Leave out a clause that comes next, and the string behind it."""
    start = cursor.position
    if not cursor.take(words):
        return cursor.text, told
    if cursor.token is not None and cursor.token.kind == "text":
        cursor.at += 1
    return cursor.text[:start] + cursor.text[cursor.position :], (*told, words)


def _first_word(text: str) -> str:
    """Return the first word behind comments and white space, in upper case; "" if there is none."""
    position = 0
    while blank := _BLANK.match(text, position):
        position = blank.end()
    found = _WORD.match(text, position)
    return found[0].upper() if found else ""


def _begins(cursor: Cursor, words: str) -> bool:
    verb, _, what = words.partition(" ")
    if not cursor.take(verb):
        return False
    if verb == "CREATE":
        cursor.take_any("OR REFRESH", "OR REPLACE")
    found = not what or cursor.sees(what)
    cursor.at = 0
    return found


def _named(cursor: Cursor, value: Callable[[str], object] | None) -> Cursor:
    """Put names in the place of IDENTIFIER clauses, in the statements that are read by name."""
    if value is None or not any(cursor.sees(each) for each in _BY_NAME):
        return cursor
    text, found = cursor.text, Cursor(cursor.text)
    while found.token is not None:
        if found.sees("IDENTIFIER ("):
            start = found.position
            found.take("IDENTIFIER")
            name = str(value(found.parenthesized()))
            end = found.tokens[found.at - 1].end
            return _named(Cursor(text[:start] + name + text[end:]), value)
        found.at += 1
    return cursor


def _made_or_used(cursor: Cursor) -> WorkspaceStatement | None:
    if cursor.sees("USE") or cursor.sees("SET CATALOG"):
        cursor.at += 1
        return read_use(cursor)
    if cursor.take_any("DROP SCHEMA", "DROP DATABASE"):
        cursor.take("IF EXISTS")
        parts = cursor.parts("A schema", most=2)
        return DropSchema(*parts) if len(parts) > 1 else None
    if cursor.take("CREATE CATALOG"):
        cursor.take("IF NOT EXISTS")
        return CreateCatalog(cursor.parts("A catalog", most=1)[0])
    if kind := cursor.take_any(*_NEW_VOLUME):
        may_exist = cursor.take("IF NOT EXISTS")
        return CreateVolume(cursor.parts("A volume", most=3), may_exist, kind != _NEW_VOLUME[0])
    return None


def _without_effect(cursor: Cursor) -> NoEffect | None:
    cursor.at = 0
    if any(each.text == ";" for each in cursor.tokens):
        return None  # there is more than one statement, and Spark says so
    if words := cursor.take_any(*_WHO_MAY):
        return NoEffect(words.removesuffix(" ON"))
    if cursor.take("COMMENT ON"):
        what = cursor.take_any(*_COMMENTED)
        return NoEffect(f"COMMENT ON {what}") if what else None
    what = cursor.take_any(*_ALTERED) if cursor.take("ALTER") else ""
    if not what:
        return None
    cursor.name("A name")
    if cursor.take_any("ALTER COLUMN", "CHANGE COLUMN"):
        cursor.name("A column name")
    change = cursor.take_any(*_ALTERATIONS)
    if not change and cursor.take("ADD CONSTRAINT"):
        cursor.column()
        change = cursor.take_any("PRIMARY KEY", "FOREIGN KEY")
    cursor.until([","])
    return NoEffect(f"ALTER {what} ... {change}") if change and cursor.token is None else None

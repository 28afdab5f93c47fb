"""Read the list of columns, rules and constraints behind a dataset's name. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from headwater.sql.cursor import Cursor, SqlSyntaxError
from headwater.sql.statements import Columns, Rule
from headwater.sql.tokens import string_literal

_INFORMATIONAL = ("PRIMARY KEY", "FOREIGN KEY", "REFERENCES")
_COMPUTED = ("GENERATED", "DEFAULT", "MASK")
"""Clauses that stay in the schema's text, so that they are refused by name with the dataset."""

_ALWAYS = "GENERATED ALWAYS AS ("
_ENDS = (",", ")", "COMMENT", "NOT NULL", "CONSTRAINT", *_INFORMATIONAL, *_COMPUTED)


@dataclass
class _List:
    definitions: list[str] = field(default_factory=list)
    untyped: list[str] = field(default_factory=list)
    comments: dict[str, str] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    computed: dict[str, str] = field(default_factory=dict)


def split_computed(ddl: str) -> tuple[str, dict[str, str]]:
    """Take `GENERATED ALWAYS AS (...)` and keys out of a schema; text that is no list stays.

    Returns:
        The schema without them, and the expression of each computed column by its name.

    Example:
        >>> split_computed("id INT PRIMARY KEY, twice INT GENERATED ALWAYS AS (id * 2)")
        ('id INT, twice INT', {'twice': 'id * 2'})
    """
    found = _List()
    cursor = Cursor(f"({ddl})")
    try:
        cursor.expect("(")
        while not cursor.take(")"):
            _entry(cursor, found)
            if not cursor.sees(")"):
                cursor.expect(",")
        cursor.end()
    except SqlSyntaxError:
        return ddl, {}
    if found.untyped or found.rules:
        return ddl, {}
    return ", ".join(found.plain), found.computed


def read_columns(cursor: Cursor) -> tuple[Columns, list[Rule]]:
    """Read a list in parentheses; without one, there are no columns and no rules.

    Primary and foreign keys are informational on Databricks, and are left out.

    Raises:
        SqlSyntaxError: also when some columns have a type and others have none.
    """
    found = _List()
    start = cursor.position
    if cursor.take("("):
        while not cursor.take(")"):
            _entry(cursor, found)
            if not cursor.sees(")"):
                cursor.take(",")  # Databricks allows rules without a comma between them
    if found.definitions and found.untyped:
        raise SqlSyntaxError(
            f"Column '{found.untyped[0]}' has no type, but others have",
            start,
            hint="Give all columns a type, or none of them.",
        )
    schema = ", ".join(found.definitions) or None
    return Columns(schema, tuple(found.untyped), found.comments), found.rules


def read_rule(cursor: Cursor) -> Rule:
    """Read a rule from its name on."""
    name = cursor.column()
    cursor.expect("EXPECT")
    return _expectation(cursor, name)


def _entry(cursor: Cursor, found: _List) -> None:
    if cursor.take("CONSTRAINT"):
        name = cursor.column()
        if cursor.take("EXPECT"):
            found.rules.append(_expectation(cursor, name))
        else:
            _table_constraint(cursor)
    elif any(cursor.sees(each) for each in (*_INFORMATIONAL, "CHECK (")):
        _table_constraint(cursor)
    else:
        _column(cursor, found)


def _expectation(cursor: Cursor, name: str) -> Rule:
    if not cursor.sees("("):
        raise cursor.wrong("The condition of EXPECT is in parentheses")
    condition = cursor.parenthesized()
    action = "WARN"
    if cursor.take("ON VIOLATION"):
        taken = cursor.take_any("DROP ROW", "FAIL UPDATE", "FAIL")
        if not taken:
            raise cursor.wrong("ON VIOLATION takes DROP ROW or FAIL UPDATE")
        action = taken.split()[0]
    return Rule(name, condition, action)


def _table_constraint(cursor: Cursor) -> None:
    if not any(cursor.sees(each) for each in _INFORMATIONAL):
        if not cursor.sees("CHECK"):
            raise cursor.wrong("EXPECT, PRIMARY KEY or FOREIGN KEY is expected")
        raise SqlSyntaxError(
            "CHECK constraints are not supported on datasets of a pipeline",
            cursor.position,
            hint="Write CONSTRAINT name EXPECT (condition) ON VIOLATION FAIL UPDATE.",
            code="SQL_NOT_BUILT",
        )
    cursor.until((",", ")", "CONSTRAINT"))


def _column(cursor: Cursor, found: _List) -> None:
    token = cursor.token
    name = cursor.column()
    written = token.text if token is not None and token.kind == "quoted" else name
    kind = _type(cursor)
    kept, comment = _properties(cursor)
    computed = [each for each in kept if each.startswith(_ALWAYS)]
    if not kind:
        found.untyped.append(name)
        if comment is not None:
            found.comments[name] = comment
        return
    told = [] if comment is None else [f"COMMENT {string_literal(comment)}"]
    found.definitions.append(" ".join([written, kind, *kept, *told]))
    plain = [each for each in kept if each not in computed]
    found.plain.append(" ".join([written, kind, *plain, *told]))
    found.computed.update((name, each[len(_ALWAYS) : -1].strip()) for each in computed)


def _type(cursor: Cursor) -> str:
    """Read a type, "" if there is none; whatever is within <> belongs to it."""
    start, end, depth = cursor.position, cursor.position, 0
    while cursor.token is not None and (depth or not any(cursor.sees(each) for each in _ENDS)):
        depth += (cursor.token.text == "<") - (cursor.token.text == ">")
        cursor.skip_group()
        end = cursor.tokens[cursor.at - 1].end
    return cursor.text[start:end]


def _properties(cursor: Cursor) -> tuple[list[str], str | None]:
    """Read what stands behind a column's type: what stays in the schema, and the comment."""
    kept: list[str] = []
    comment = None
    while not (cursor.token is None or cursor.sees(",") or cursor.sees(")")):
        if cursor.take("COMMENT"):
            comment = cursor.string("A comment")
        elif cursor.take("NOT NULL"):
            kept.append("NOT NULL")
        elif cursor.take_any(*_INFORMATIONAL):
            cursor.until(_ENDS)
        elif cursor.take("CONSTRAINT"):
            cursor.column()  # a name; the constraint itself comes next
        elif cursor.take("GENERATED ALWAYS AS ("):
            cursor.at -= 1
            kept.append(f"{_ALWAYS}{cursor.parenthesized()})")
        elif computed := cursor.take_any(*_COMPUTED):
            kept.append(f"{computed} {cursor.until(_ENDS)}".strip())
        else:
            raise cursor.wrong("A comma is expected")
    return kept, comment

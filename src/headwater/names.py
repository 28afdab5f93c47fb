"""Names of tables: one, two or three parts, quoted when they go into SQL.

Identifiers are case-insensitive, as in Spark and Unity Catalog, and are kept in lower case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from headwater.errors import UsageError

READ_VIEW = "__headwater_read_"
"""Prefix of the name of a view that replaces a table in a rewritten SQL text."""

_READ_VIEW = re.compile(rf"`?{READ_VIEW}\d+`?\.")
_PART = re.compile(r"`((?:[^`]|``)*)`|([^.`]+)")


@dataclass(frozen=True, order=True)
class TableName:
    """A full name: catalog, schema and table."""

    catalog: str
    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.table}"

    @property
    def quoted(self) -> str:
        """The name as SQL takes it, each part in backticks."""
        return ".".join(quote(part) for part in (self.catalog, self.schema, self.table))


def quote(identifier: str) -> str:
    """Put an identifier in backticks, so that it can't break out of its statement."""
    return "`" + identifier.replace("`", "``") + "`"


def unquoted(written: str) -> str:
    """Return an identifier without the backticks around it, if there are any.

    Example:
        >>> unquoted("`a``b`"), unquoted("a")
        ('a`b', 'a')
    """
    return written[1:-1].replace("``", "`") if written.startswith("`") else written


class Part(NamedTuple):
    """One part of a dotted name, as it was written; `is_quoted` tells whether in backticks."""

    text: str
    is_quoted: bool


def split_name(text: str) -> tuple[str, ...]:
    """Split a dotted name into its parts, in lower case; backticks protect dots.

    Raises:
        UsageError: NAME_INVALID.
    """
    return tuple(
        (part.text if part.is_quoted else part.text.strip()).lower() for part in name_parts(text)
    )


def name_parts(text: str) -> tuple[Part, ...]:
    """Split a dotted name into its parts, as they were written.

    Raises:
        UsageError: NAME_INVALID.
    """
    parts: list[Part] = []
    position = 0
    while True:
        found = _PART.match(text, position)
        if not found:
            raise _invalid(text)
        quoted, plain = found.groups()
        part = plain if quoted is None else quoted.replace("``", "`")
        if not (part.strip() if quoted is None else part):
            raise _invalid(text)
        parts.append(Part(part, quoted is not None))
        position = found.end()
        if position == len(text):
            return tuple(parts)
        if text[position] != ".":
            raise _invalid(text)
        position += 1


def table_name(text: str, catalog: str, schema: str) -> TableName:
    """Complete a one-, two- or three-part name with a default catalog and schema.

    Raises:
        UsageError: NAME_INVALID, also for more than three parts.

    Example:
        >>> str(table_name("Silver.events", "main", "default"))
        'main.silver.events'
    """
    parts = split_name(text)
    if len(parts) > 3:
        raise _invalid(text)
    filled = (catalog.lower(), schema.lower())[: 3 - len(parts)] + parts
    return TableName(*filled)


def readable(text: str) -> str:
    """Return a message of Spark without the names of views that replace a pipeline's tables."""
    return _READ_VIEW.sub("", text)


def _invalid(text: str) -> UsageError:
    return UsageError(
        "NAME_INVALID",
        f"Not a table name: {text!r}",
        hint="Write table, schema.table or catalog.schema.table; put odd characters in backticks.",
        name=text,
    )

"""The words of a SQL text and where they stand. Pure."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cached_property

from headwater.errors import Location
from headwater.sql.split import FIXED

_TOKEN = re.compile(
    rf"""{FIXED}
      | (?P<word> [^\W\d]\w* )
      | (?P<number> \d\w* (?:\.\w+)? )
      | (?P<symbol> => | :: | \S )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[01][0-7]{2}|.)|''|\"\"", re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a"}
_OPENING = {"(": ")", "[": "]", "<": ">"}


@dataclass(frozen=True)
class Token:
    """One word, string, quoted name, number or symbol.

    Attributes:
        kind: `word`, `text`, `quoted`, `number` or `symbol`.
        start: position of its first character in the text.
        end: position behind its last character.
    """

    kind: str
    text: str
    start: int
    end: int

    @cached_property
    def word(self) -> str:
        """The token in upper case, "" where it is not a bare word."""
        return self.text.upper() if self.kind == "word" else ""


def tokens_of(text: str) -> list[Token]:
    """Split a text into tokens; comments and white space are left out.

    Example:
        >>> [each.text for each in tokens_of("a => 'b;' -- c")]
        ['a', '=>', "'b;'"]
    """
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "comment":
            found.append(Token(kind, match[0], match.start(), match.end()))
    return found


def string_value(literal: str) -> str:
    """Return the value of a string literal, as Spark reads it.

    Example:
        >>> string_value("'it''s'"), string_value("r'a\\n'")
        ("it's", 'a\\n')
    """
    if literal[0] in "rR":
        return literal[2:-1]
    value = _ESCAPE.sub(_unescaped, literal[1:-1])
    if _HALF.search(value):  # two escapes of one character beyond 16 bits
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value


def _unescaped(match: re.Match[str]) -> str:
    char = match[1]
    if char is None:
        return match[0][0]
    if char in "%_":  # kept for LIKE
        return match[0]
    if len(char) > 1:
        number = int(char, 8) if char.isdigit() else int(char[1:], 16)
        return chr(number) if number <= sys.maxunicode else match[0]
    return _ESCAPED.get(char, char)


def string_literal(value: str) -> str:
    """Write a value as a string literal.

    Example:
        >>> string_literal("it's")
        "'it\\\\'s'"
    """
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def place_in(text: str, position: int, start: Location) -> Location:
    """Return the place of a position in a text.

    Args:
        start: where the text begins; its column counts from 1, 0 is taken as 1.

    Example:
        >>> place_in("a\\n bc", 3, Location("f.sql", 5))
        Location(file='f.sql', line=6, cell=0, column=2)
    """
    before = text[:position]
    lines = before.count("\n")
    column = position - before.rfind("\n") - 1
    first = (start.column or 1) if not lines else 1
    return Location(start.file, start.line + lines, start.cell, first + column)

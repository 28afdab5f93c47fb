"""Where names, options and parentheses stand in the text of a statement that Spark has parsed."""

from __future__ import annotations

import re

from headwater.errors import UsageError
from headwater.names import split_name
from headwater.sql.tokens import tokens_of

IDENTIFIER = r"(?:`(?:[^`]|``)+`|\w+)"
NAME = re.compile(rf"{IDENTIFIER}(?:\s*\.\s*{IDENTIFIER})*")
_SPACE = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
STREAM = re.compile(rf"STREAM\b{_SPACE}\(?{_SPACE}", re.I | re.S)
_BEFORE_OPTIONS = re.compile(rf"{_SPACE}\)?{_SPACE}(?=WITH{_SPACE}\()", re.I | re.S)
Edit = tuple[int, int, str]
"""From where to where in a text, and what to put there."""

FILE_FORMATS = (
    *("delta", "parquet", "json", "csv", "text", "orc", "avro", "xml", "binaryfile"),
    "global_temp",
)
"""First parts of names that are not those of schemas."""


def written_name(text: str, parts: tuple[str, ...], start: int, end: int) -> tuple[int, int]:
    """Find where a name stands in a part of a text; all of the part if it can't be found."""
    for found in NAME.finditer(text, start, end):
        try:
            names = split_name(re.sub(r"\s*\.\s*", ".", found[0]))
        except UsageError:
            continue
        if names == tuple(part.lower() for part in parts):
            return found.start(), found.end()
    return start, end


def lines_of(text: str) -> str:
    """Return the ends of lines in a text, which keep what is behind it in its line."""
    return "\n" * text.count("\n")


def options_clause(text: str, end: int) -> Edit:
    """Take out the WITH (...) behind the name of a relation, or behind STREAM(...)."""
    before = _BEFORE_OPTIONS.match(text, end)
    if before is None:
        return end, end, ""
    closing = closing_parenthesis(text, before.end())
    return before.end(), closing, lines_of(text[before.end() : closing])


def closing_parenthesis(text: str, start: int) -> int:
    """Find the end of the first parentheses behind a position; strings and comments don't count."""
    depth = 0
    for token in tokens_of(text[start:]):
        if token.text in ("(", ")"):
            depth += 1 if token.text == "(" else -1
            if depth == 0:
                return start + token.end
    return len(text)

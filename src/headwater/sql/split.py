"""Split SQL text into statements, as a warehouse and `headwater sql` run them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = r"(?: (?! /\* | \*/ ) . )"
_NESTED = (
    rf"/\* {_PLAIN}* (?: /\* {_PLAIN}* (?: /\* {_PLAIN}* \*/ {_PLAIN}* )* \*/ {_PLAIN}* )* \*/"
)
"""A comment in brackets, with others in it, three deep at most."""

FIXED = rf"""(?P<comment> --[^\n]* | {_NESTED} | /\*.*?(?:\*/|\Z) )
  | (?P<text> [rR]'[^']*' | [rR]"[^"]*" | '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
  | (?P<quoted> `(?:[^`]|``)*` )"""
"""A verbose pattern of what is left alone in SQL: comments, strings and quoted names."""

_TOKEN = re.compile(
    rf"""{FIXED}
      | (?P<end> ; )
      | \b (?P<closing_of_block> END \s+ (?:IF|LOOP|WHILE|REPEAT|FOR) ) \b
      | \b (?P<opening> BEGIN (?! \s* (?: ; | TRANSACTION\b | WORK\b ) ) | CASE ) \b
      | \b (?P<closing> END (?:\s+CASE)? ) \b
      | (?P<word> \w+ )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Statement:
    """One statement of a text.

    Args:
        text: without the comments before it.
        line: where it begins in the whole text, from 1.
        column: where it begins in its line, from 1.
    """

    text: str
    line: int
    column: int = 1


def split_statements(text: str) -> list[Statement]:
    """Split a text at its semicolons; strings, quoted names and comments are left alone.

    A statement that begins with BEGIN is a script of Spark, and goes on up to its END.

    Example:
        >>> [each.text for each in split_statements("SELECT ';' ; SELECT 2 -- b;")]
        ["SELECT ';'", 'SELECT 2 -- b;']
    """
    found: list[Statement] = []
    start: int | None = None  # of the statement; comments and white space don't begin one
    depth = position = 0
    for token in _TOKEN.finditer(text):
        plain = text[position : token.start()]
        if start is None and plain.strip():
            start = position + len(plain) - len(plain.lstrip())
        position = token.end()
        is_first = start is None
        if token["end"]:
            if not depth:
                found += _statement(text, start, token.start())
                start = None
        elif not token["comment"]:
            start = token.start() if start is None else start
            depth += _deeper(token, depth, is_first)
    if start is None and text[position:].strip():
        start = position + len(text[position:]) - len(text[position:].lstrip())
    return found + _statement(text, start, len(text))


def _statement(text: str, start: int | None, end: int) -> list[Statement]:
    if start is None:
        return []
    line = text.count("\n", 0, start) + 1
    return [Statement(text[start:end].strip(), line, start - text.rfind("\n", 0, start))]


def _deeper(token: re.Match[str], depth: int, is_first: bool) -> int:
    """Return how a word changes the depth of blocks; outside of a script none does."""
    if token["opening"] and (depth or (is_first and token["opening"].upper() == "BEGIN")):
        return 1
    return -1 if token["closing"] and depth else 0

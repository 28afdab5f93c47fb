"""Fill in the parameters of a SQL text: `${key}` as text, `:name` as a literal. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headwater.sql.split import FIXED
from headwater.sql.tokens import string_literal

_PARAMETER = re.compile(
    rf"""\$\{{ \s* (?P<key> [^{{}}\s]+ ) \s* \}}
      | {FIXED}
      | (?<![\w:)\]`]) : (?P<name> [A-Za-z_]\w* )
    """,
    re.VERBOSE | re.DOTALL,
)
_KEY = re.compile(r"\$\{\s*([^{}\s]+)\s*\}")


@dataclass(frozen=True)
class Filled:
    """A text with its parameters filled in.

    Attributes:
        unknown: keys without a value, with their position in the text as written.
    """

    text: str
    unknown: tuple[tuple[str, int], ...]
    _edits: tuple[tuple[int, int], ...]

    def written_at(self, position: int) -> int:
        """Return where a position of `text` is in the text as written."""
        at = bisect_right([start for start, _ in self._edits], position) - 1
        return position + self._edits[at][1] if at >= 0 else position


def fill(text: str, value: Callable[[str], str | None], named: Mapping[str, str]) -> Filled:
    """Replace `${key}` anywhere but in comments, and `:name` outside of strings, too.

    Args:
        value: returns the value of a key, None if it has none.
        named: values of `:name`; a name without one is left to Spark.

    Example:
        >>> fill("SELECT * FROM ${c}.t WHERE d = :d", {"c": "main"}.get, {"d": "x"}).text
        "SELECT * FROM main.t WHERE d = 'x'"
    """
    filling = _Filling(value, named)
    position = 0
    for match in _PARAMETER.finditer(text):
        filling.copy(text, position, match.start())
        position = match.end()
        if match["name"] and match["name"] in named:
            filling.put(string_literal(named[match["name"]]), match.start(), match.end())
        elif match["key"]:
            filling.key(match)
        elif match["comment"] or match["name"]:
            filling.copy(text, match.start(), match.end())
        else:  # a string or a quoted name
            filling.within(text, match.start(), match.end())
    filling.copy(text, position, len(text))
    return Filled("".join(filling.parts), tuple(filling.unknown), tuple(filling.edits))


class _Filling:
    """The text made so far."""

    def __init__(self, value: Callable[[str], str | None], named: Mapping[str, str]) -> None:
        self.parts: list[str] = []
        self.unknown: list[tuple[str, int]] = []
        self.edits: list[tuple[int, int]] = []
        self.length = 0
        self._value = value
        self._named = named

    def copy(self, text: str, start: int, end: int) -> None:
        self.parts.append(text[start:end])
        self.length += end - start

    def put(self, new: str, start: int, end: int) -> None:
        """Add what replaces a span; what follows it is further on by the difference."""
        self.edits.append((self.length, start - self.length))
        self.parts.append(new)
        self.length += len(new)
        self.edits.append((self.length, end - self.length))

    def key(self, match: re.Match[str]) -> None:
        key = match[1]
        value = self._value(key)
        if value is None:
            self.unknown.append((key, match.start()))
            value = match[0]
        self.put(value, match.start(), match.end())

    def within(self, text: str, start: int, end: int) -> None:
        position = start
        for match in _KEY.finditer(text, start, end):
            self.copy(text, position, match.start())
            self.key(match)
            position = match.end()
        self.copy(text, position, end)

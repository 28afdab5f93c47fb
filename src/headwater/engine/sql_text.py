"""Find and replace the tables that a SQL text reads, by Spark's own parser.

The parser says where in the text each relation stands, so that a name can be replaced without
rewriting the rest. What does not live here: what a name is replaced with (`evaluate`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from py4j.java_gateway import is_instance_of
from pyspark.sql import SparkSession

_LOGICAL = "org.apache.spark.sql.catalyst.plans.logical."
_IDENTIFIER = r"(?:`(?:[^`]|``)+`|\w+)"
_NAME = re.compile(rf"(?:STREAM\s*\(?\s*)?({_IDENTIFIER}(?:\s*\.\s*{_IDENTIFIER})*)", re.I)


@dataclass(frozen=True)
class Relation:
    """A table name in a SQL text: its parts, whether STREAM stands before it, and its place."""

    parts: tuple[str, ...]
    streaming: bool
    start: int
    end: int


@dataclass(frozen=True)
class FunctionCall:
    """A table-valued function in a SQL text: name, place and the text of the call."""

    name: str
    start: int
    end: int
    text: str


class SqlText:
    """One parsed statement.

    Raises:
        pyspark.errors.ParseException: as Spark raises it.
    """

    def __init__(self, spark: SparkSession, text: str) -> None:
        self.text = text
        self._gateway = spark.sparkContext._gateway
        self._plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(text)

    @property
    def is_command(self) -> bool:
        """Whether the statement does something, rather than only read."""
        return any(
            is_instance_of(self._gateway, self._plan, _LOGICAL + kind)
            for kind in ("Command", "ParsedStatement")
        )

    def relations(self) -> list[Relation]:
        """List the tables the statement names, common table expressions excluded."""
        return list(_relations(self._plan, self.text, frozenset()))

    def functions(self) -> list[FunctionCall]:
        """List the calls of table-valued functions that Spark has not resolved yet."""
        return [
            _call(node, self.text)
            for node in _nodes(self._plan)
            if _kind(node) == "UnresolvedTableValuedFunction"
        ]

    def replaced(self, replace: Callable[[Relation], str | None]) -> str:
        """Give the text with each relation replaced for which `replace` has a name."""
        text = self.text
        for relation in sorted(self.relations(), key=lambda each: -each.start):
            name = replace(relation)
            if name is not None:
                text = text[: relation.start] + name + text[relation.end :]
        return text


def _kind(node: Any) -> str:
    return str(node.getClass().getSimpleName())


def _items(sequence: Any) -> Iterator[Any]:
    for index in range(sequence.size()):
        yield sequence.apply(index)


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in _below(node):
        yield from _nodes(child)


def _below(node: Any) -> Iterator[Any]:
    yield from _items(node.children())
    yield from _items(node.subqueries())
    if _kind(node) == "UnresolvedWith":
        yield from (pair._2() for pair in _items(node.cteRelations()))


def _relations(node: Any, text: str, hidden: frozenset[str]) -> Iterator[Relation]:
    kind = _kind(node)
    if kind == "UnresolvedWith":
        hidden |= {str(pair._1()).lower() for pair in _items(node.cteRelations())}
    if kind == "UnresolvedRelation":
        parts = tuple(str(part).lower() for part in _items(node.multipartIdentifier()))
        if not (len(parts) == 1 and parts[0] in hidden):
            yield _relation(node, parts, text)
        return
    for child in _below(node):
        yield from _relations(child, text, hidden)


def _relation(node: Any, parts: tuple[str, ...], text: str) -> Relation:
    start, end = _span(node)
    found = _NAME.match(text, start)
    if found:  # the span of a streaming relation takes in STREAM(...), options and alias
        start, end = found.span(1)
    return Relation(parts, bool(node.isStreaming()), start, end)


def _span(node: Any) -> tuple[int, int]:
    origin = node.origin()
    return int(origin.startIndex().get()), int(origin.stopIndex().get()) + 1


def _call(node: Any, text: str) -> FunctionCall:
    start, _ = _span(node)
    closing = _closing_parenthesis(text, start)
    name = ".".join(str(part) for part in _items(node.name()))
    return FunctionCall(name.lower(), start, closing, text[start:closing])


def _closing_parenthesis(text: str, start: int) -> int:
    depth, quoted = 0, ""
    for index in range(start, len(text)):
        char = text[index]
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "'\"`":
            quoted = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return index + 1
    return len(text)

"""Find and replace the tables that a SQL text reads, with Spark's own parser.

The parser returns the position of each relation and column in the text, so that names can be
replaced without rewriting the rest. What does not live here: what a name is replaced with
(`evaluate`).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from py4j.java_gateway import is_instance_of
from pyspark.sql import SparkSession

from headwater.names import READ_VIEW, TableName, name_parts, split_name
from headwater.sandbox.sql_places import (
    IDENTIFIER,
    NAME,
    STREAM,
    Edit,
    closing_parenthesis,
    options_clause,
    written_name,
)
from headwater.sandbox.trees import items_of, kind_of, span_of

_LOGICAL = "org.apache.spark.sql.catalyst.plans.logical."
_OF_SPARK = "__required_write_privileges__"
"""Option by which Spark notes that rows are written to a relation."""

_EXCEPT = re.compile(r"\bEXCEPT\s*\(", re.I)
_CLAUSE = re.compile(r"IDENTIFIER\s*\(", re.I)
_NAMED = (
    "UnresolvedRelation",
    "UnresolvedTable",
    "UnresolvedTableOrView",
    "UnresolvedView",
    "UnresolvedIdentifier",
)
"""Nodes of a plan that name a table."""

TIME_TRAVEL = frozenset({"timestampasof", "versionasof"})
"""Options that read an earlier version of a table, in small letters."""

_STARS = ("UnresolvedStar", "UnresolvedStarExceptOrReplace")

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Relation:
    """A table name in a SQL text: its parts, whether STREAM precedes it, and its position.

    Attributes:
        parts: in lower case.
        written: the parts as they are written.
        is_rows: rows are read or changed; else the statement is about the table, as in DROP.
        options: those of `WITH (...)`, and of VERSION or TIMESTAMP AS OF.
        is_mixed: the statement reads the table as a stream and as a batch. Spark 4.2 then takes
            the way of the first for all of them.
    """

    parts: Parts
    written: Parts
    streaming: bool
    start: int
    end: int
    is_rows: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    is_mixed: bool = False

    @property
    def is_past(self) -> bool:
        """Whether an earlier version of the table is read."""
        return not TIME_TRAVEL.isdisjoint(key.lower() for key in self.options)


@dataclass(frozen=True)
class Replacement:
    """The replacement of a table in the rewritten text, and the table's full name."""

    view: str
    name: TableName

    @property
    def qualifiers(self) -> tuple[Parts, ...]:
        """All qualifiers of a column of the table, in lower case."""
        catalog, schema, table = self.name.catalog, self.name.schema, self.name.table
        return (table,), (schema, table), (catalog, schema, table), ("live", table)


@dataclass(frozen=True)
class FunctionCall:
    """A table-valued function in a SQL text: name, place and the text of the call.

    Attributes:
        streaming: whether STREAM precedes it.
    """

    name: str
    start: int
    end: int
    text: str
    streaming: bool


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

    def computed_names(self) -> list[tuple[int, int]]:
        """List where expressions name tables, from the last: IDENTIFIER(...) of no plain text."""
        named = (
            node for node in _nodes(self._plan) if kind_of(node) == "PlanWithUnresolvedIdentifier"
        )
        spans = {span_of(node.identifierExpr()) for node in named}
        for call in self.functions():  # of STREAM Spark takes an expression for a function
            if call.name == "identifier":
                spans.add((call.start + call.text.index("(") + 1, call.end - 1))
        return sorted(spans, reverse=True)

    def new_schema(self, value: Callable[[str], object]) -> tuple[Parts, bool] | None:
        """Return the name that CREATE SCHEMA creates without a location, and whether it may exist.

        None for any other statement.

        Args:
            value: computes an expression that stands for the name, in IDENTIFIER(...).
        """
        plan = self._plan
        if kind_of(plan) != "CreateNamespace" or plan.properties().contains("location"):
            return None
        name = plan.name()
        if kind_of(name) == "PlanWithUnresolvedIdentifier":
            start, end = span_of(name.identifierExpr())
            named = value(self.text[start:end])
            if not isinstance(named, str) or not named:
                return None  # Spark says what is wrong with it
            parts = split_name(named)
        else:
            parts = tuple(str(part) for part in items_of(name.multipartIdentifier()))
        return parts, bool(plan.ifNotExists())

    def new_table(self) -> Parts | None:
        """Return the name of the table that the statement makes; None if it makes none."""
        if kind_of(self._plan) not in (
            "CreateTable",
            "CreateTableAsSelect",
            "ReplaceTable",
            "ReplaceTableAsSelect",
        ):
            return None
        return _identifier(self._plan.name())

    def dropped_table(self) -> Parts | None:
        """Return the name of the table that the statement drops; None if it drops none."""
        return _identifier(self._plan.child()) if kind_of(self._plan) == "DropTable" else None

    def new_view(self) -> Parts | None:
        """Return the name of the lasting view that the statement makes; None if it makes none."""
        return _identifier(self._plan.child()) if kind_of(self._plan) == "CreateView" else None

    def relations(self) -> list[Relation]:
        """List the tables the statement names, common table expressions excluded."""
        found: list[Relation] = []

        def note(relation: Relation) -> None:
            found.append(relation)

        _Walk(self.text, note).plan(self._plan, {}, frozenset())
        return found

    def functions(self) -> list[FunctionCall]:
        """List the calls of table-valued functions that Spark has not resolved yet."""
        return [
            _call(node, self.text)
            for node in _nodes(self._plan)
            if kind_of(node) == "UnresolvedTableValuedFunction"
        ]

    def _mixed(self) -> set[str]:
        """Name the tables that are read as a stream and as a batch, by the last parts of names."""
        if "stream" not in self.text.lower():
            return set()
        rows = [each for each in self.relations() if each.is_rows and not each.is_past]
        ways = [{each.parts[-1] for each in rows if each.streaming is way} for way in (True, False)]
        return ways[0] & ways[1]

    def replaced(self, replace: Callable[[Relation], Replacement | None]) -> str:
        """Return the text with tables replaced, and with them what qualifies their columns.

        Args:
            replace: says what stands for a relation, None to leave it.
        """
        mixed = self._mixed()
        walk = _Walk(
            self.text,
            lambda each: replace(dataclasses.replace(each, is_mixed=each.parts[-1] in mixed)),
        )
        walk.plan(self._plan, {}, frozenset())
        text = self.text
        for start, end, new in sorted(set(walk.edits), reverse=True):
            text = text[:start] + new + text[end:]
        return text


Scope = Mapping[Parts, str | None]
"""What qualifiers mean in a scope: the view that replaces a table, None for anything else."""


@dataclass
class _Walk:
    """One pass over a plan: replaces relations, and the qualifiers of columns in their scope."""

    text: str
    replace: Callable[[Relation], Replacement | None]
    edits: list[Edit] = field(default_factory=list)

    def plan(self, node: Any, outer: Scope, hidden: frozenset[str]) -> Scope:
        """Walk a plan; return the qualifiers that it offers to the node above it."""
        kind = kind_of(node)
        if kind in _NAMED:
            return self._relation(node, hidden, {})
        if kind == "RelationTimeTravel" and kind_of(node.relation()) in _NAMED:
            for subquery in items_of(node.subqueries()):  # the time may be one
                self.plan(subquery, outer, hidden)
            return self._relation(node.relation(), hidden, _past(node))
        if kind == "InsertIntoStatement":  # the query is its only child
            self.plan(node.table(), outer, hidden)
        if kind == "UnresolvedWith":
            for pair in items_of(node.cteRelations()):  # a later one sees those before it
                name = {str(pair._1()).lower()}
                self.plan(pair._2(), outer, hidden | name if node.allowRecursion() else hidden)
                hidden |= name
        scope: dict[Parts, str | None] = {}
        for child in items_of(node.children()):
            scope.update(self.plan(child, outer, hidden))
        seen = {**outer, **scope}
        for subquery in items_of(node.subqueries()):
            self.plan(subquery, seen, hidden)
        if any(seen.values()):
            for expression in items_of(node.expressions()):
                self._columns(expression, seen, is_hint=kind == "UnresolvedHint")
        return {(str(node.alias()).lower(),): None} if kind == "SubqueryAlias" else scope

    def _relation(self, node: Any, hidden: frozenset[str], past: Mapping[str, str]) -> Scope:
        is_new = kind_of(node) == "UnresolvedIdentifier"
        names = node.nameParts() if is_new else node.multipartIdentifier()
        written = tuple(map(str, items_of(names)))
        parts = tuple(part.lower() for part in written)
        made = None
        if not (len(parts) == 1 and parts[0] in hidden):
            relation = self._placed(node, written, past)
            made = self.replace(relation)
            if made is not None:
                self.edits.append((relation.start, relation.end, made.view))
                if relation.options and made.view.startswith(READ_VIEW):  # a view takes none
                    self.edits.append(options_clause(self.text, relation.end))
        if made is None:
            return {parts[-n:]: None for n in range(1, len(parts) + 1)}
        return dict.fromkeys(made.qualifiers, made.view)

    def _placed(self, node: Any, written: Parts, past: Mapping[str, str]) -> Relation:
        """Find the name in the text: a stream's span takes in STREAM(...), options and alias."""
        is_placed = node.origin().startIndex().isDefined()  # not in statements of Delta
        start, end = span_of(node) if is_placed else (0, len(self.text))
        is_rows = kind_of(node) == "UnresolvedRelation"
        is_streaming = is_rows and bool(node.isStreaming())
        if is_streaming and (leading := STREAM.match(self.text, start)):
            start = leading.end()
        if _CLAUSE.match(self.text, start):
            end = closing_parenthesis(self.text, start)
        elif not is_rows:  # the node's place may be that of the whole statement
            start, end = written_name(self.text, written, start, end)
        elif found := NAME.match(self.text, start):
            end = found.end()
        parts = tuple(part.lower() for part in written)
        options = dict(node.options().asCaseSensitiveMap()) if is_rows else {}
        options.pop(_OF_SPARK, None)
        return Relation(parts, written, is_streaming, start, end, is_rows, {**options, **past})

    def _columns(self, node: Any, scope: Scope, *, is_hint: bool = False) -> None:
        kind = kind_of(node)
        if kind == "LambdaFunction":
            own = {(str(each.nameParts().apply(0)).lower(),) for each in items_of(node.arguments())}
            scope = {parts: view for parts, view in scope.items() if parts not in own}
        if kind in ("UnresolvedAttribute", "UnresolvedNamedLambdaVariable"):
            parts = tuple(str(part).lower() for part in items_of(node.nameParts()))
            self._qualified(node, parts, scope, most=len(parts) - (0 if is_hint else 1))
        elif kind in _STARS:
            if node.target().isDefined():
                parts = tuple(str(part).lower() for part in items_of(node.target().get()))
                self._qualified(node, parts, scope, most=len(parts))
            if kind == _STARS[1] and node.origin().startIndex().isDefined():
                self._excepted(*span_of(node), scope)
        for child in items_of(node.children()):
            self._columns(child, scope)

    def _excepted(self, start: int, end: int, scope: Scope) -> None:
        """Replace the qualifiers of the columns of `* EXCEPT (...)`, which have no place."""
        leading = _EXCEPT.search(self.text, start, end)
        if leading is None:
            return
        closing = closing_parenthesis(self.text, leading.start())
        for found in NAME.finditer(self.text, leading.end(), closing):
            name = re.sub(r"\s*\.\s*", ".", found[0])
            parts = tuple(each.text.lower() for each in name_parts(name))
            self._replace_qualifier(found.start(), parts, scope, most=len(parts) - 1)

    def _qualified(self, node: Any, parts: Parts, scope: Scope, *, most: int) -> None:
        start = span_of(node)[0] if node.origin().startIndex().isDefined() else None
        self._replace_qualifier(start, parts, scope, most=most)

    def _replace_qualifier(
        self, start: int | None, parts: Parts, scope: Scope, *, most: int
    ) -> None:
        """Replace the qualifier of a column; the longest known one wins, as in Spark."""
        for length in range(min(most, 3), 0, -1):
            view = scope.get(parts[:length], "")
            if view == "":
                continue
            if view is not None and start is not None:
                each = rf"{IDENTIFIER}(?:\s*\.\s*{IDENTIFIER}){{{length - 1}}}"
                found = re.compile(each).match(self.text, start)
                if found:
                    self.edits.append((start, found.end(), view))
            return


def _past(node: Any) -> dict[str, str]:
    """Return the option that says the same as VERSION AS OF, or TIMESTAMP AS OF."""
    if node.version().isDefined():
        return {"versionAsOf": str(node.version().get())}
    return {"timestampAsOf": str(node.timestamp().get().sql())}


def _identifier(node: Any) -> Parts | None:
    """Return the parts of a name as written; None if it is an expression."""
    if kind_of(node) != "UnresolvedIdentifier":
        return None
    return tuple(map(str, items_of(node.nameParts())))


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in _below(node):
        yield from _nodes(child)


def _below(node: Any) -> Iterator[Any]:
    yield from items_of(node.children())
    yield from items_of(node.subqueries())
    if kind_of(node) == "RelationTimeTravel":  # holds the relation as a value
        yield node.relation()
    if kind_of(node) == "UnresolvedWith":
        yield from (pair._2() for pair in items_of(node.cteRelations()))


def _call(node: Any, text: str) -> FunctionCall:
    start, _ = span_of(node)
    streaming = bool(node.isStreaming())
    if streaming and (leading := STREAM.match(text, start)):
        start = leading.end()
    closing = closing_parenthesis(text, start)
    name = ".".join(str(part) for part in items_of(node.name()))
    return FunctionCall(name.lower(), start, closing, text[start:closing], streaming)

"""`column:path` on text in SQL: the value at a path of a JSON text, as a workspace reads it.

Spark has the operator for VARIANT columns only. Where it meets a STRING, the text is written anew
with `get_json_object`. What does not live here: when that is tried (`workspace_columns`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from headwater.names import quote
from headwater.sandbox.trees import items_of, kind_of, span_of
from headwater.sql.tokens import string_literal

_REFUSED = "COLUMN_IS_NOT_VARIANT_TYPE"
"""What Spark says of the operator on a STRING column."""

_STAR = "INVALID_USAGE_OF_STAR_OR_REGEX"
"""What it says of a path with `[*]`, which those of VARIANT do not have."""

_WRONG_INPUT = "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"
_EXTRACT = "SemiStructuredExtract"
_BARE = "*"
"""Stands for the name of a column that Spark names after its last word."""

_WORDS = re.compile(r"\w+")


def with_json_objects(spark: SparkSession, text: str, kept: Collection[str] = ()) -> str | None:
    """Return a query with each `column:path` as a call; None if there is nothing to replace.

    Args:
        kept: calls that stay paths, because their column is a VARIANT.

    Example:
        `SELECT raw:a.b FROM t` becomes `SELECT get_json_object(raw, '$.a.b') AS `b` FROM t`.
    """
    plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(text)
    edits: dict[int, tuple[int, str]] = {}
    for expression, is_column in _expressions(plan):
        for node, name in _outermost(expression):
            start, end = span_of(node)
            call = _call(node, text, kept)
            is_whole = kind_of(expression) == "Alias" and span_of(expression) == (start, end)
            if name == _BARE:
                is_whole, name = True, _WORDS.findall(text[start:end])[-1]
            named = f" AS {quote(name)}" if is_column and is_whole else ""
            if call != text[start:end]:
                edits[start] = (end, call + named)
    for start, (end, new) in sorted(edits.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text if edits else None


def expression_with_calls(spark: SparkSession, text: str, kept: Collection[str] = ()) -> str | None:
    """Return an expression with each `column:path` as a call; None if there is none in it."""
    select = "SELECT "
    found = with_json_objects(spark, select + text, kept)
    return None if found is None else found[len(select) :]


def is_refused(error: Exception) -> bool:
    """Whether Spark refuses a path that a call can take."""
    if isinstance(error, AnalysisException):
        return error.getCondition() == _STAR
    return _REFUSED in str(error)


def call_on_variant(error: Exception) -> str | None:
    """Return the call that an error refuses because its column is a VARIANT; None for others."""
    if not isinstance(error, AnalysisException):
        return None
    told = error.getMessageParameters() or {}
    contexts = error.getQueryContext()
    if error.getCondition() != _WRONG_INPUT or told.get("inputType") != '"VARIANT"' or not contexts:
        return None
    return contexts[0].fragment()


def _expressions(plan: Any) -> Iterator[tuple[Any, bool]]:
    """List the expressions of a plan and its subqueries, and whether each is a column of a list."""
    is_list = kind_of(plan) in ("Project", "Aggregate")
    grouping = plan.groupingExpressions().size() if kind_of(plan) == "Aggregate" else 0
    for number, each in enumerate(items_of(plan.expressions())):
        yield each, is_list and number >= grouping
    for child in (*items_of(plan.children()), *items_of(plan.subqueries())):
        yield from _expressions(child)
    if kind_of(plan) == "UnresolvedWith":
        for pair in items_of(plan.cteRelations()):
            yield from _expressions(pair._2())


def _outermost(node: Any, name: str = "") -> Iterator[tuple[Any, str]]:
    """List the paths of an expression that are in no other path, with the names Spark gives."""
    if kind_of(node) == _EXTRACT or _extract_of(node) is not None:
        yield node, name
        return
    given = str(node.name()) if kind_of(node) == "Alias" else ""
    if kind_of(node) == "UnresolvedAlias":
        given = _BARE
    for child in items_of(node.children()):
        yield from _outermost(child, given)


def _extract_of(node: Any) -> Any | None:
    """Return the path that a chain such as `raw:a[*].b` begins with: Spark ends it at the star."""
    has_star = False
    if kind_of(node) != "UnresolvedExtractValue":
        return None
    while kind_of(node) in ("UnresolvedExtractValue", "Alias"):
        parts = list(items_of(node.children()))
        has_star |= any(kind_of(each) == "UnresolvedStar" for each in parts)
        node = parts[0]
    return node if has_star and kind_of(node) == _EXTRACT else None


def _call(node: Any, text: str, kept: Collection[str]) -> str:
    """Return a path as a call, or as it is written in the text."""
    extract = _extract_of(node)
    more = ""
    if extract is not None:
        _, stop = span_of(node)
        node, more = extract, text[span_of(extract)[1] : stop]
    child = node.children().apply(0)
    while kind_of(child) == "Alias":
        child = child.children().apply(0)
    start, end = span_of(child)
    inner = _call(child, text, kept) if kind_of(child) == _EXTRACT else text[start:end]
    call = f"get_json_object({inner}, {string_literal(str(node.field()) + more)})"
    if call not in kept:
        return call
    _, stop = span_of(node)
    return inner + text[end:stop]

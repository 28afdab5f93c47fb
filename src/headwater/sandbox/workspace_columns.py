"""Columns that a workspace resolves and Spark Classic refuses: tried again in another form.

Arithmetic on two strings counts them as DOUBLE in a workspace, as its rules for implicit casts say;
ANSI mode of Spark has no common type for them. A self-join of derived frames names a column by the
frame it comes from, as Spark Connect does. Nothing is done unless Spark has refused the query.
Decision 0019.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException, QueryContextType
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from headwater.names import quote
from headwater.sandbox import json_paths
from headwater.sandbox.column_trees import (
    arguments_of,
    changed,
    node_of,
    of_node,
    with_arguments,
)
from headwater.sandbox.json_paths import with_json_objects
from headwater.sandbox.trees import items_of, kind_of, span_of

_OPERATORS = ("+", "-", "*", "/", "%")
_NO_COMMON_TYPE = "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE"
_AMBIGUOUS = "_LEGACY_ERROR_TEMP_1182"
MOST = 100
"""How often a SQL text is tried again: once for each operation on two strings in it."""


def text_with_numbers(spark: SparkSession, text: str, error: AnalysisException) -> str | None:
    """Return a SQL text with the two strings that an error names as numbers; None if it can't."""
    if not is_about_strings(error):
        return None
    contexts = error.getQueryContext()
    if not contexts or contexts[0].contextType() != QueryContextType.SQL:
        return None
    start, stop = contexts[0].startIndex(), contexts[0].stopIndex() + 1
    part = text[start:stop]
    if not part or part != contexts[0].fragment():  # it is of another text
        return None
    tree = spark._jsparkSession.sessionState().sqlParser().parseExpression(part)
    if tree.children().size() != 2:
        return None
    (first, end), (second, last) = map(span_of, items_of(tree.children()))
    operator = re.sub(r"[()\s]", "", part[end:second])
    if operator not in _OPERATORS:
        return None
    left, right = part[first:end], part[second:last]
    number = f"(CAST({left} AS DOUBLE) {operator} CAST({right} AS DOUBLE))"
    return text[:start] + number + text[stop:]


def run_text(spark: SparkSession, text: str, run: Callable[[str], DataFrame]) -> DataFrame:
    """Run a SQL text; two strings that it calculates with count as DOUBLE, and JSON has paths.

    Raises:
        pyspark.errors.PySparkException: as `run` does.
    """
    retries = _Retries(spark, text)
    for _ in range(MOST):
        try:
            return run(text)
        except (AnalysisException, Py4JJavaError) as error:
            again = retries.after(error, text)
            if again is None:
                raise
            text = again
    return run(text)


@dataclass
class _Retries:
    """What to try after a text was refused.

    Attributes:
        original: the text as it is written.
        variants: calls that were refused because their column is a VARIANT, which has paths.
    """

    spark: SparkSession
    original: str
    variants: set[str] = field(default_factory=set)

    def after(self, error: Exception, text: str) -> str | None:
        """Return another form of a text that failed; None if there is none."""
        if json_paths.is_refused(error):
            return with_json_objects(self.spark, text, self.variants)
        if not isinstance(error, AnalysisException):
            return None
        call = json_paths.call_on_variant(error) if text != self.original else None
        if call is None:
            return text_with_numbers(self.spark, text, error)
        if call in self.variants:
            return None
        self.variants.add(call)
        return with_json_objects(self.spark, self.original, self.variants)


def joinable(
    left: DataFrame, right: DataFrame, on: Any, error: AnalysisException
) -> tuple[DataFrame, Any] | None:
    """Return the right side of a join, and its condition, with columns of their own.

    Args:
        on: the condition, or a list of conditions.
        error: what the join failed with.
    """
    if error.getCondition() != _AMBIGUOUS:
        return None
    shared = _ids(left) & _ids(right)
    names = [
        name
        for name, each in zip(right.columns, _output(right), strict=True)
        if each.exprId().toString() in shared
    ]
    columns = [F.col(quote(name)).alias(name) if name in names else name for name in right.columns]
    other = right.select(*columns)
    dataset = right._jdf.id()

    def of_right(node: Any) -> Any | None:
        if kind_of(node) != "ExpressionColumnNode":
            return None
        attribute = node.productElement(0)
        if kind_of(attribute) != "AttributeReference" or str(attribute.name()) not in names:
            return None
        if f'"__dataset_id":{dataset},' not in str(attribute.metadata().json()):
            return None
        return node_of(other[quote(str(attribute.name()))])

    return other, mapped(on, lambda column: changed(left.sparkSession, column, of_right))


def _output(frame: DataFrame) -> list[Any]:
    return list(items_of(frame._jdf.queryExecution().analyzed().output()))


def _ids(frame: DataFrame) -> set[str]:
    return {str(each.exprId().toString()) for each in _output(frame)}


def is_about_strings(error: AnalysisException) -> bool:
    """Whether Spark refuses to calculate with two strings."""
    if error.getCondition() != _NO_COMMON_TYPE:
        return False
    return (error.getMessageParameters() or {}).get("actualDataType") == '"STRING"'


def as_numbers(frame: DataFrame, column: Column) -> tuple[Column, bool]:
    """Return a column in which strings that are calculated with are numbers, and if it has any."""
    spark = frame.sparkSession
    found = []

    def number(node: Any) -> Any | None:
        if kind_of(node) != "UnresolvedFunction" or node.functionName() not in _OPERATORS:
            return None
        sides = [of_node(spark, each) for each in arguments_of(node)]
        if len(sides) != 2 or not all(_is_string(frame, each) for each in sides):
            return None
        numbers = [node_of(each.cast("double")) for each in sides]
        found.append(node)
        return with_arguments(spark, node, numbers)

    return changed(spark, column, number), bool(found)


def _is_string(frame: DataFrame, column: Column) -> bool:
    try:
        return isinstance(frame.select(column).schema[0].dataType, StringType)
    except AnalysisException:
        return False


def mapped(
    value: Any,
    column: Callable[[Column], Column],
    text: Callable[[str], str] = lambda written: written,
) -> Any:
    """Return an argument with other columns and texts in it, however they are nested."""
    if isinstance(value, Column):
        return column(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(each, column, text) for each in value)
    if isinstance(value, dict):
        return {key: mapped(each, column, text) for key, each in value.items()}
    return value

"""Change parts of a Column that user code has built, before Spark resolves it.

A Column of Spark Classic holds a tree of nodes of the JVM (`ColumnNode`). What does not live here:
what is changed (`workspace_columns`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import Column, SparkSession
from pyspark.sql.classic.column import Column as ClassicColumn

from headwater.machine.session import java_class
from headwater.sandbox.trees import as_sequence, items_of, parts_of

Change = Callable[[Any], "Any | None"]
"""Returns what takes a node's place, its children changed already; None to leave it."""

_NODES = ("org.apache.spark.sql.internal.", "org.apache.spark.sql.classic.")


def changed(spark: SparkSession, column: Column, change: Change) -> Column:
    """Return a column in which nodes are changed, from the leaves up."""
    return of_node(spark, _changed(spark, node_of(column), change))


def of_node(spark: SparkSession, node: Any) -> Column:
    """Return the column that a node is."""
    made: Column = ClassicColumn(java_class(spark, "org.apache.spark.sql.Column")(node))
    return made


def node_of(column: Any) -> Any:
    """Return the node that a column holds; PySpark does not declare it."""
    return column._jc.node()


def arguments_of(function: Any) -> list[Any]:
    """Return the arguments of a node that is an `UnresolvedFunction`."""
    return list(items_of(function.arguments()))


def with_arguments(spark: SparkSession, function: Any, arguments: list[Any]) -> Any:
    """Return an `UnresolvedFunction` with other arguments."""
    parts = parts_of(function)
    return function.copy(parts[0], as_sequence(spark, arguments), *parts[2:])


def _changed(spark: SparkSession, node: Any, change: Change) -> Any:
    parts = parts_of(node)
    new = [_part(spark, part, change) for part in parts]
    if any(one is not other for one, other in zip(new, parts, strict=True)):
        node = node.copy(*new)
    made = change(node)
    return node if made is None else made


def _part(spark: SparkSession, part: Any, change: Change) -> Any:
    if not hasattr(part, "getClass"):  # text, numbers and booleans are Python's
        return part
    kind = str(part.getClass().getName())
    if kind.startswith(_NODES) and not kind.endswith("$"):  # an object, such as a direction
        return _changed(spark, part, change)
    if kind == "scala.Tuple2":
        made = [_part(spark, part._1(), change), _part(spark, part._2(), change)]
        return part.copy(*made)
    if kind.startswith("scala.collection."):
        items = list(items_of(part))
        made = [_part(spark, item, change) for item in items]
        same = all(one is other for one, other in zip(made, items, strict=True))
        return part if same else as_sequence(spark, made)
    if kind == "scala.Some":
        return part.copy(_part(spark, part.get(), change))
    return part

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

Change = Callable[[Any], "Any | None"]
"""Returns what takes a node's place, its children changed already; None to leave it."""

_NODES = ("org.apache.spark.sql.internal.", "org.apache.spark.sql.classic.")


def changed(spark: SparkSession, column: Column, change: Change) -> Column:
    """Return a column in which nodes are changed, from the leaves up."""
    to_seq = java_class(spark, "org.apache.spark.api.python.PythonUtils").toSeq
    return of_node(spark, _changed(node_of(column), change, to_seq))


def of_node(spark: SparkSession, node: Any) -> Column:
    """Return the column that a node is."""
    made: Column = ClassicColumn(java_class(spark, "org.apache.spark.sql.Column")(node))
    return made


def node_of(column: Any) -> Any:
    """Return the node that a column holds; PySpark does not declare it."""
    return column._jc.node()


def name_of(node: Any) -> str:
    """Name the kind of a node, such as `UnresolvedFunction`."""
    return str(node.getClass().getSimpleName())


def arguments_of(function: Any) -> list[Any]:
    """Return the arguments of a node that is an `UnresolvedFunction`."""
    arguments = function.arguments()
    return [arguments.apply(at) for at in range(arguments.size())]


def with_arguments(spark: SparkSession, function: Any, arguments: list[Any]) -> Any:
    """Return an `UnresolvedFunction` with other arguments."""
    to_seq = java_class(spark, "org.apache.spark.api.python.PythonUtils").toSeq
    parts = [function.productElement(at) for at in range(function.productArity())]
    return function.copy(parts[0], to_seq(arguments), *parts[2:])


def _changed(node: Any, change: Change, to_seq: Callable[[list[Any]], Any]) -> Any:
    parts = [node.productElement(at) for at in range(node.productArity())]
    new = [_part(part, change, to_seq) for part in parts]
    if any(one is not other for one, other in zip(new, parts, strict=True)):
        node = node.copy(*new)
    made = change(node)
    return node if made is None else made


def _part(part: Any, change: Change, to_seq: Callable[[list[Any]], Any]) -> Any:
    if not hasattr(part, "getClass"):  # text, numbers and booleans are Python's
        return part
    kind = str(part.getClass().getName())
    if kind.startswith(_NODES):
        return _changed(part, change, to_seq)
    if kind == "scala.Tuple2":
        made = [_part(part._1(), change, to_seq), _part(part._2(), change, to_seq)]
        return part.copy(*made)
    if kind.startswith("scala.collection."):
        items = [part.apply(at) for at in range(part.size())]
        made = [_part(item, change, to_seq) for item in items]
        same = all(one is other for one, other in zip(made, items, strict=True))
        return part if same else to_seq(made)
    if kind == "scala.Some":
        return part.copy(_part(part.get(), change, to_seq))
    return part

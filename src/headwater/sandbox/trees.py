"""Walk the trees of Spark's parser and of Columns, which are objects of the JVM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pyspark.sql import SparkSession

from headwater.machine.session import java_class


def kind_of(node: Any) -> str:
    """Name the class of a node, such as `UnresolvedRelation`."""
    return str(node.getClass().getSimpleName())


def items_of(sequence: Any) -> Iterator[Any]:
    """List the items of a sequence of Scala."""
    for index in range(sequence.size()):
        yield sequence.apply(index)


def parts_of(node: Any) -> list[Any]:
    """List what a case class was made of: its children and everything else."""
    return [node.productElement(at) for at in range(node.productArity())]


def span_of(node: Any) -> tuple[int, int]:
    """Return where a node begins in its text, and where it ends; it must have a place."""
    origin = node.origin()
    return int(origin.startIndex().get()), int(origin.stopIndex().get()) + 1


def as_sequence(spark: SparkSession, items: Sequence[Any]) -> Any:
    """Return a sequence of Scala."""
    return java_class(spark, "org.apache.spark.api.python.PythonUtils").toSeq(list(items))

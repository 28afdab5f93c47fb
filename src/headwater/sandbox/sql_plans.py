"""Put DataFrames in the place of names in a parsed query, where a view would hide too much.

A temporary view shows no hidden column, so `_metadata` of files that a query reads is lost behind
it. In the plan, the frame itself stands where the view's name stood. Relations in subqueries of
expressions keep their views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from headwater.machine.session import java_class
from headwater.names import TableName
from headwater.sandbox.trees import as_sequence, items_of, kind_of, parts_of

_CATALYST = "org.apache.spark.sql.catalyst"
_HIDDEN = "_metadata"
_STREAM = "NamedStreamingRelation"


def needs_frames(text: str) -> bool:
    """Whether a query may use a column that views hide."""
    return _HIDDEN in text.lower()


def query_over(spark: SparkSession, text: str, frames: Mapping[str, DataFrame]) -> DataFrame:
    """Analyze a query with frames in the place of the views of these names.

    Raises:
        pyspark.errors.PySparkException: as `spark.sql` does.
    """
    plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(text)
    return frame_of(spark, _Plans(spark, frames).replaced(plan))


def frame_of(spark: SparkSession, plan: Any) -> DataFrame:
    """Return the DataFrame of a plan, which is analyzed if it was not."""
    dataset = java_class(spark, "org.apache.spark.sql.classic.Dataset")
    return DataFrame(dataset.ofRows(spark._jsparkSession, plan), spark)


def aliased(spark: SparkSession, plan: Any, name: str, qualifier: Sequence[str] = ()) -> Any:
    """Return a plan whose columns can be qualified by a name, in one or more parts."""
    parts = as_sequence(spark, qualifier)
    alias = java_class(spark, f"{_CATALYST}.AliasIdentifier")(name, parts)
    return java_class(spark, f"{_CATALYST}.plans.logical.SubqueryAlias")(alias, plan)


def qualified(frame: DataFrame, name: TableName) -> DataFrame:
    """Allow a table's columns to be qualified by its name, in one to three parts."""
    spark = frame.sparkSession
    plan = aliased(spark, frame._jdf.logicalPlan(), name.table, (name.catalog, name.schema))
    return frame_of(spark, plan)


class _Plans:
    """Rebuilds a plan from its leaves up; what has nothing to replace stays the same object."""

    def __init__(self, spark: SparkSession, frames: Mapping[str, DataFrame]) -> None:
        self.spark = spark
        self.frames = frames

    def replaced(self, node: Any) -> Any:
        name = self._name(node)
        if name in self.frames:
            plan = self.frames[name]._jdf.queryExecution().analyzed()
            return aliased(self.spark, plan, name)
        if kind_of(node) == "UnresolvedWith":
            node = self._with(node)
        children = list(items_of(node.children()))
        new = [self.replaced(child) for child in children]
        if all(one is other for one, other in zip(new, children, strict=True)):
            return node
        return node.withNewChildren(as_sequence(self.spark, new))

    def _name(self, node: Any) -> str:
        relation = node.child() if kind_of(node) == _STREAM else node
        if kind_of(relation) != "UnresolvedRelation":
            return ""
        parts = relation.multipartIdentifier()
        return str(parts.apply(0)) if parts.size() == 1 else ""

    def _with(self, node: Any) -> Any:
        found = [
            entry.copy(entry._1(), self.replaced(entry._2()), *parts_of(entry)[2:])
            for entry in items_of(node.cteRelations())
        ]
        return node.copy(node.child(), as_sequence(self.spark, found), node.allowRecursion())

"""Facts about Spark's plans for lint: operators with state, conditions that are constant.

Only analysed plans are looked at; no job runs, and no query is optimized as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from headwater.analysis.schemas import placeholder
from headwater.errors import DefinitionError
from headwater.expectations.rules import condition_holds
from headwater.graph.model import Dataset, Flow
from headwater.lint.expectations import check_constant_rules, may_be_constant
from headwater.lint.streams import StatefulOperator, check_state
from headwater.machine.session import java_class

_CATALYST = "org.apache.spark.sql.catalyst"
_WATERMARK = "spark.watermarkDelayMs"
"""Metadata by which Spark knows the column of a watermark."""
_FOLDING = ("NullPropagation", "OptimizeIn", "BooleanSimplification", "ConstantFolding")


def state_warnings(frame: DataFrame, flow: Flow) -> list[DefinitionError]:
    """Find what a streaming query keeps forever; nothing of a batch query."""
    operators = stateful_operators(frame) if frame.isStreaming else []
    return [each.as_error() for each in check_state(operators, str(flow.target), flow.location)]


def rule_warnings(frame: DataFrame, dataset: Dataset) -> list[DefinitionError]:
    """Find the expectations of a dataset that hold for every row of a query, or for none.

    All of them must be valid on `frame`.
    """
    rules = dataset.expectations
    texts = [each.text for each in rules if isinstance(each.condition, str)]
    conditions = [each for each in texts if may_be_constant(each, frame.columns)]
    folded = folded_conditions(frame.sparkSession, frame.schema, conditions)
    found = check_constant_rules(rules, folded, str(dataset.name), dataset.location)
    return [each.as_error() for each in found]


def stateful_operators(frame: DataFrame) -> list[StatefulOperator]:
    """List the operators of a streaming query that keep rows until a watermark passes."""
    plan = frame._jdf.queryExecution().analyzed()
    text = plan.toString()  # one question to the JVM, which settles most queries
    if "~Deduplicate [" not in text and "~Join " not in text:
        return []
    return list(_stateful(frame.sparkSession, plan))


def _stateful(spark: SparkSession, plan: Any) -> Iterator[StatefulOperator]:
    children = [plan.children().apply(n) for n in range(plan.children().size())]
    if plan.isStreaming():
        kind = plan.getClass().getSimpleName()
        if kind == "Deduplicate":
            marked = _watermarks(plan.child())
            keys = plan.keys()
            compared = {keys.apply(n).exprId().id() for n in range(keys.size())}
            yield StatefulOperator(False, bool(marked), bool(marked & compared))
        elif kind == "Join" and all(child.isStreaming() for child in children):
            helper = java_class(spark, f"{_CATALYST}.analysis.StreamingJoinHelper")
            marked_sides = all(_watermarks(child) for child in children)
            yield StatefulOperator(True, marked_sides, helper.isWatermarkInJoinKeys(plan))
    for child in children:
        yield from _stateful(spark, child)


def _watermarks(plan: Any) -> set[int]:
    """Return the ids of a plan's columns that carry a watermark."""
    output = plan.output()
    columns = [output.apply(n) for n in range(output.size())]
    return {each.exprId().id() for each in columns if each.metadata().contains(_WATERMARK)}


def folded_conditions(
    spark: SparkSession, schema: StructType, conditions: Sequence[str]
) -> dict[str, str]:
    """Return what Spark folds each condition to, as SQL; every column may be NULL.

    The conditions must be valid on `schema`.
    """
    if not conditions:
        return {}
    try:
        return _folded(spark, schema, conditions)
    except (PySparkException, Py4JError):  # one of them fails for every row, such as 1/0 = 1
        if len(conditions) == 1:
            return {conditions[0]: ""}
        alone = [folded_conditions(spark, schema, [each]) for each in conditions]
        return {key: value for each in alone for key, value in each.items()}


def _folded(spark: SparkSession, schema: StructType, conditions: Sequence[str]) -> dict[str, str]:
    held = [condition_holds(F.expr(each)) for each in conditions]
    frame = placeholder(spark, schema, False).select(*held)
    plan = frame._jdf.queryExecution().analyzed()
    for _ in range(2):
        for name in _FOLDING:
            plan = java_class(spark, f"{_CATALYST}.optimizer.{name}").apply(plan)
    columns = plan.expressions()
    return {each: columns.apply(n).child().sql() for n, each in enumerate(conditions)}

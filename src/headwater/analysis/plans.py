"""What the plan of a query tells before it runs: would it do anything if its inputs had not moved?

Looks at analysed plans on placeholders; runs nothing. What does not live here: whether the inputs
moved (`standings`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from py4j.java_gateway import is_instance_of
from pyspark import SparkContext
from pyspark.sql import Column, DataFrame, SparkSession

from headwater.analysis.schemas import PLACEHOLDER
from headwater.graph.dag import QueryPlan
from headwater.machine.session import java_class, settings_of
from headwater.names import READ_VIEW, TableName
from headwater.sandbox.trees import items_of

_TREES = "org.apache.spark.sql.catalyst.trees.TreePattern"
_FILES = "org.apache.spark.sql.execution.datasources.HadoopFsRelation"
_PASSING = ("CURRENT_LIKE", "PYTHON_UDF", "SCALA_UDF")
"""Patterns of expressions that may give other values for the same rows."""

_CONSTANT = frozenset({"Range", "OneRowRelation", "CTERelationRef"})
"""Leaves whose rows are in the plan's text."""

_STATELESS = frozenset(
    {
        "CollectMetrics",
        "Filter",
        "Generate",
        "Join",
        "MapInArrow",
        "MapInPandas",
        "Project",
        "StreamingRelation",
        "StreamingRelationV2",
        "SubqueryAlias",
        "Union",
        "View",
    }
)
"""Nodes of a stream that do nothing without rows; a join only if one side is not a stream."""

_PROCESSOR = "TransformWithState"
"""How the names of nodes begin that call a stateful processor, in streams and in batches."""

_MOMENTS = re.compile(
    r"(?:cast|to_date|to_timestamp\w*)\(\s*(?:now|today|tomorrow|yesterday)\b", re.IGNORECASE
)
"""Texts that Spark takes for a moment of the present, when it optimizes a query."""

_MOST_FIELDS = "spark.sql.debug.maxToStringFields"
_NO_MATTER = re.compile(
    r"spark\.(?!sql\.|databricks\.)|spark\.sql\.(?:codegen|adaptive|debug|catalog|warehouse)\."
    r"|spark\.sql\.(?:catalogImplementation|extensions|shuffle\.partitions)"
    r"|spark\.databricks\.delta\.(?:snapshotPartitions|lastCommitVersionInSession)"
)
"""Settings of a process, and those that change how a query is run but not what it gives."""

_STREAMING_NODE = re.compile(r"^[ :|+-]*~(\w+)", re.MULTILINE)
_PASSING_NAMES = re.compile(
    rf"(?<=[\w`)\]])#\d+L?|CTERelation(?:Def|Ref) \d+|(?:Provider|Table)@[0-9a-f]+|{READ_VIEW}\d+"
)
"""Parts of a plan's text that differ from one analysis to the next."""


def query_plan(
    frame: DataFrame,
    *,
    read_options: Iterable[str] = (),
    conditions: Sequence[Column] = (),
    tables: Collection[TableName] = (),
    is_fixed: bool = True,
) -> QueryPlan:
    """Describe the query of a frame on placeholders, and the rules on its rows; runs no job.

    Args:
        read_options: how the query reads its tables; placeholders don't show it.
        conditions: of the rules; valid ones.
        tables: tables of others that the query was seen to read.
        is_fixed: the plan does not depend on rows that the function looked at.
    """
    ruled = frame.select("*", *conditions) if conditions else frame
    plan = ruled._jdf.queryExecution().analyzed()
    spark = frame.sparkSession
    with _in_full(spark):
        text, canonical = _text(plan), _text(plan.canonicalized())
    leaves = list(_leaves(plan))
    streams = [each for each in leaves if each.isStreaming()]
    seen = {(each.schema, each.table) for each in tables}
    return QueryPlan(
        _digest(canonical, text, frame.schema.json(), *read_options),
        is_fixed
        and bool(plan.deterministic())
        and not _has(spark, plan, _PASSING)
        and not _MOMENTS.search(text)
        and all(_is_dated(each, seen) for each in leaves if not each.isStreaming()),
        _keeps_no_state(text, len(streams)) and all(_is_known(each, seen) for each in streams),
        _PROCESSOR in text,
    )


def settings_digest(spark: SparkSession) -> str:
    """Hash the settings that queries may depend on, those that source has set among them."""
    settings = settings_of(spark)
    kept = {key: value for key, value in settings.items() if not _NO_MATTER.match(key)}
    return hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()


@contextmanager
def _in_full(spark: SparkSession) -> Iterator[None]:
    """Let Spark write out plans whole: it cuts lists of arguments, too, after 25."""
    before = spark.conf.get(_MOST_FIELDS)
    spark.conf.set(_MOST_FIELDS, str(2**31 - 1))
    try:
        yield
    finally:
        spark.conf.set(_MOST_FIELDS, str(before))


def _text(plan: Any) -> str:
    """Write out a plan without shortening it."""
    return str(plan.treeString(True, False, 2**31 - 1, False, False))


def _digest(canonical: str, text: str, *more: str) -> str:
    """Hash a plan: with Spark's own numbering of columns for its literals, and as written.

    The canonical form has no names, the other one no numbers; together they tell plans apart.
    """
    numbers: dict[str, str] = {}

    def renamed(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0], f"#{len(numbers)}")

    canonical = re.sub(r"CTERelation(?:Def|Ref) \d+|(?:Provider|Table)@[0-9a-f]+", "", canonical)
    # Spark orders the sides of AND and OR by hashes that are others in each process
    words = " ".join(sorted(re.split(r"[\s,()\[\]]+", canonical)))
    parts = (words, _PASSING_NAMES.sub(renamed, text), *more)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _leaves(plan: Any) -> Iterator[Any]:
    """List the leaves of a plan and of the queries inside its expressions."""
    for each in (plan, *items_of(plan.subqueriesAll())):
        yield from items_of(each.collectLeaves())


def _has(spark: SparkSession, plan: Any, patterns: tuple[str, ...]) -> bool:
    kinds = java_class(spark, _TREES)
    return any(plan.containsPattern(getattr(kinds, each)()) for each in patterns)


def _is_dated(leaf: Any, tables: Collection[tuple[str, str]]) -> bool:
    """Whether the rows of a leaf are in the plan's text, or in a table that was seen to be read."""
    kind = leaf.getClass().getSimpleName()
    if kind != "LogicalRelation":
        return kind in _CONSTANT
    if not _is_seen(leaf.catalogTable(), tables):
        return False
    relation = leaf.relation()
    if not is_instance_of(SparkContext._gateway, relation, _FILES):
        return False  # the change feed of a table
    return not relation.location().isTimeTravelQuery()


def _is_seen(table: Any, tables: Collection[tuple[str, str]]) -> bool:
    """Whether a Delta table, an Option of Scala, was seen to be read and so is looked at."""
    if not table.isDefined() or str(table.get().provider()) != "Some(delta)":
        return False
    name = table.get().identifier()
    return (str(name.database().get()).lower(), str(name.table()).lower()) in tables


def _is_known(leaf: Any, tables: Collection[tuple[str, str]]) -> bool:
    """Whether a stream is a placeholder, or of a table of others that was seen to be read."""
    if leaf.getClass().getSimpleName() == "StreamingRelationV2":
        return bool(leaf.extraOptions().containsKey(PLACEHOLDER))
    source = leaf.dataSource()
    path = source.options().get("path")
    is_auto_loader = path.isDefined() and str(path.get()).endswith("*.nowhere")
    return bool(is_auto_loader) or _is_seen(source.catalogTable(), tables)


def _keeps_no_state(text: str, streams: int) -> bool:
    nodes = set(_STREAMING_NODE.findall(text))
    return nodes <= _STATELESS and ("Join" not in nodes or streams == 1)

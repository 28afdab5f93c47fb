"""Tables that a SQL text names by a constant expression: IDENTIFIER(:schema || '.orders').

Source: "IDENTIFIER clause" in Databricks' SQL reference, read November 2026.
"""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from headwater.graph.arguments import not_built
from headwater.machine.session import java_class
from headwater.sandbox.interception import intercepted
from headwater.sandbox.sql_text import SqlText


def with_names(spark: SparkSession, statement: SqlText, args: Any) -> str:
    """Return the text of a statement with plain texts in IDENTIFIER(...).

    Args:
        args: values of its markers by name, as `spark.sql` takes them; a list of values for `?` is
            left alone, for it would not fit what is left.

    Raises:
        DefinitionError: API_NOT_BUILT for an expression that has no value before the query runs.
    """
    text = statement.text
    for start, end in statement.computed_names():
        name = _value(spark, text[start:end], args if isinstance(args, dict) else None)
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        text = f"{text[:start]}'{quoted}'{text[end:]}"
    return text


def _value(spark: SparkSession, expression: str, args: dict[str, Any] | None) -> str:
    try:
        with intercepted(None):
            frame = spark.sql(f"SELECT {expression}", args=args)
            found = frame.head() if _is_constant(frame) else None
    except (PySparkException, Py4JError):
        found = None
    if found is None or not isinstance(found[0], str):
        raise not_built(
            f"IDENTIFIER({expression})",
            "Name the table by a text, or by an expression of texts and parameters that have "
            "values.",
        )
    return found[0]


def _is_constant(frame: DataFrame) -> bool:
    """Whether the only column of a frame is known before rows are read."""
    rules = "org.apache.spark.sql.catalyst.optimizer"
    replaced = java_class(frame.sparkSession, f"{rules}.ReplaceExpressions")  # nvl, left, ...
    plan = replaced.apply(frame._jdf.queryExecution().analyzed())
    return bool(plan.expressions().head().children().head().foldable())

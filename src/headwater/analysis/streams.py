"""Refuse streams that can't run, before they start."""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame

from headwater.errors import DefinitionError
from headwater.graph.model import Flow
from headwater.machine.session import java_class
from headwater.sandbox.failures import explained

_ANALYSIS = "org.apache.spark.sql.catalyst.analysis"
_CHECKED = "spark.sql.streaming.unsupportedOperationCheck"
"""Spark setting: whether streams are checked before they start."""


def check_stream(frame: DataFrame, flow: Flow) -> None:
    """Refuse what a stream that appends can't do, such as an aggregate without a watermark.

    Raises:
        DefinitionError: STREAM_UNSUPPORTED, with Spark's reason.
    """
    spark = frame.sparkSession
    settings = {_CHECKED: spark.conf.get(_CHECKED, "true"), **flow.spark_conf}
    if str(settings[_CHECKED]).lower() == "false":
        return
    checker = java_class(spark, f"{_ANALYSIS}.UnsupportedOperationChecker")
    mode = java_class(spark, "org.apache.spark.sql.streaming.OutputMode").Append()
    try:
        checker.checkForStreaming(frame._jdf.queryExecution().analyzed(), mode)
    except AnalysisException as error:
        raise DefinitionError(
            "STREAM_UNSUPPORTED",
            f"The stream into '{flow.target}' can't run: {explained(error)}",
            where=flow.location,
            hint="Add a watermark, or make the dataset a materialized view over a batch read.",
            dataset=str(flow.target),
            condition=error.getCondition(),
        ) from None

"""Text: each line, or each whole file, is one STRING column. The columns never change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.types import StringType, StructField, StructType

from headwater.autoloader.findings import Context, Findings
from headwater.autoloader.plan import StreamPlan, named
from headwater.autoloader.storage import SourceFile
from headwater.autoloader.types import FieldPath

COLUMNS = StructType([StructField("value", StringType())])
"""The columns of every text file."""


class TextFiles:
    """Reads the text files of one source."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """Any bytes are text."""
        del files
        return {}

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Return the one column that files of text have."""
        del files
        return COLUMNS

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """No file of text has another column."""
        del files
        return Findings(schema)

    def stage(self, file: SourceFile, clashing: Mapping[str, Sequence[FieldPath]]) -> Path:
        """Text files are never copied."""
        raise NotImplementedError

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""
        frame = plan.read("text", plan.schema.data, self.context.options.reader)
        return plan.finish(frame, [named(each.name) for each in plan.schema.data])

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


class WholeFiles:
    """Files of which nothing can be broken or new, for their columns never change.

    Attributes:
        columns: those of every file.
    """

    columns = COLUMNS

    def __init__(self, context: Context) -> None:
        self.context = context

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """Any bytes can be read."""
        del files
        return {}

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Return the columns that all files have."""
        del files
        return self.columns

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """No file has another column."""
        del files
        return Findings(schema)

    def stage(self, file: SourceFile, clashing: Mapping[str, Sequence[FieldPath]]) -> Path:
        """Such files are never copied."""
        raise NotImplementedError


class TextFiles(WholeFiles):
    """Reads the text files of one source."""

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""
        frame = plan.read("text", plan.schema.data, self.context.options.reader)
        return plan.finish(frame, [named(each.name) for each in plan.schema.data])

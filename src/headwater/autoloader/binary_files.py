"""Binary files: each file is a row with its path, times and bytes. The columns never change."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql.types import (
    BinaryType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from headwater.autoloader.plan import StreamPlan, named
from headwater.autoloader.text_files import WholeFiles

COLUMNS = StructType(
    [
        StructField("path", StringType()),
        StructField("modificationTime", TimestampType()),
        StructField("length", LongType()),
        StructField("content", BinaryType()),
    ]
)
"""The columns of every file."""


class BinaryFiles(WholeFiles):
    """Reads the files of one source, whatever is in them."""

    columns = COLUMNS

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream; a file that is read through a link has its own path."""
        frame = plan.read("binaryFile", COLUMNS, self.context.options.reader)
        pairs = zip(COLUMNS, plan.schema.data, strict=True)
        columns = [named(own.name).alias(asked.name) for own, asked in pairs]
        columns[0] = plan.file_address(frame).alias(plan.schema.data[0].name)
        return plan.finish(frame, columns)

"""`singleVariantColumn`: each record of a file is one VARIANT, whatever fields it has.

Nothing is inferred, evolves or is rescued. A record that can't be parsed is NULL, and its text is
in the column for corrupt records, where the schema has it. Source: "Ingest data as semi-structured
variant type" in Databricks' documentation.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType, VariantType

from headwater.autoloader.findings import Context
from headwater.autoloader.plan import StreamPlan, named
from headwater.autoloader.request import Options
from headwater.autoloader.text_files import WholeFiles

_MALFORMED = "__headwater_malformed"


def variant_columns(options: Options) -> StructType:
    """Return the one column of every file."""
    return StructType([StructField(options.variant_column, VariantType())])


class VariantFiles(WholeFiles):
    """Reads files of one source, each record as one value.

    Args:
        kind: Spark's name of the format.
        reader: options of Spark's reader.
    """

    def __init__(self, context: Context, kind: str, reader: Mapping[str, str]) -> None:
        super().__init__(context)
        self.kind = kind
        self.reader = reader
        self.columns = variant_columns(context.options)

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""
        options = self.context.options
        read = StructType([*self.columns, StructField(_MALFORMED, StringType())])
        more = {
            **self.reader,
            "singleVariantColumn": options.variant_column,
            "columnNameOfCorruptRecord": _MALFORMED,
            "mode": "PERMISSIVE",
        }
        frame = plan.read(self.kind, read, more)
        value = named(options.variant_column)
        # Spark refuses a query that needs nothing but the corrupt column
        malformed = F.coalesce(F.col(_MALFORMED), F.when(value.isNull(), F.col(_MALFORMED)))
        frame = plan.refuse_malformed(frame, malformed)
        columns = [
            (malformed if each.name == options.corrupt_column else value).alias(each.name)
            for each in plan.schema.data
        ]
        return plan.finish(frame, columns)

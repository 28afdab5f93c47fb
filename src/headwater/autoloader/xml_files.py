"""XML: Spark reads the files natively, under a schema that was inferred before.

A record in which a value has another type keeps its other values, and its whole text is rescued
under `_corrupt_record`, as that of a record that can't be parsed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StringType, StructField, StructType

from headwater.autoloader.findings import Context, Findings
from headwater.autoloader.plan import StreamPlan, named
from headwater.autoloader.rescue import fragment, split
from headwater.autoloader.spark_files import compared, refused
from headwater.autoloader.spark_paths import spark_paths
from headwater.autoloader.storage import SourceFile
from headwater.autoloader.types import FieldPath, nullable

_MALFORMED = "__headwater_malformed"
_BY_RECORD = {"useLegacyXMLParser": "true"}
"""Let Spark 4.2 take a malformed record for itself: its newer parser takes the whole file."""


class XmlFiles:
    """Reads the XML files of one source."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.options = context.options

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """XML files have no header: records are checked one by one when they are read."""
        del files
        return {}

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Infer columns: text unless types are to be inferred."""
        return self._columns(files, types=self.options.infer_types)

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """Compare the elements of each file with the schema; columns from paths don't count."""
        types = self.options.infer_types
        found = ((file, self._columns([file], types=types)) for file in files)
        return compared(self.context, found, schema, _reads)

    def stage(self, file: SourceFile, clashing: Mapping[str, Sequence[FieldPath]]) -> Path:
        """Refuse a file that has elements where the schema has a plain value, or several for one.

        Raises:
            SourceFileError: SOURCE_FILE_TYPE_MISMATCH.
        """
        raise refused(file, clashing)

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""
        wide = plan.wide if plan.options.rescues_new else plan.schema.data
        read = StructType([*wide.fields, StructField(_MALFORMED, StringType())])
        more = {"columnNameOfCorruptRecord": _MALFORMED, "mode": "PERMISSIVE"}
        frame = plan.read("xml", read, {**self.reader(), **more})
        frame = plan.refuse_malformed(frame, F.col(_MALFORMED))
        columns, fragments = [], []
        for each in plan.schema.data:
            if each.name.lower() == self.options.corrupt_column.lower():
                columns.append(F.col(_MALFORMED).alias(each.name))
                continue
            part = split(named(each.name), wide[each.name].dataType, each.dataType)
            columns.append(part.kept.alias(each.name))
            if part.rescued is not None:
                fragments.append(fragment(each.name, part.rescued, part.present))
        own = set(plan.schema.data.fieldNames())
        fragments += [fragment(f.name, named(f.name)) for f in wide if f.name not in own]
        fragments.append(fragment(self.options.corrupt_column, F.col(_MALFORMED)))
        return plan.finish(frame, columns, fragments)

    def reader(self) -> dict[str, str]:
        """Options for Spark's reader."""
        return {**self.options.reader, **_BY_RECORD}

    def _columns(self, files: Sequence[SourceFile], *, types: bool) -> StructType:
        """Infer the columns of files; a file without a record has none."""
        known: dict[tuple[SourceFile, ...], StructType] = self.context.remembered("xml columns")
        key = tuple(files)
        if key not in known:
            known[key] = self._inferred(files, types)
        return known[key]

    def _inferred(self, files: Sequence[SourceFile], types: bool) -> StructType:
        reader = self.context.spark.read.format("xml").options(**self.options.reader)
        reader = reader.option("inferSchema", str(types).lower())
        reader = reader.option("columnNameOfCorruptRecord", _MALFORMED)
        try:
            with spark_paths(files) as paths:
                found = reader.load(list(paths)).schema
        except (PySparkException, Py4JError):
            return StructType([])  # what is wrong shows when the records are read
        return nullable(StructType([each for each in found if each.name != _MALFORMED]))


def _reads(found: DataType, wanted: DataType) -> bool:
    """Whether values are read as a type one by one: plain ones are, or anything as its text."""
    plain = all(each.typeName() not in ("struct", "array", "map") for each in (found, wanted))
    return plain or (isinstance(wanted, StringType) and found.typeName() == "struct")

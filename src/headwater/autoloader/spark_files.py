"""ORC and Avro: Spark reads the columns of a file from its header, file by file.

A file with a column of another type or another case can't be read with the others and is refused:
unlike Parquet, it gets no copy in which that column is set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.types import DataType, StructType

from headwater.autoloader.columnar import columnar_frame
from headwater.autoloader.findings import Context, Findings
from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.spark_paths import spark_paths
from headwater.autoloader.storage import SourceFile
from headwater.autoloader.types import FieldPath, compare, nullable, widest
from headwater.errors import SourceFileError


class SparkFiles:
    """Inspects and reads the files of one source with Spark's own reader.

    Attributes:
        kind: Spark's name of the format.
    """

    kind = ""

    def __init__(self, context: Context) -> None:
        self.context = context

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """Describe why files are not readable files of the format."""
        found = {file: self._columns(file) for file in files}
        return {file: told for file, told in found.items() if isinstance(told, str)}

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Merge the columns of sampled files, the widest type of each."""
        found = [self._columns(file) for file in files]
        return widest([told for told in found if isinstance(told, StructType)])

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """Compare the columns of each file with the schema; columns from paths don't count."""
        found = ((file, self._columns(file)) for file in files)
        readable = ((file, each) for file, each in found if isinstance(each, StructType))
        return compared(self.context, readable, schema, _same)

    def stage(self, file: SourceFile, clashing: Mapping[str, Sequence[FieldPath]]) -> Path:
        """Refuse a file that clashes with the schema.

        Raises:
            SourceFileError: SOURCE_FILE_TYPE_MISMATCH.
        """
        raise refused(file, clashing)

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""
        return columnar_frame(plan, self.kind)

    def _columns(self, file: SourceFile) -> StructType | str:
        """Read the columns of a file, each once in a process; text says why they can't be read."""
        known: dict[SourceFile, StructType | str] = self.context.remembered(f"{self.kind} columns")
        if file not in known:
            known[file] = self._read(file)
        return known[file]

    def _read(self, file: SourceFile) -> StructType | str:
        if file.size == 0:
            return "it is empty (0 bytes)"
        reader = self.context.spark.read.format(self.kind).options(**self.context.options.reader)
        try:
            with spark_paths([file]) as paths:
                found = reader.load(list(paths)).schema
        except (PySparkException, Py4JError) as error:
            return f"it is not a complete {self.kind} file ({type(error).__name__})"
        return nullable(found) if found else "it has no columns"


class OrcFiles(SparkFiles):
    """Reads ORC files."""

    kind = "orc"


class AvroFiles(SparkFiles):
    """Reads Avro files; Spark needs a further jar for them."""

    kind = "avro"


def compared(
    context: Context,
    found: Iterable[tuple[SourceFile, StructType]],
    schema: StructType,
    reads: Callable[[DataType, DataType], bool],
) -> Findings:
    """Compare the columns of files with a schema, one file after the other.

    Args:
        reads: whether a column of the first type can be read as the second.
    """
    findings, options = Findings(schema), context.options
    grows = options.rescues_new or options.evolution != "none"
    for file, columns in found:
        own = StructType([each for each in columns if each.name.lower() not in context.taken])
        base = findings.wide if grows else schema
        findings.add(file, compare(own, base, reads, case_sensitive=options.case_sensitive))
    return findings


def refused(file: SourceFile, clashing: Mapping[str, Sequence[FieldPath]]) -> SourceFileError:
    """Make the error for a file that clashes with the schema, and can't be copied."""
    return SourceFileError(
        "SOURCE_FILE_TYPE_MISMATCH",
        f"Columns {', '.join(clashing)} of {file.path} can't be read with the types of the schema",
        hint="Write the file with the schema's types, or remove it; such values are not rescued.",
        path=file.path,
        fields=list(clashing),
    )


def _same(found: DataType, wanted: DataType) -> bool:
    return found == wanted

"""CSV: the columns of a file come from its first record; fields are read as text by position.

So columns in another order, or missing in some files, never shift. Types are given afterwards: text
that does not parse as its column's type is NULL and is rescued. What does not live here: reading
the first record (`csv_headers`), putting fields under their columns (`csv_layout`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql.types import StringType, StructField, StructType

from headwater.autoloader.csv_headers import Header, HeaderError, read_header
from headwater.autoloader.csv_layout import CsvLayout
from headwater.autoloader.findings import Context, Findings
from headwater.autoloader.inference import infer_columns
from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.storage import LOCAL, SourceFile
from headwater.autoloader.types import (
    Difference,
    FieldPath,
    compare,
    reads_any,
    text_type,
    widest,
)


class CsvFiles:
    """Inspects and reads the CSV files of one source."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.options = context.options

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """Describe why the first record of files can't be read."""
        found = self._headers(files)
        return {file: told for file, told in found.items() if isinstance(told, str)}

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Merge the headers of files, oldest first; STRING unless types are to be inferred."""
        groups: dict[Header, list[SourceFile]] = {}
        for file, header in self._headers(files).items():
            if isinstance(header, tuple):
                groups.setdefault(header, []).append(file)
        schemas = [self._typed(header, group) for header, group in groups.items()]
        return widest(schemas, text_type)

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """Compare each header with the schema; columns from paths don't count."""
        findings = Findings(schema)
        if self._by_position():
            return findings
        fresh: dict[Header, list[SourceFile]] = {}
        for file, header in self._headers(files).items():
            if isinstance(header, tuple):
                fresh.setdefault(header, []).append(file)
        columns = {header: self._own(header) for header in fresh}
        if self.options.infer_types:
            columns |= self._inferred(fresh, columns, schema)
        for header, group in fresh.items():
            told = self._compare(columns[header], findings.wide)
            told.clashing = {}  # a header of another case is mapped when the file is read
            findings.add(group[0], told)
        return findings

    def _own(self, header: Header) -> StructType:
        names = [name for name in header if name.lower() not in self.context.taken]
        return StructType([StructField(name, StringType()) for name in names])

    def _inferred(
        self,
        groups: Mapping[Header, list[SourceFile]],
        columns: Mapping[Header, StructType],
        schema: StructType,
    ) -> dict[Header, StructType]:
        """Infer the types of files with new columns; one that is new has one type in all files."""
        typed = {}
        for header, group in groups.items():
            if self.options.widens_types or self._compare(columns[header], schema).new:
                kinds = {each.name: each for each in self._typed(header, group)}
                typed[header] = StructType([kinds[each.name] for each in columns[header]])
        merged = {each.name.lower(): each for each in widest(list(typed.values()), text_type)}
        known = {each.name.lower() for each in schema}

        def one(column: StructField) -> StructField:
            name = column.name.lower()
            kind = column.dataType if name in known else merged[name].dataType
            return StructField(column.name, kind)

        return {header: StructType(list(map(one, each))) for header, each in typed.items()}

    def _compare(self, columns: StructType, schema: StructType) -> Difference:
        return compare(
            columns,
            schema,
            reads_any,
            case_sensitive=self.options.case_sensitive,
            widening=self.context.widening,
        )

    def stage(self, file: SourceFile, clashing: Mapping[str, Sequence[FieldPath]]) -> Path:
        """CSV files are never copied."""
        raise NotImplementedError

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""
        return CsvLayout(plan, self.headers(plan), self.reader(), self.context.taken).frame()

    def headers(self, plan: StreamPlan) -> dict[str, Header]:
        """Return the header of each file that is going to be read, by the file's own path."""
        if self._by_position():
            corrupt = self.options.corrupt_column
            names = tuple(each.name for each in plan.schema.data if each.name != corrupt)
            return {entry.origin: names for entry in plan.pending}
        files = [LOCAL.stat(entry.origin) for entry in plan.pending]
        found = self._headers([file for file in files if file])
        return {file.path: told for file, told in found.items() if isinstance(told, tuple)}

    def _by_position(self) -> bool:
        """An explicit schema without headers names the columns by position."""
        return not self.options.inferred and not self.options.header

    def _headers(self, files: Sequence[SourceFile]) -> dict[SourceFile, Header | str]:
        cache: dict[SourceFile, Header | str] = self.context.remembered("headers")
        for file in files:
            if file not in cache:
                try:
                    cache[file] = read_header(Path(file.path), self.options)
                except HeaderError as error:
                    cache[file] = str(error)
        found = {file: cache[file] for file in files}
        cache.clear()  # only the last set is asked for again
        cache.update(found)
        return found

    def _typed(self, header: Header, files: Sequence[SourceFile]) -> StructType:
        if not self.options.infer_types or not header:
            return StructType([StructField(name, StringType()) for name in header])
        reader = self.context.spark.read.options(**self.reader()).option("inferSchema", "true")
        reader = reader.option("ignoreCorruptFiles", self.options.ignore_corrupt)
        schema = infer_columns(files, lambda paths: reader.csv(paths).schema)
        kinds = dict(zip(header, (each.dataType for each in schema), strict=False))
        return StructType([StructField(n, kinds.get(n, StringType())) for n in header])

    def reader(self) -> dict[str, str]:
        """Options for Spark's reader."""
        return {
            **self.options.reader,
            "header": str(self.options.header).lower(),
            "multiLine": str(self.options.multi_line).lower(),
            "enforceSchema": "true",
        }

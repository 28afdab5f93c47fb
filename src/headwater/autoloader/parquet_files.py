"""Parquet: the columns of a file are known from its footer before it is read.

A file with a column of another type or another case can't be read with the others: it gets a
copy in which that column has a reserved name, and the copy is read instead.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType

from headwater.autoloader.arrow_types import UnreadableType, footer_schema
from headwater.autoloader.columnar import columnar_frame
from headwater.autoloader.findings import Context, Findings
from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.storage import SourceFile, Storage
from headwater.autoloader.types import Difference, FieldPath, compare, widens, widest

_RESERVED = "__rescued_"
_IS_RESERVED = re.compile(rf"{_RESERVED}[0-9a-f]{{8}}__")
_THREADS = 4


class ParquetFiles:
    """Inspects, copies and reads the Parquet files of one source."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """Describe why files are not readable Parquet files."""
        found = self._columns(files)
        return {file: told for file, told in found.items() if isinstance(told, str)}

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Merge the columns of sampled files, the widest type of each."""
        found = self._columns(files)
        return widest([told for told in found.values() if isinstance(told, StructType)])

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """Compare the columns of each file with the schema; columns from paths don't count."""
        findings = Findings(schema)
        options = self.context.options
        known: dict[str, Difference] = {}
        for file, columns in self._columns(files).items():
            if not isinstance(columns, StructType):
                continue
            told = known.get(columns.json())
            if told is None:
                own = [
                    each
                    for each in columns
                    if not _IS_RESERVED.match(each.name)
                    and each.name.lower() not in self.context.taken
                ]
                told = compare(
                    StructType(own),
                    findings.wide if options.rescues_new or options.evolution != "none" else schema,
                    widens,
                    case_sensitive=options.case_sensitive,
                    widening=self.context.widening,
                )
                if not told.new and not told.widened:  # what is new now is known to the next file
                    known[columns.json()] = told
            findings.add(file, told)
        return findings

    def stage(self, file: SourceFile, clashing: Mapping[str, Sequence[FieldPath]]) -> Path:
        """Copy a file with reserved names for its clashing columns; return the copy's path."""
        target = self.context.staged_path(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.tmp")
        with self.context.storage.open(file.path) as opened, pq.ParquetFile(opened) as source:
            _copy(source, scratch, clashing)
        scratch.replace(target)
        return target

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""
        return columnar_frame(plan, "parquet", self._reserved_columns(plan), _original)

    def _reserved_columns(self, plan: StreamPlan) -> list[StructField]:
        found: dict[str, StructField] = {}
        for entry in plan.pending:
            if entry.path != entry.origin and Path(entry.path).exists():
                for each in footer_schema(pq.read_metadata(entry.path)):
                    if _IS_RESERVED.match(each.name):
                        found[each.name] = each
        return list(found.values())

    def _columns(self, files: Sequence[SourceFile]) -> dict[SourceFile, StructType | str]:
        """Read footers, each once in a process; text says why one can't be read."""
        cache: dict[SourceFile, StructType | str] = self.context.remembered("footers")
        missing = [file for file in files if file not in cache]
        storage = self.context.storage
        with ThreadPoolExecutor(_THREADS) as pool:
            cache.update(zip(missing, pool.map(partial(_footer, storage), missing), strict=True))
        found = {file: cache[file] for file in files}
        cache.clear()  # only the last set is asked for again
        cache.update(found)
        return found


def _footer(storage: Storage, file: SourceFile) -> StructType | str:
    try:
        with storage.open(file.path) as opened:
            metadata = pq.read_metadata(opened)
        return _unreadable(metadata) or footer_schema(metadata)
    except UnreadableType as error:
        return str(error)
    except (pa.ArrowException, OSError) as error:
        if file.size == 0:
            return "it is empty (0 bytes)"
        return f"it is not a complete Parquet file ({type(error).__name__})"


def _unreadable(metadata: pq.FileMetaData) -> str:
    """Describe why Spark can't read a file whose footer is intact; empty when it can."""
    if not metadata.num_columns:
        return "it has no columns"
    schema = metadata.schema.to_arrow_schema()
    twice = next((name for name, count in Counter(schema.names).items() if count > 1), None)
    if twice is not None:
        return f"it has the column '{twice}' twice"
    twins = next((each.name for each in schema if _has_twins(each.type)), None)
    if twins is not None:
        return f"column '{twins}' has fields whose names differ only by case"
    if metadata.num_row_groups and metadata.row_group(0).column(0).compression == "BROTLI":
        return "it is compressed with Brotli, which Spark can't read"
    return ""


def _has_twins(kind: pa.DataType) -> bool:
    fields = [kind.field(number) for number in range(kind.num_fields)]
    if pa.types.is_struct(kind) and len({each.name.lower() for each in fields}) < len(fields):
        return True
    return any(_has_twins(each.type) for each in fields)


def _copy(
    source: pq.ParquetFile, target: Path, clashing: Mapping[str, Sequence[FieldPath]]
) -> None:
    kinds = {each.name: each.dataType.json() for each in footer_schema(source.metadata)}
    names = [
        _reserved(name, kinds[name]) if name in clashing else name
        for name in source.schema_arrow.names
    ]
    plain = source.schema_arrow.remove_metadata().empty_table().rename_columns(names)
    schema = _microseconds(plain.schema)
    with pq.ParquetWriter(target, schema) as writer:
        for number in range(source.num_row_groups):
            rows = source.read_row_group(number).rename_columns(names)
            writer.write_table(rows.cast(schema))


def _reserved(name: str, kind: str) -> str:
    return f"{_RESERVED}{zlib.crc32(f'{name} {kind}'.encode()):08x}__{name}"


def _original(reserved: str) -> str:
    return reserved[len(_RESERVED) + 10 :]


def _microseconds(schema: pa.Schema) -> pa.Schema:
    """Old INT96 timestamps come as nanoseconds, which Spark reads only in that old form."""
    fields = [
        field.with_type(pa.timestamp("us", "UTC"))
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns"
        else field
        for field in schema
    ]
    return pa.schema(fields)

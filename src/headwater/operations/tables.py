"""What Delta's log says of a table: files, sizes, partitions, and how ranges of columns overlap.

The smallest and largest values that the log keeps are values of rows: they are compared here, and
leave this module as shares only. Reads only; starts no JVM. What does not live here: what follows
from it (`tuning`, `maintenance`, `rollback`).
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater.errors import UsageError
from headwater.names import TableName, table_name
from headwater.state.inventory import KnownTable, known_tables
from headwater.state.pipeline import PipelineState, TableState
from headwater.state.target import Target

_OWN_FEATURES = frozenset({"appendOnly", "invariants", "changeDataFeed", "timestampNtz"})
"""Features of tables that delta-rs changes as Spark would.

Not those that it refuses (clustering, column mapping), nor deletion vectors: a vacuum of all
unknown files takes the vectors of rows that are gone for garbage, and the rows come back.
"""


_MAPPED_VERSION = 5
"""From this version of the writer on, and before features had names, columns may be mapped."""


@dataclass(frozen=True)
class OnDisk:
    """A table of a target, and its folder."""

    known: KnownTable
    path: Path
    state: TableState | None = None

    @property
    def name(self) -> str:
        """Its full name."""
        return str(self.known.name)


@dataclass(frozen=True)
class DataFile:
    """A file that holds rows of a table now.

    Attributes:
        rows: None where the table keeps no statistics.
        partition: which partition it is in, without its values: files of one share the number.
    """

    path: str
    bytes: int
    rows: int | None = None
    partition: int = 0


@dataclass(frozen=True)
class ColumnRange:
    """How well a column tells files apart.

    Attributes:
        opened_share: of the files, those that a search for one value has to open.
        kind: type of the column, as Arrow writes it.
    """

    column: str
    opened_share: float
    kind: str = ""


@dataclass(frozen=True)
class TableFacts:
    """What is known of a table without reading its rows.

    Attributes:
        keys: of AUTO CDC, which its merges search for.
        spark_only: features for which the table has to be changed by Spark.
        vector_files: files with deletion vectors.
        hidden_rows: rows that these vectors hide.
        columns: name and type of each.
    """

    name: str
    kind: str
    version: int
    files: Sequence[DataFile]
    partition_columns: tuple[str, ...] = ()
    ranges: Sequence[ColumnRange] = ()
    cluster_by: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    spark_only: tuple[str, ...] = ()
    vector_files: int = 0
    hidden_rows: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[tuple[str, str], ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all of its files."""
        return sum(each.bytes for each in self.files)

    @property
    def rows(self) -> int | None:
        """Rows of all of its files, without those that deletion vectors hide."""
        counts = [each.rows for each in self.files if each.rows is not None]
        return sum(counts) - self.hidden_rows if len(counts) == len(self.files) else None


def tables_on_disk(target: Target, names: Sequence[str] = ()) -> list[OnDisk]:
    """List the tables of a target, those that only a pipeline sees too; or the named ones.

    What AUTO CDC remembers beside a table is none of them.

    Raises:
        UsageError: TABLE_NOT_FOUND.
    """
    known = known_tables(target.store)
    among = [each.name for each in known]
    wanted = {_found(target, each, None, among) for each in names}
    return [_on_disk(target, each) for each in known if not names or each.name in wanted]


def table_of(target: Target, pipeline: str, name: str) -> tuple[TableName, Path]:
    """Find a table as a pipeline names it, and its folder; one that it alone sees, too.

    Raises:
        UsageError: TABLE_NOT_FOUND, TABLE_AMBIGUOUS, TABLE_IS_VIEW.
    """
    spec = target.bundle.pipeline(pipeline)
    state = target.pipeline_state(spec.key)
    private = {each: state.private_table(each) for each, _ in state.made_tables()}
    private = {each: path for each, path in private.items() if (path / "_delta_log").is_dir()}
    own = table_name(name, spec.catalog, spec.schema)
    is_own = own in private and own not in target.store.tables()
    found = own if is_own else _found(target, name, (spec.catalog, spec.schema), list(private))
    path = target.store.table_path(found)
    return found, path if (path / "_delta_log").is_dir() else private.get(found, path)


def _found(
    target: Target, name: str, home: tuple[str, str] | None, private: Sequence[TableName]
) -> TableName:
    """Find a table that everybody sees, or else one of those that not everybody does."""
    try:
        return target.find_table(name, home)
    except UsageError as error:
        if error.code != "TABLE_NOT_FOUND":
            raise
        return target.find_table(name, home, among=[*target.store.tables(), *private])


def _on_disk(target: Target, known: KnownTable) -> OnDisk:
    path = target.store.table_path(known.name)
    if known.pipeline is None:
        return OnDisk(known, path)
    state: PipelineState = target.pipeline_state(known.pipeline)
    if not (path / "_delta_log").is_dir():
        path = state.private_table(known.name)
    return OnDisk(known, path, state.load(known.name))


@contextmanager
def readable(table: OnDisk) -> Iterator[None]:
    """Name the table whose log can't be read.

    Raises:
        UsageError: TABLE_UNREADABLE; what Delta says may hold values, and is not repeated.
    """
    try:
        yield
    except (DeltaError, OSError) as error:
        raise UsageError(
            "TABLE_UNREADABLE",
            f"The Delta log can't be read, or files of it are gone: {type(error).__name__}",
            where=table.name,
            hint="Check its folder and the files in _delta_log, or run the pipeline with "
            "--full-refresh.",
        ) from error


def open_delta(table: OnDisk, version: int | None = None) -> DeltaTable:
    """Open a table.

    Raises:
        UsageError: TABLE_UNREADABLE.
    """
    with readable(table):
        return DeltaTable(table.path, version=version)


def spark_only(delta: DeltaTable) -> tuple[str, ...]:
    """Name the features of a table for which Spark has to change it."""
    protocol = delta.protocol()
    if protocol.writer_features is None and protocol.min_writer_version >= _MAPPED_VERSION:
        return (f"writer version {protocol.min_writer_version}",)
    features = {*(protocol.writer_features or ()), *(protocol.reader_features or ())}
    return tuple(sorted(features - _OWN_FEATURES))


def deletion_vectors(delta: DeltaTable) -> tuple[int, int]:
    """Return how many deletion vectors a table has, and how many rows they hide."""
    if "deletionVectors" not in (delta.protocol().reader_features or ()):
        return 0, 0
    vectors = pa.table(delta.deletion_vectors())["selection_vector"]
    is_shown = pc.list_flatten(vectors)
    return len(vectors), len(is_shown) - (pc.sum(is_shown).as_py() or 0)


def version_at(history: Iterable[Mapping[str, Any]], at: datetime) -> int | None:
    """Return the newest version of a time; None before the first that the log still has.

    Args:
        history: of Delta.
    """
    limit = at.timestamp() * 1000
    found = (int(each["version"]) for each in history if int(each["timestamp"]) <= limit)
    return max(found, default=None)


def count_rows(delta: DeltaTable, *, are_there: bool = False) -> int:
    """Count rows from the log; those of a file that it does not count, from the file's end.

    Args:
        are_there: look whether the files are, too.

    Raises:
        FileNotFoundError: one of them is not.
    """
    added = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
    folder = _folder(delta)
    if are_there:
        _check_files(folder, (each["path"] for each in added))
    counts = [
        pq.read_metadata(_file(folder, each["path"])).num_rows
        if each.get("num_records") is None
        else int(each["num_records"])
        for each in added
    ]
    return sum(counts) - deletion_vectors(delta)[1]


def _folder(delta: DeltaTable) -> Path:
    return Path(unquote(urlsplit(delta.table_uri).path))


def _file(folder: Path, written: str) -> Path:
    """Return where a file of the log is; those of a shallow clone are in another table's folder."""
    parts = urlsplit(written)
    return Path(unquote(parts.path)) if parts.scheme == "file" else folder / unquote(written)


def _check_files(folder: Path, paths: Iterable[str]) -> None:
    for each in paths:
        if not _file(folder, each).exists():
            raise FileNotFoundError(each)


def facts_of(table: OnDisk, version: int | None = None) -> TableFacts:
    """Look at a table's log.

    Args:
        version: an earlier one; the newest when not given.

    Raises:
        UsageError: TABLE_UNREADABLE.
    """
    delta = open_delta(table, version)
    metadata = delta.metadata()
    state = table.state
    with readable(table):
        added = pa.table(delta.get_add_actions(flatten=True))
        vector_files, hidden_rows = deletion_vectors(delta)
        files = data_files(added)
        if version is None:  # files of earlier versions may have been vacuumed
            _check_files(_folder(delta), added["path"].to_pylist())
    return TableFacts(
        table.name,
        table.known.kind,
        delta.version(),
        files,
        tuple(metadata.partition_columns),
        () if _is_mapped(metadata.configuration) else tuple(column_ranges(added)),
        state.cluster_by if state else (),
        _keys(state),
        spark_only(delta),
        vector_files,
        hidden_rows,
        metadata.configuration,
        tuple((each.name, type_text(each.type)) for each in delta.schema().fields),
    )


def type_text(kind: Any) -> str:
    """Write a type of Delta as its log does: the name, or JSON of a nested one."""
    told = json.loads(kind.to_json())
    return told if isinstance(told, str) else json.dumps(told)


def _is_mapped(properties: Mapping[str, str]) -> bool:
    """Whether the log has other names of columns than users do."""
    return properties.get("delta.columnMapping.mode", "none") != "none"


def _keys(state: TableState | None) -> tuple[str, ...]:
    told = (state.change if state else {}).get("keys", "")
    return tuple(each.strip() for each in told.split(",") if each.strip())


def data_files(added: pa.Table) -> list[DataFile]:
    """Return the files of a table from its add actions."""
    columns = [each for each in added.column_names if each.startswith("partition.")]
    numbers: dict[tuple[Any, ...], int] = {}
    return [
        DataFile(
            unquote(row["path"]),  # the log has it as part of a URL
            int(row["size_bytes"]),
            row.get("num_records"),
            numbers.setdefault(tuple(row[each] for each in columns), len(numbers)),
        )
        for row in added.select(
            [
                each
                for each in added.column_names
                if each in ("path", "size_bytes", "num_records", *columns)
            ]
        ).to_pylist()
    ]


def column_ranges(added: pa.Table) -> Iterator[ColumnRange]:
    """Return how well each column with statistics tells the files apart.

    Columns that are the same in all files, flags, and what has no range in some file are left out.
    """
    for name in added.column_names:
        column = name.removeprefix("min.")
        if column == name or f"max.{column}" not in added.column_names:
            continue
        kind = added.schema.field(name).type
        lowest, highest = added[name].to_pylist(), added[f"max.{column}"].to_pylist()
        if pa.types.is_boolean(kind) or None in lowest or None in highest or len(lowest) < 2:
            continue
        if min(lowest) != max(highest):
            yield ColumnRange(column, opened_share(lowest, highest), str(kind))


def opened_share(lowest: Sequence[Any], highest: Sequence[Any]) -> float:
    """Return the share of files that a search for one value opens, by their ranges.

    Averaged over searches for the lowest value of each file.

    Example:
        >>> opened_share([1, 11, 21], [10, 20, 30]), opened_share([1, 1], [9, 9])
        (0.3333333333333333, 1.0)
    """
    begins, ends = sorted(lowest), sorted(highest)
    opened = (bisect_right(begins, each) - bisect_left(ends, each) for each in lowest)
    return sum(opened) / len(lowest) ** 2

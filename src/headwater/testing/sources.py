"""Sources that a test feeds: a folder of files, or a table in place of one that others make.

A batch is a list of dicts, a DataFrame, or a file. What does not live here: what an update does
with it (`pipeline`).
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from collections.abc import Callable, ItemsView, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol, Union

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from headwater.errors import UsageError, nearest
from headwater.names import TableName
from headwater.sandbox.failures import explained
from headwater.state.catalog import register_table
from headwater.state.store import Store
from headwater.testing.rows import Row, arrow_of, as_before, frame_of, listed, rows_invalid

Batch = Union[Sequence[Row], DataFrame, str, Path]  # noqa: UP007 - evaluated at run time on 3.10

FORMATS = ("json", "csv", "parquet", "text")
"""Formats of files that rows can be written in; a file of any format can be sent as it is."""


VOLUMES = "/Volumes/"
_ODD = " ,;{}()\n\t="
"""Characters that Delta takes in the names of columns only with column mapping."""


class Place(Protocol):
    """Where the batches of a source go."""

    def write(self, batch: Batch, number: int) -> None:
        """Add the `number`-th batch; it is there as a whole or not at all."""

    def columns(self) -> StructType | None:
        """Return the columns, as far as they are known."""


@dataclass
class Source:
    """A source of the pipeline under test; `pipeline.source(name)` returns it.

    Example:
        >>> landing.send([{"id": 1}])
    """

    name: str
    place: Place
    noted: Callable[[Batch], None]
    format: str
    schema: StructType | None
    count: int = 0

    def send(self, batch: Batch) -> None:
        """Add one batch, which the next update reads.

        Args:
            batch: rows as dicts or Rows, a DataFrame of Spark or pandas, or the path of a file.

        Raises:
            UsageError: ROWS_INVALID, COLUMN_UNKNOWN, SOURCE_FORMAT, SOURCE_MISSING.
        """
        if not isinstance(batch, str | Path | DataFrame):
            batch = listed(batch)  # sent again as it is now, whatever becomes of it
        self.count += 1
        self.place.write(batch, self.count)
        self.noted(batch)

    def check(self, format: str | None, schema: StructType | None) -> None:
        """Check that a source that is asked for again is not meant otherwise.

        Raises:
            UsageError: SOURCE_DIFFERS.
        """
        if format not in (None, self.format) or schema not in (None, self.schema):
            raise UsageError(
                "SOURCE_DIFFERS",
                f"The source '{self.name}' was made with another format or schema",
                hint="Say format and schema where the test names the source first.",
            )


@dataclass(frozen=True)
class Folder:
    """A folder in which each batch is a new file.

    Attributes:
        root: what relative paths of files start from.
    """

    spark: SparkSession
    path: Path
    format: str
    schema: StructType | None
    root: Path

    def write(self, batch: Batch, number: int) -> None:
        if isinstance(batch, str | Path):
            self._copy(self.root / batch, number)
            return
        if self.format not in FORMATS:
            raise UsageError(
                "SOURCE_FORMAT",
                f"Rows can't be written as '{self.format}'",
                hint=nearest(self.format, FORMATS) or "Send the path of a file instead.",
            )
        if not isinstance(batch, DataFrame):
            if self.schema is not None:
                batch = frame_of(self.spark, batch, self.schema)
            elif self.format == "csv" and batch:
                batch = self.spark.createDataFrame(_texts(batch))
        with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=".sending") as folder:
            made = Path(folder) / "rows"
            if isinstance(batch, DataFrame):
                made = _written_by_spark(batch, self.format, made)
            else:
                made.write_bytes(_WRITERS[self.format](batch))
            made.rename(self.path / f"batch_{number:04}.{self.format}")

    def columns(self) -> StructType | None:
        return self.schema

    def _copy(self, file: Path, number: int) -> None:
        if not file.is_file():
            near = [each.name for each in file.parent.glob("*")]
            raise UsageError(
                "SOURCE_MISSING",
                f"No file at '{file}'",
                hint=nearest(file.name, near) or "Relative paths start at pytest's root directory.",
            )
        aside = self.path.parent / f".sending_{file.name}"
        shutil.copyfile(file, aside)
        aside.rename(self.path / f"batch_{number:04}_{file.name}")


@dataclass(frozen=True)
class Table:
    """A Delta table to which each batch is appended."""

    spark: SparkSession
    store: Store
    name: TableName
    schema: StructType | None

    def write(self, batch: Batch, number: int) -> None:
        del number
        if isinstance(batch, str | Path):
            raise UsageError(
                "SOURCE_FORMAT",
                f"A file was sent to the table '{self.name}'",
                hint="Send rows or a DataFrame; files go to a folder such as /Volumes/a/b/c.",
            )
        if not isinstance(batch, DataFrame):
            known = None if self.schema else self.columns()
            rows, schema = (batch, self.schema) if known is None else as_before(batch, known)
            batch = frame_of(self.spark, rows, schema)
        try:
            self._append(batch)
        except AnalysisException as error:
            raise rows_invalid(
                f"they don't fit those of '{self.name}': {explained(error)}",
                "Compare the types of their columns with those that were sent before.",
            ) from error

    def columns(self) -> StructType | None:
        path = self.store.table_path(self.name)
        return (
            self.spark.read.format("delta").load(str(path)).schema if path.exists() else self.schema
        )

    def make(self) -> None:
        """Make the table without rows, if its columns are known."""
        if self.schema is not None:
            self._append(frame_of(self.spark, [], self.schema))

    def _append(self, frame: DataFrame) -> None:
        path = self.store.table_path(self.name)
        writer = frame.write.format("delta").mode("append").option("mergeSchema", "true")
        if not path.exists() and any(char in name for name in frame.columns for char in _ODD):
            writer = writer.option("delta.columnMapping.mode", "name")
        writer.save(str(path))
        register_table(self.spark, self.name, path, self.store)


@dataclass
class Sources:
    """The sources of one pipeline in one target.

    Attributes:
        root: what relative paths of files start from.
        stubs: those that are tables.
        sent: what was sent since it was last taken: key of the source, and the batch.
    """

    spark: SparkSession
    store: Store
    root: Path
    stubs: dict[TableName, Table] = field(default_factory=dict)
    sent: list[tuple[str, Batch]] = field(default_factory=list)
    _made: dict[str, Source] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Source:
        return self._made[key]

    def items(self) -> ItemsView[str, Source]:
        """Return the sources by their keys, which are names that `folder` and `table` take."""
        return self._made.items()

    def folder(self, name: str, kind: str | None, schema: StructType | None) -> Source:
        """Return the source of a folder in a volume.

        Raises:
            UsageError: SOURCE_DIFFERS, VOLUME_UNKNOWN, PATH_OUTSIDE_VOLUME.
        """

        def make() -> Place:
            path = folder_of(self.store, name)
            return Folder(self.spark, path, kind or "json", schema, self.root)

        return self._source(name.rstrip("/"), name, kind, schema, make)

    def table(
        self, name: str, full: TableName, kind: str | None, schema: StructType | None
    ) -> Source:
        """Return the source of a table, which is the same however its name is written.

        Raises:
            UsageError: SOURCE_DIFFERS.
        """

        def make() -> Place:
            made = self.stubs[full] = Table(self.spark, self.store, full, schema)
            made.make()
            return made

        return self._source(full.quoted, name, kind, schema, make)

    def _source(
        self,
        key: str,
        name: str,
        kind: str | None,
        schema: StructType | None,
        make: Callable[[], Place],
    ) -> Source:
        if key in self._made:
            self._made[key].check(kind, schema)
        else:

            def noted(batch: Batch) -> None:
                self.sent.append((key, batch))

            self._made[key] = Source(name, make(), noted, kind or "json", schema)
        return self._made[key]

    def check_sent(self) -> None:
        """Check that all tables have columns.

        Raises:
            UsageError: SOURCE_EMPTY.
        """
        for name in self.stubs:
            if not self.store.table_path(name).exists():
                raise UsageError(
                    "SOURCE_EMPTY",
                    f"Nothing was sent to '{name}', so that its columns are not known",
                    hint="Send a batch first, or give the source a schema.",
                )

    def check_names(self, full: Callable[[str], TableName]) -> None:
        """Check that the tables' names still mean what they meant.

        Args:
            full: completes a name.

        Raises:
            UsageError: SOURCE_NAMED_BEFORE.
        """
        for key, source in self._made.items():
            if isinstance(source.place, Table) and full(source.name).quoted != key:
                raise UsageError(
                    "SOURCE_NAMED_BEFORE",
                    f"The source '{source.name}' was made as '{source.place.name}', before the "
                    f"pipeline's own schema was said: '{full(source.name)}'",
                    hint="Load the pipeline first, and then name its sources.",
                )


def folder_of(store: Store, name: str) -> Path:
    """Make the folder that a path in a volume means, and the volume; return it.

    Raises:
        UsageError: VOLUME_UNKNOWN, PATH_OUTSIDE_VOLUME.
    """
    catalog, schema, volume, *_ = [*name.removeprefix(VOLUMES).split("/"), "", ""]
    if not (catalog and schema and volume):
        raise UsageError(
            "VOLUME_UNKNOWN",
            f"Not a folder in a volume: '{name}'",
            hint="Write it as /Volumes/<catalog>/<schema>/<volume>, or with folders behind.",
        )
    store.volume_path(catalog, schema, volume).mkdir(parents=True, exist_ok=True)
    path = Path(store.local_path(name))
    path.mkdir(parents=True, exist_ok=True)
    return path


_SPACES = dict.fromkeys(("ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace"), "false")
"""Options of CSV that keep spaces around values: Spark cuts them off when it writes."""


def _written_by_spark(frame: DataFrame, kind: str, folder: Path) -> Path:
    writer = frame.coalesce(1).write
    if kind == "csv":
        writer = writer.option("header", "true").options(**_SPACES)
    writer.format(kind).save(str(folder))
    return next(folder.glob("part-*"))


def _json(rows: Sequence[Row]) -> bytes:
    return "".join(json.dumps(dict(row), default=_text) + "\n" for row in rows).encode()


def _texts(rows: Sequence[Row]) -> pa.Table:
    """Return rows as texts. Spark writes them: what it reads of other CSV is not what was sent.

    Raises:
        UsageError: ROWS_INVALID for rows without columns.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        raise rows_invalid("no type for rows without columns")
    values = [[None if row.get(c) is None else _text(row[c]) for row in rows] for c in columns]
    return pa.table([pa.array(each, pa.string()) for each in values], columns)


def _empty(_: Sequence[Row]) -> bytes:
    return b""


def _parquet(rows: Sequence[Row]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(arrow_of(rows), sink)
    return sink.getvalue()


def _lines(rows: Sequence[Row]) -> bytes:
    return "".join(
        f"{'' if value is None else value}\n" for row in rows for value in row.values()
    ).encode()


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


_WRITERS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "json": _json,
    "csv": _empty,
    "parquet": _parquet,
    "text": _lines,
}

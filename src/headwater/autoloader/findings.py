"""Results and inputs of file inspection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.request import Options, SourceState
from headwater.autoloader.storage import STAGED, SourceFile, Storage, staged_name, storage_of
from headwater.autoloader.types import Difference, FieldPath
from headwater.autoloader.widening import Widening

VERSIONS = "versions"
"""Folder above the copies of files that were overwritten, one folder each."""


@dataclass
class Findings:
    """The columns of inspected files against the schema.

    Attributes:
        wide: the schema with all new columns.
        new: dotted names of new columns, with a file that has each.
        widened: dotted names of columns whose type grew.
        clashing: files with columns that can't be read under the schema.
    """

    wide: StructType
    new: dict[str, str] = field(default_factory=dict)
    widened: list[str] = field(default_factory=list)
    clashing: dict[SourceFile, Mapping[str, Sequence[FieldPath]]] = field(default_factory=dict)

    def add(self, file: SourceFile, difference: Difference) -> None:
        """Add what one file brings."""
        if difference.new or difference.widened:
            self.wide = difference.schema
        self.widened += difference.widened
        for name in difference.new:
            self.new.setdefault(name, file.path)
        if difference.clashing:
            self.clashing[file] = difference.clashing


@dataclass(frozen=True)
class Context:
    """What a format needs to know of its source.

    Attributes:
        taken: names in lower case that are not columns of files: those from paths.
    """

    spark: SparkSession
    options: Options
    place: SourceState
    taken: frozenset[str] = frozenset()

    @property
    def storage(self) -> Storage:
        """Where the files are."""
        return storage_of(self.spark)

    @property
    def widening(self) -> Widening | None:
        """How types grow with the files; None where they stay."""
        if not self.options.widens_types:
            return None
        fixed = frozenset(path[0].lower() for path, _ in self.options.hinted)
        return Widening(fixed, has_times=self.options.format == "parquet")

    def remembered(self, what: str) -> Any:
        """Return this process's memory of the source, a dict that lives as long as the process."""
        return self.place.memory.setdefault(f"{what} {self.place.folder}", {})

    def staged_path(self, file: SourceFile) -> Path:
        """Where the rewritten copy of a file goes: the original's path tells it.

        Spark reads a path once: where files may be overwritten, each version has a path.
        """
        versions = self.place.folder / VERSIONS
        folder = versions / file.version if self.options.allow_overwrites else self.place.folder
        return folder / STAGED / staged_name(file.path)

    def staged(self) -> list[Path]:
        """List the folders of rewritten copies."""
        versions = self.place.folder / VERSIONS
        return [*self.place.folder.glob(STAGED), *versions.glob(f"*/{STAGED}")]


class FileFormat(Protocol):
    """What a format does with the files of a source."""

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """Describe why files can't be read."""

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Infer the columns from sampled files."""

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """Compare the columns of files with the schema."""

    def stage(self, file: SourceFile, clashing: Mapping[str, Sequence[FieldPath]]) -> Path:
        """Write a copy that can be read under the schema, with what clashes set aside in it."""

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""

"""What a pipeline asks of Auto Loader: as written, and as read; where a source keeps its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from pyspark.sql.types import StructType

from headwater.autoloader.types import Hint
from headwater.errors import Location


@dataclass(frozen=True)
class CloudFiles:
    """One `spark.readStream.format("cloudFiles")` as user code wrote it.

    Attributes:
        path: what was given to `load`, volumes already resolved.
        options: every option, as given.
        schema: as given to `schema`, None to infer it.
        where: the user's line.
        is_batch: all files are read each time, and nothing is remembered.
        volume: folder of the volume that the path is in, "" if it is in none.
    """

    path: str
    options: Mapping[str, str]
    where: Location
    schema: Union[str, StructType, None] = None  # noqa: UP007 - Python 3.10
    is_batch: bool = False
    volume: str = ""


@dataclass(frozen=True)
class Cleaning:
    """What becomes of files that were read.

    Attributes:
        mode: MOVE or DELETE.
        retention_seconds: how long a file stays once its rows are committed.
        destination: the folder to move to, "" to delete.
    """

    mode: str
    retention_seconds: float
    destination: str = ""


@dataclass(frozen=True)
class Options:
    """What a request asks for, defaults filled in.

    Attributes:
        format: name of a row of `formats`.
        evolution: one of `option_tables.EVOLUTION_MODES`.
        inferred: no schema was given.
        hinted: path and type, as text, of each column of `schemaHints`.
        partition_columns: keys to take from the path; None to find them, () to ignore them.
        allow_overwrites: a file that was modified since it was read is read again.
        max_age_seconds: files that are older are not looked at, None for no limit.
        max_bytes: soft limit of bytes per micro-batch, None for no limit.
        strict_globs: a pattern of the path is Spark's, not Auto Loader's own.
        rescued_column: name of the rescued data column, None to have none.
        bad_records_path: folder for records and files that can't be read; rows leave them out.
        variant_column: name of the one column that holds each record, "" for columns of their own.
        rescues_new: a field that the schema lacks is rescued: in mode `rescue`, and in mode
            `none` when `rescuedDataColumn` is set.
        cleaning: None to leave files where they are.
        case_sensitive: a column whose name differs by case only is rescued.
        header: whether CSV files start with column names.
        corrupt_column: column that takes malformed records, when the schema has it.
        reader: options for Spark's reader, under the names the user wrote.
    """

    format: str
    evolution: str
    inferred: bool
    infer_types: bool
    hinted: tuple[Hint, ...]
    schema_location: Path | None
    partition_columns: tuple[str, ...] | None
    include_existing: bool
    allow_overwrites: bool
    max_age_seconds: float | None
    max_files: int
    max_bytes: int | None
    cleaning: Cleaning | None
    name_filter: str
    strict_globs: bool
    rescued_column: str | None
    bad_records_path: Path | None
    variant_column: str
    rescues_new: bool
    case_sensitive: bool
    ignore_corrupt: bool
    ignore_missing: bool
    modified_after: float | None
    modified_before: float | None
    header: bool
    multi_line: bool
    parse_mode: str
    corrupt_column: str
    reader: Mapping[str, str]

    @property
    def skips_broken(self) -> bool:
        """Whether files that can't be read are left out, rather than fail the flow."""
        return self.ignore_corrupt or self.bad_records_path is not None

    @property
    def adds_columns(self) -> bool:
        """Whether the schema grows with the files."""
        return self.evolution.startswith("addNewColumns")

    @property
    def widens_types(self) -> bool:
        """Whether types of columns grow with the files, too."""
        return self.evolution == "addNewColumnsWithTypeWidening"

    def get(self, name: str, default: str = "") -> str:
        """Read an option that goes to Spark's reader, by its lower-case name."""
        return next((v for k, v in self.reader.items() if k.lower() == name), default)


@dataclass(frozen=True)
class SourceState:
    """Folders of one source of one flow, new ones after a full refresh.

    Attributes:
        folder: schema log and file log of the source.
        checkpoint: the flow's streaming checkpoint.
        memory: what this process already found out about sources, by folder.
        schemas: folder of the schema log, where it is not `folder`: flows that read a source
            through a view share the view's.
        counts: takes the number of files of each listing that is made to read them.
    """

    folder: Path
    checkpoint: Path
    memory: dict[str, object] = field(default_factory=dict, compare=False)
    schemas: Path | None = None
    counts: list[int] = field(default_factory=list, compare=False)

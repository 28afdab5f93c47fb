"""The metadata of all modules: loaded from YAML, read, checked, deactivated, exported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.errors import UsageError
from lakeflow_job_meta.checks import metadata_faults, path_faults, read_files
from lakeflow_job_meta.control_table import ControlTable
from lakeflow_job_meta.errors import Fault, MetadataError, module_unknown
from lakeflow_job_meta.export import sources_as_yaml
from lakeflow_job_meta.load_plan import (
    Change,
    FileResult,
    FolderResult,
    LoadResult,
    StoredRow,
    deactivation,
    plan_file,
    plan_folder,
    summary,
)
from lakeflow_job_meta.session import active_session
from lakeflow_job_meta.sources import Source, duplicate_faults
from lakeflow_job_meta.utils import quoted_table_name
from lakeflow_job_meta.yaml_files import (
    OWNER_PREFIX,
    SourceFile,
    list_yaml_files,
)


@dataclass(frozen=True)
class Metadata:
    """What one read of the control table gave.

    Args:
        sources: active and inactive ones, by module, execution order and id; none with a fault
            of its own, while of ids that stand twice both are here.
        faults: of single rows, and of ids that stand twice.
        version: of the table; what was committed after it may be in here already.
    """

    sources: tuple[Source, ...]
    faults: tuple[Fault, ...]
    version: int


class MetadataManager:
    """The metadata in one control table.

    Args:
        control_table: `catalog.schema.table`.
        spark: the session; the active one when not given.
        volume_path: a folder of YAML files, for `sync_volume`.

    Raises:
        UsageError: TABLE_NAME_INVALID; later, from all methods that read or write the table,
            CONTROL_TABLE_MISSING, CONTROL_TABLE_INVALID, CONTROL_TABLE_UNREACHABLE.

    Example:
        >>> manager = MetadataManager("main.ops.etl_control")
        >>> manager.load_yaml("metadata.yaml")
        LoadResult(added=2, updated=0, deactivated=0, unchanged=0, modules=('ingest',))
    """

    def __init__(
        self,
        control_table: str,
        *,
        spark: SparkSession | None = None,
        volume_path: str | None = None,
    ) -> None:
        quoted_table_name(control_table)
        self.control_table = control_table
        self.volume_path = volume_path
        self._given_session = spark
        self._known_files: dict[str, SourceFile] = {}

    @cached_property
    def table(self) -> ControlTable:
        """The table itself; asking for it looks for the session."""
        return ControlTable(self.control_table, self._given_session or active_session())

    def ensure_exists(self) -> None:
        """Create the control table, or add the columns that an older one lacks; idempotent."""
        self.table.ensure()

    def load_yaml(self, path: str | Path) -> LoadResult:
        """Bring the modules of a file in step with it: all of it in one commit, or nothing.

        What the file does not hold any more is deactivated. A file that holds what the table holds
        makes no commit. Another writer at the same time is neither lost nor doubled.

        Raises:
            MetadataError: every fault of the file; nothing was changed.
            ControlTableBusy: CONTROL_TABLE_BUSY.
        """
        file = read_files([path])[0]
        _refuse(file.faults)
        self.table.ensure()
        changes = self.table.change(lambda rows: plan_file(rows, file))
        return summary(changes, file.owner, file.sources)

    def load_folder(self, path: str | Path) -> FolderResult:
        """Bring the control table in step with all files of a folder, in one commit.

        A faulty file changes nothing, and what it may hold stays as it is; the others count. A
        module may be spread over files. What came from a file that is gone is deactivated. A file
        that stays the same from one call to the next is parsed once.

        Raises:
            UsageError: VOLUME_UNREACHABLE.
            ControlTableBusy: CONTROL_TABLE_BUSY.
        """
        folder = os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links
        files = read_files(list_yaml_files(folder), self._known_files)
        self.table.ensure()
        changes = self.table.change(lambda rows: plan_folder(rows, files, folder))
        return FolderResult(_file_results(files, changes))

    def sync_volume(self) -> FolderResult:
        """Load the folder `volume_path`; see `load_folder`.

        Raises:
            UsageError: VOLUME_NOT_SET, VOLUME_UNREACHABLE.
        """
        if not self.volume_path:
            raise UsageError(
                "VOLUME_NOT_SET",
                "There is no folder to load YAML files from",
                hint="Give volume_path, such as /Volumes/catalog/schema/volume.",
            )
        return self.load_folder(self.volume_path)

    def version(self) -> int:
        """Return the table's Delta version, without a scan: it moves with every commit."""
        return self.table.version()

    def read_all(self) -> Metadata:
        """Read the whole table once; a row with faults does not hide the others."""
        version = self.table.version()
        sources, faults = _split(self.table.read())
        return Metadata(sources, faults, version)

    def get_sources(
        self,
        module: str | None = None,
        *,
        source_id: str | None = None,
        include_inactive: bool = False,
    ) -> list[Source]:
        """Read sources, by module, execution order and id.

        Raises:
            MetadataError: for faults of the rows that were asked for.
        """
        sources, faults = _split(self.table.read(module, source_id))
        _refuse(faults)
        return [source for source in sources if source.is_active or include_inactive]

    def module_sources(self, module: str) -> list[Source]:
        """Read the active sources of one module, fit to be run.

        Raises:
            MetadataError: everything that keeps them from becoming a job.
            UsageError: MODULE_UNKNOWN.
        """
        sources = self.get_sources(module)
        if not sources:
            raise module_unknown(module, self.get_all_modules(), self.control_table)
        _refuse(metadata_faults(sources))
        return sources

    def get_all_modules(self) -> list[str]:
        """Name the modules that have an active row, faulty ones included, sorted."""
        return sorted({row.key[0] for row in self.table.read() if row.is_active and row.key[0]})

    def deactivate(self, module: str, source_id: str | None = None) -> int:
        """Deactivate a module or one source of it, and tell how many sources were active.

        Nothing is deleted. A YAML file that still holds them activates them when it is loaded.
        """
        if not self.table.exists():
            self.table.version()
        self.table.ensure()

        def plan(rows: Sequence[StoredRow]) -> tuple[Change, ...]:
            active = {row.key: row for row in rows if row.is_active and row.key[0] == module}
            wanted = (row for key, row in active.items() if source_id in (None, key[1]))
            return tuple(deactivation(row, None) for row in wanted)

        return len(self.table.change(plan))

    def validate(self, path: str | Path | None = None) -> list[Fault]:
        """Find the faults of a YAML file, of all files of a folder, or of the table.

        It writes nothing. Of the table's rows the active ones are checked for what their tasks
        need; of files all are.

        Raises:
            UsageError: VOLUME_UNREACHABLE.
        """
        if path is None:
            sources, faults = _split(self.table.read())
            broken = {fault.module_name for fault in faults}
            active = [source for source in sources if source.is_active]
            return list(dict.fromkeys((*faults, *metadata_faults(active, broken))))
        return path_faults(path)

    def export_yaml(self, module: str | None = None) -> str:
        """Write the active sources of a module, or of all, as YAML that `load_yaml` reads.

        Loading it changes nothing: it holds what the table holds.

        Raises:
            MetadataError: everything that would keep it from being loaded.
        """
        sources = self.get_sources(module)
        _refuse(metadata_faults(sources))
        return sources_as_yaml(sources)


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise MetadataError(faults)


def _split(rows: Iterable[StoredRow]) -> tuple[tuple[Source, ...], tuple[Fault, ...]]:
    rows = list(rows)
    sources = sorted((row.source for row in rows if row.source), key=_place)
    faults = [fault for row in rows for fault in row.faults]
    return tuple(sources), (*faults, *duplicate_faults(sources))


def _place(source: Source) -> tuple[str, bool, int, str]:
    order = source.execution_order
    return source.module_name, order is None, order or 0, source.source_id


def _file_results(files: Sequence[SourceFile], changes: Sequence[Change]) -> tuple[FileResult, ...]:
    results = {
        file.path: FileResult(
            file.path,
            None if file.faults else summary(changes, file.owner, file.sources),
            file.faults,
        )
        for file in files
    }
    gone = {change.owner for change in changes if change.owner} - {file.owner for file in files}
    for owner in gone:
        path = owner.removeprefix(OWNER_PREFIX)
        results[path] = FileResult(path, summary(changes, owner, ()))
    return tuple(results[path] for path in sorted(results))

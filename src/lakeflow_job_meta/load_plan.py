"""What YAML files change in a control table: pure decisions on what was read of both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.sources import Source, source_row
from lakeflow_job_meta.yaml_files import OWNER_PREFIX, SourceFile

Key = tuple[str, str]
"""Module name and source id."""


@dataclass(frozen=True)
class StoredRow:
    """A row of the control table.

    Args:
        source: None where the row has faults.
        updated_by: `yaml:<path>` for a row that came from a file.
    """

    key: Key
    source: Source | None
    faults: tuple[Fault, ...]
    is_active: bool
    updated_by: str | None


class ChangeKind(str, Enum):
    """What becomes of a row."""

    ADDED = "added"
    UPDATED = "updated"
    DEACTIVATED = "deactivated"


@dataclass(frozen=True)
class Change:
    """What becomes of the rows of one key.

    Args:
        source: how the row shall be; None where an unreadable row is deactivated.
        owner: the new `updated_by`; None for the user of the session.
    """

    kind: ChangeKind
    key: Key
    source: Source | None
    owner: str | None


@dataclass(frozen=True)
class LoadResult:
    """What loading a file did, as numbers of sources.

    Args:
        modules: the modules of which a source was added, updated or deactivated, sorted.
    """

    added: int = 0
    updated: int = 0
    deactivated: int = 0
    unchanged: int = 0
    modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileResult:
    """What became of one file of a folder: a result, or the faults that kept it from being used."""

    path: str
    result: LoadResult | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class FolderResult:
    """What became of the files of a folder, also of those that are gone from it, by path."""

    files: tuple[FileResult, ...] = ()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults of all files."""
        return tuple(fault for file in self.files for fault in file.faults)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of which something changed, sorted."""
        results = [file.result for file in self.files if file.result]
        return tuple(sorted({name for result in results for name in result.modules}))


def plan_file(stored: Sequence[StoredRow], file: SourceFile) -> tuple[Change, ...]:
    """Plan the load of one file without faults: what it holds, and nothing else of its modules.

    Rows that came from this file are deactivated even if it names their module no more.
    """
    gone = [
        deactivation(row, file.owner)
        for row in _unwanted(stored, [file])
        if row.key[0] in file.modules or row.updated_by == file.owner
    ]
    return (*_wanted(stored, [file]), *gone)


def plan_folder(
    stored: Sequence[StoredRow], files: Sequence[SourceFile], folder: str
) -> tuple[Change, ...]:
    """Plan the load of a folder: the union of its good files is what counts.

    Rows that a faulty file put there, or of a module that it may name, are not deactivated.

    Args:
        folder: absolute; rows that came from files that are no longer in it are deactivated.
    """
    good = [file for file in files if not file.faults]
    faulty = [file for file in files if file.faults]
    owner_of = {module: file.owner for file in reversed(good) for module in file.modules}
    inside = OWNER_PREFIX + folder.rstrip("/") + "/"
    gone = []
    for row in _unwanted(stored, good):
        owner, module = row.updated_by or "", row.key[0]
        is_held = any(owner == file.owner or file.may_name(module) for file in faulty)
        if owner.startswith(inside) and not is_held:
            gone.append(deactivation(row, owner))
        elif module in owner_of and not is_held:
            gone.append(deactivation(row, owner_of[module]))
    return (*_wanted(stored, good, inside), *gone)


def _wanted(
    stored: Sequence[StoredRow], files: Iterable[SourceFile], inside: str = ""
) -> list[Change]:
    """Plan what the files hold.

    Args:
        inside: what `updated_by` of a folder's rows begins with; rows that came from elsewhere and
            are the same belong to the folder from now on, and go with their file.
    """
    rows: dict[Key, list[StoredRow]] = {}
    for row in stored:
        rows.setdefault(row.key, []).append(row)
    changes = []
    for file in files:
        for source in file.sources:
            key = key_of(source)
            if key not in rows:
                changes.append(Change(ChangeKind.ADDED, key, source, file.owner))
            elif any(
                not _is_same(row.source, source) or not (row.updated_by or "").startswith(inside)
                for row in rows[key]
            ):
                changes.append(Change(ChangeKind.UPDATED, key, source, file.owner))
    return changes


def _is_same(stored: Source | None, source: Source) -> bool:
    """Compare as JSON text: to Python, 1 and true are equal."""
    return stored is not None and source_row(stored) == source_row(source)


def _unwanted(stored: Iterable[StoredRow], files: Iterable[SourceFile]) -> list[StoredRow]:
    """Return the active rows that no file holds, one for each key."""
    wanted = {key_of(source) for file in files for source in file.sources}
    rows = {row.key: row for row in stored if row.is_active and row.key not in wanted}
    return list(rows.values())


def deactivation(row: StoredRow, owner: str | None) -> Change:
    """Plan that a row is no longer active; everything else of it stays."""
    source = replace(row.source, is_active=False) if row.source else None
    return Change(ChangeKind.DEACTIVATED, row.key, source, owner)


def key_of(source: Source) -> Key:
    """Return what tells a source from all others."""
    return source.module_name, source.source_id


def summary(changes: Iterable[Change], owner: str, sources: Sequence[Source]) -> LoadResult:
    """Count the changes that a file brought about."""
    own = [change for change in changes if change.owner == owner]
    counts = Counter(change.kind.value for change in own)
    unchanged = len(sources) - counts["added"] - counts["updated"]
    modules = tuple(sorted({change.key[0] for change in own}))
    return LoadResult(**counts, unchanged=unchanged, modules=modules)

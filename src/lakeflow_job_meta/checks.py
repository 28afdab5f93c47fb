"""What keeps sources from becoming jobs, asked of all modules or files at once, without Spark."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from lakeflow_job_meta.definitions import module_faults
from lakeflow_job_meta.errors import Fault, MetadataError
from lakeflow_job_meta.load_plan import key_of
from lakeflow_job_meta.sources import Source, duplicate_faults
from lakeflow_job_meta.task_builders import source_faults
from lakeflow_job_meta.yaml_files import SourceFile, list_yaml_files, read_source_file


def metadata_faults(sources: Iterable[Source], incomplete: Collection[str] = ()) -> list[Fault]:
    """Find what is wrong with sources, active and inactive, and with the modules they make up.

    Args:
        incomplete: modules of which sources are missing here; their graphs are not checked.
    """
    modules: dict[str, list[Source]] = {}
    for source in sources:
        modules.setdefault(source.module_name, []).append(source)
    found = []
    for name, members in modules.items():
        twice = duplicate_faults(members)
        active = [source for source in members if source.is_active]
        is_whole = active and not twice and name not in incomplete
        alone = [source for source in members if not (is_whole and source.is_active)]
        found += twice + [fault for source in alone for fault in source_faults(source)]
        found += module_faults(active) if is_whole else []
    return found


def path_faults(path: str | Path) -> list[Fault]:
    """Find the faults of a YAML file, or of all files of a folder; it reads only.

    Raises:
        UsageError: VOLUME_UNREACHABLE.
    """
    return [fault for file in _read_path(path) for fault in file.faults]


def sources_of_path(path: str | Path) -> list[Source]:
    """Read the active sources of a YAML file, or of all files of a folder.

    Raises:
        MetadataError: every fault of them.
        UsageError: VOLUME_UNREACHABLE.
    """
    files = _read_path(path)
    faults = [fault for file in files for fault in file.faults]
    if faults:
        raise MetadataError(faults)
    return [source for file in files for source in file.sources if source.is_active]


def _read_path(path: str | Path) -> list[SourceFile]:
    return read_files(list_yaml_files(str(path)) if Path(path).is_dir() else [str(path)])


def read_files(
    paths: Iterable[str | Path], known: dict[str, SourceFile] | None = None
) -> list[SourceFile]:
    """Read YAML files, with the faults that their sources have alone and together; never raises.

    Args:
        known: what the last reading of these files found, by path, for this one to fill again: a
            text that stayed the same is not parsed again.
    """
    files = [read_source_file(path, known) for path in paths]
    if known is not None:
        known.clear()
        known.update({file.path: file for file in files})
    incomplete = {name for file in files for name in file.incomplete}
    sources = [source for file in files for source in file.sources]
    found: dict[str, list[Fault]] = {}
    for fault in metadata_faults(sources, incomplete) + _other_places(sources):
        found.setdefault(fault.where.rpartition(":")[0], []).append(fault)
    return [
        replace(file, faults=tuple(sorted({*file.faults, *found.get(file.path, ())}, key=_line)))
        for file in files
    ]


def _other_places(sources: Iterable[Source]) -> list[Fault]:
    """Name the first place of an id that stands twice: both files are at fault, not the second."""
    places: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        places.setdefault(key_of(source), []).append(source)
    return [
        found[0].fault(
            "SOURCE_DUPLICATE",
            f"source_id '{found[0].source_id}' stands again at {found[1].where}",
            "Give each source of a module its own source_id.",
        )
        for found in places.values()
        if len(found) > 1
    ]


def _line(fault: Fault) -> tuple[int, str]:
    line = fault.where.rpartition(":")[2]
    return int(line) if line.isdecimal() else 0, fault.code

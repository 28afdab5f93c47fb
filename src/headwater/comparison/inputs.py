"""The same input for two runs: links to the files of a target's volumes and tables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from headwater.names import TableName
from headwater.state.store import Store


def link_inputs(
    source: Store, there: Store, made: Collection[TableName], *, sample: int | None = None
) -> None:
    """Put what a pipeline reads into another state folder; data files are linked, not copied.

    Nothing in the source changes, whatever is done to the links: Spark never writes into a file
    that exists, and where Python does, `sandbox.volume_paths` parts it from the others first.

    Args:
        made: tables that the pipeline itself makes; they are left out.
        sample: at most so many data files of each folder of a volume, the oldest ones.
    """
    volumes = source.root / "volumes"
    for folder, files in _folders(volumes):
        target = there.root / "volumes" / folder.relative_to(volumes)
        target.mkdir(parents=True, exist_ok=True)
        for file in files[:sample]:
            link(str(file), str(target / file.name))
    for name in source.tables():
        if name in made:
            continue
        if source.is_external(name):
            there.note_location(name, source.table_path(name))
        else:
            path = source.table_path(name)
            shutil.copytree(path, there.table_path(name), copy_function=link)


def link(source: str, target: str) -> None:
    """Link a file, or copy it where the file system can't link; of a link, what it leads to."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy2(source, target)


def _folders(root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each folder with its files, oldest first; links are followed, as Spark follows them."""
    for parent, folders, names in os.walk(root, followlinks=True):
        folders[:] = [each for each in folders if not _is_around(Path(parent, each))]
        files = [each for each in (Path(parent, name) for name in names) if each.is_file()]
        yield Path(parent), sorted(files, key=lambda each: (each.stat().st_mtime_ns, each.name))


def _is_around(folder: Path) -> bool:
    """Whether a link leads to a folder that it is in, and so without end."""
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())

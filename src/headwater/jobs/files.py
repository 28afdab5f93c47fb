"""Find the files that tasks name below one folder, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from headwater.errors import UsageError, nearest

_MOST_NAMES = 5_000


def find_file(root: Path, path: str, suffixes: Sequence[str] = ("",)) -> Path:
    """Return the local file that a path of the metadata means.

    A relative path starts at `root`. Of an absolute one, such as
    `/Workspace/Users/someone/project/etl/load.py`, the longest end is taken that exists below
    `root`: `project/etl/load.py`, else `etl/load.py`, else `load.py`.

    Args:
        suffixes: endings to try in turn, for notebooks, which are named without.

    Raises:
        UsageError: FILE_NOT_FOUND, with the nearest name; PATH_OUTSIDE_ROOT.
    """
    base = root.resolve()
    given = PurePosixPath(path)
    if given.is_absolute():
        below = Path(path)
        parts = below.relative_to(base).parts if below.is_relative_to(base) else given.parts[1:]
        ends = [Path(*parts[first:]) for first in range(len(parts))]
    else:
        ends = [Path(path)]
    for end in ends:
        for suffix in suffixes:
            found = (base / f"{end}{suffix}").resolve()
            if not found.is_relative_to(base):
                raise UsageError(
                    "PATH_OUTSIDE_ROOT",
                    f"{path} is outside the folder that tasks run in",
                    where=str(root),
                    hint="Use paths below it, or pass a folder further up as root.",
                )
            if found.is_file():
                return found
    names = islice(_names(base), _MOST_NAMES)
    raise UsageError(
        "FILE_NOT_FOUND",
        f"There is no {path}",
        where=str(root),
        hint=nearest(str(ends[-1] if given.is_absolute() else given), names)
        or "Paths are looked up below that folder.",
    )


def read_text(root: Path, file: Path) -> str:
    """Read a file that `find_file` found; a byte order mark is left out.

    Raises:
        UsageError: FILE_NOT_UTF8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            "FILE_NOT_UTF8",
            "The file is not UTF-8",
            where=file.relative_to(root.resolve()).as_posix(),
            hint="Save it as UTF-8.",
        ) from None


def _names(folder: Path) -> Iterator[str]:
    """Name the files below a folder, and notebooks also without ending; hidden ones left out."""
    for path in sorted(folder.rglob("*.*")):
        name = path.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts) and path.is_file():
            yield name.as_posix()
            yield path.name

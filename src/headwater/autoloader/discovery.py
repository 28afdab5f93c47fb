"""Find the files of a source: folders, globs, and what is never data.

Pure listing of local files; knows nothing of what was read before. A folder is read with all
folders below it, as Auto Loader does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from headwater.autoloader.options import Options, local_path
from headwater.autoloader.request import CloudFiles
from headwater.errors import DefinitionError

_MAGIC = re.compile(r"[?*\[{]")


@dataclass(frozen=True, order=True)
class SourceFile:
    """A file as the listing showed it.

    Attributes:
        path: absolute local path.
        modified_ns: modification time in nanoseconds.
    """

    path: str
    size: int
    modified_ns: int


def base_folder(request: CloudFiles) -> Path:
    """Give the part of a request's path before its first glob."""
    path = Path(local_path(request.path, request))
    if not _MAGIC.search(str(path)) or path.exists():
        return path
    fixed = Path(path.anchor)
    for part in path.parts[1:]:
        if _MAGIC.search(part):
            break
        fixed /= part
    return fixed


def check_base(request: CloudFiles) -> None:
    """Refuse a folder that is not there.

    Raises:
        DefinitionError: SOURCE_PATH_NOT_FOUND.
    """
    base = base_folder(request)
    if not base.exists():
        raise DefinitionError(
            "SOURCE_PATH_NOT_FOUND",
            f"The folder to load from does not exist: {base}",
            where=request.where,
            hint="Create it, or correct the path in the source or in the configuration.",
            path=str(base),
        )


def list_files(
    request: CloudFiles, options: Options, exclude: Collection[Path] = ()
) -> list[SourceFile]:
    """List the data files of a request, oldest first.

    Files and folders that start with `_` or `.` are no data, unless they look like `_key=value`.

    Args:
        exclude: folders that are not looked into.

    Raises:
        DefinitionError: SOURCE_PATH_NOT_FOUND.
    """
    check_base(request)
    keep = re.compile(_alternatives(options.name_filter)) if options.name_filter else None
    shut = {str(each.absolute()) for each in exclude}
    found = {}
    for entry in _walk(request, shut):
        if keep and not keep.fullmatch(os.path.basename(entry)):  # noqa: PTH119 - many files
            continue
        try:
            stat = os.stat(entry)  # noqa: PTH116 - many files
        except FileNotFoundError:
            continue
        if _in_time(stat.st_mtime, options):
            found[entry] = SourceFile(entry, stat.st_size, stat.st_mtime_ns)
    return sorted(found.values(), key=lambda file: (file.modified_ns, file.path))


def _in_time(modified: float, options: Options) -> bool:
    after, before = options.modified_after, options.modified_before
    return (after is None or modified > after) and (before is None or modified < before)


def _walk(request: CloudFiles, shut: set[str]) -> Iterator[str]:
    base = base_folder(request)
    rest = Path(local_path(request.path, request)).relative_to(base)
    for pattern in _expand(rest.as_posix()) if str(rest) != "." else [""]:
        parts = [each for each in pattern.split("/") if each]
        yield from _match(str(base), parts, shut)


def _match(folder: str, parts: list[str], shut: set[str]) -> Iterator[str]:
    if not parts:
        if os.path.isfile(folder):  # noqa: PTH113 - many files
            yield folder
        else:
            yield from _below(folder, shut, set())
        return
    wanted = re.compile(_glob(parts[0]))
    for entry in _entries(folder, shut):
        if wanted.fullmatch(entry.name) and (len(parts) == 1 or entry.is_dir()):
            yield from _match(entry.path, parts[1:], shut)


def _below(folder: str, shut: set[str], above: set[str]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in above:  # a link back to a folder that holds it
        return
    for entry in _entries(folder, shut):
        if entry.is_dir():
            yield from _below(entry.path, shut, above | {real})
        elif entry.is_file():
            yield entry.path


def _entries(folder: str, shut: set[str]) -> Iterable[os.DirEntry[str]]:
    if folder in shut:
        return []
    try:
        with os.scandir(folder) as entries:
            return [each for each in entries if not _is_hidden(each.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_hidden(name: str) -> bool:
    hidden = name.startswith((".", "_")) and not (name.startswith("_") and "=" in name)
    return hidden or name.endswith("._COPYING_")


def _expand(pattern: str) -> list[str]:
    """Write out the `{a,b}` of a pattern; they may hold slashes."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if not found:
        return [pattern]
    head, tail = pattern[: found.start()], pattern[found.end() :]
    return [each for choice in found[1].split(",") for each in _expand(head + choice + tail)]


def _alternatives(pattern: str) -> str:
    return "|".join(f"(?:{_glob(each)})" for each in _expand(pattern))


def _glob(pattern: str) -> str:
    """Translate `?`, `*`, `[ab]`, `[a-b]` and `[^a]` of one name."""
    text = ""
    position = 0
    while position < len(pattern):
        char = pattern[position]
        closing = pattern.find("]", position + 2) if char == "[" else -1
        if closing > 0:
            inside = pattern[position + 1 : closing].replace("\\", "\\\\")
            text += "[" + ("^" + inside[1:] if inside[0] in "^!" else inside) + "]"
            position = closing
        else:
            text += {"?": "[^/]", "*": "[^/]*"}.get(char) or re.escape(char)
        position += 1
    return text

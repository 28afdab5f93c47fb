"""Find the data files of a source: folders, globs, and names that are never data.

Pure listing; knows nothing of what was read before. A folder is read with all folders below it, as
Auto Loader does. To Auto Loader's own globber a pattern is the beginning of a path, and its `*`
crosses folders; the strict one, of `useStrictGlobber`, is Spark's. Source: "Common data loading
patterns" in Databricks' documentation.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from headwater.autoloader.paths import source_path, without_globs
from headwater.autoloader.request import CloudFiles, Options
from headwater.autoloader.storage import LOCAL, SourceFile, Storage, is_remote
from headwater.errors import DefinitionError


def base_folder(request: CloudFiles, storage: Storage = LOCAL) -> str:
    """Return the part of a request's path before its first glob."""
    path = source_path(request.path, request)
    plain = without_globs(path)
    return path if plain == path or storage.exists(path) else plain


def check_base(request: CloudFiles, storage: Storage = LOCAL) -> None:
    """Refuse a folder that does not exist.

    Raises:
        DefinitionError: SOURCE_PATH_NOT_FOUND.
    """
    base = base_folder(request, storage)
    if not storage.exists(base):
        raise DefinitionError(
            "SOURCE_PATH_NOT_FOUND",
            f"The folder to load from does not exist: {base}",
            where=request.where,
            hint="Create it, or correct the path in the source or in the configuration.",
            path=base,
        )


def list_files(
    request: CloudFiles,
    options: Options,
    exclude: Collection[Path] = (),
    storage: Storage = LOCAL,
) -> list[SourceFile]:
    """List the data files of a request, oldest first.

    Files and folders that start with `_` or `.` are not data, unless they look like `_key=value`.

    Args:
        exclude: folders that are not looked into.

    Raises:
        DefinitionError: SOURCE_PATH_NOT_FOUND.
    """
    check_base(request, storage)
    keep = re.compile(_alternatives(options.name_filter)) if options.name_filter else None
    shut = {str(each.absolute()) for each in exclude}
    base = base_folder(request, storage)
    rest = source_path(request.path, request)[len(base) :].strip("/")
    begins = None
    if rest and not options.strict_globs:
        begins, rest = re.compile(f"(?:{_alternatives(rest, across=True)}).*", re.DOTALL), ""
    walk = _walk_remote if is_remote(base) else _walk_local
    found = {
        file.path: file
        for file in walk(base, rest, shut, storage)
        if (not keep or keep.fullmatch(file.path.rpartition("/")[2]))
        and (not begins or begins.fullmatch(file.path[len(base) :].lstrip("/")))
    }
    age = None if request.is_batch else options.max_age_seconds
    oldest = None if age is None else time.time() - age
    wanted = [file for file in found.values() if _in_time(file.modified_ns / 1e9, options, oldest)]
    return sorted(wanted, key=lambda file: (file.modified_ns, file.path))


def _in_time(modified: float, options: Options, oldest: float | None) -> bool:
    after, before = options.modified_after, options.modified_before
    if oldest is not None and modified < oldest:
        return False
    return (after is None or modified > after) and (before is None or modified < before)


def _walk_remote(base: str, rest: str, _: set[str], storage: Storage) -> Iterator[SourceFile]:
    """One listing of everything below; the names tell which folders match a pattern."""
    patterns = ["/".join(map(_glob, each.split("/"))) for each in _expand(rest)]
    wanted = re.compile("|".join(f"(?:{each})(?:/.*)?" for each in patterns) if rest else ".*")
    for file in storage.below(base):
        name = file.path[len(base) :].lstrip("/")
        if wanted.fullmatch(name) and not any(map(_is_hidden, name.split("/"))):
            yield file


def _walk_local(base: str, rest: str, shut: set[str], storage: Storage) -> Iterator[SourceFile]:
    for pattern in _expand(rest):
        parts = [each for each in pattern.split("/") if each]
        for path in _match(base, parts, shut):
            if file := storage.stat(path):
                yield file


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


def _alternatives(pattern: str, *, across: bool = False) -> str:
    return "|".join(f"(?:{_glob(each, across=across)})" for each in _expand(pattern))


def _glob(pattern: str, *, across: bool = False) -> str:
    """Translate `?`, `*`, `[ab]`, `[a-b]` and `[^a]` of one name; `*` of several if `across`."""
    any_text = ".*" if across else "[^/]*"
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
            text += {"?": "[^/]", "*": any_text}.get(char) or re.escape(char)
        position += 1
    return text

"""Python's own file functions, which find `/Volumes/...` while user code runs.

A volume is a folder for Python too in a workspace: `open`, `os`, `pathlib`, `glob`, `shutil` and
pandas take its path. They all come down to the functions in the table below. What does not live
here: when the table is applied, and paths that Spark reads (`patches`). Python workers of
functions are other processes, in which volumes have no folder.
"""

from __future__ import annotations

import builtins
import io
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_PATHS = {
    "open": 1,
    "stat": 1,
    "lstat": 1,
    "access": 1,
    "listdir": 1,
    "scandir": 1,
    "mkdir": 1,
    "rmdir": 1,
    "remove": 1,
    "unlink": 1,
    "chmod": 1,
    "utime": 1,
    "truncate": 1,
    "rename": 2,
    "replace": 2,
    "link": 2,
    "symlink": 2,
}
"""How many of the first arguments of each function are paths."""

_IN_PLACE = frozenset(("truncate", "chmod", "utime"))
"""Those of them that change a file that exists; `open` may."""

_ACCESSOR = getattr(pathlib, "_NormalAccessor", None)
"""Where pathlib of Python 3.10 keeps these functions; later ones ask `os` each time."""

FUNCTIONS: tuple[tuple[Any, str, int], ...] = (
    (builtins, "open", 1),
    (io, "open", 1),
    *((os, name, count) for name, count in _PATHS.items()),
    *(
        (_ACCESSOR, name, count)
        for name, count in _PATHS.items()
        if name in getattr(_ACCESSOR, "__dict__", ())
    ),
)
"""Owner, function, and how many of its first arguments are paths."""

_VOLUMES = "/Volumes/"


def is_in_volume(path: Any) -> bool:
    """Whether an argument is a path in a volume, or of the folders above them."""
    if not isinstance(path, str):
        if not isinstance(path, os.PathLike):
            return False
        path = os.fspath(path)
    return isinstance(path, str) and f"{path}/".startswith(_VOLUMES)


def localized(arguments: tuple[Any, ...], count: int, resolve: Callable[[str], str]) -> list[Any]:
    """Return arguments with paths in volumes as the local paths that they are.

    Args:
        count: how many of the first are paths.
    """
    paths = [resolve(os.fspath(each)) if is_in_volume(each) else each for each in arguments[:count]]
    return [*paths, *arguments[count:]]


def part(function: str, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Give a file its own content if it is about to be written in place and other paths share it.

    In a workspace no two paths of volumes share a file. Here those of a comparison are links to the
    files of its target, which stay as they are.

    Args:
        function: name of one of the functions above.
        arguments: its own, with local paths.
        named: its named ones.
    """
    if function not in _IN_PLACE and not (function == "open" and _writes(arguments, named)):
        return
    path = Path(arguments[0])
    if path.is_file() and path.stat().st_nlink > 1:
        copy = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        shutil.copy2(path, copy)
        copy.replace(path)


def _writes(arguments: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Whether a file is opened for writing, by `open` or `os.open`."""
    mode = arguments[1] if len(arguments) > 1 else named.get("flags", named.get("mode", "r"))
    if isinstance(mode, int):
        return bool(mode & (os.O_WRONLY | os.O_RDWR))
    return bool({"w", "a", "+"} & set(mode))

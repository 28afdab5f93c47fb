"""The paths that a request names: where to load from, and where to keep or move something."""

from __future__ import annotations

import os
import re
from pathlib import Path

from headwater.autoloader.request import CloudFiles
from headwater.autoloader.storage import is_remote
from headwater.errors import DefinitionError

_MAGIC = re.compile(r"[?*\[{]")


def source_path(path: str, request: CloudFiles) -> str:
    """Return the path to load from: in Azure storage as it is, others as `local_path` does.

    Raises:
        DefinitionError: AUTOLOADER_PATH_NOT_BUILT for another file system.
    """
    return path.rstrip("/") if is_remote(path) else local_path(path, request)


def without_globs(path: str) -> str:
    """Return the part of a path before its first glob."""
    if not _MAGIC.search(path):
        return path
    parts = path.split("/")
    magic = next(at for at, part in enumerate(parts) if _MAGIC.search(part))
    return "/".join(parts[:magic]) or "/"


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it, whatever `..` and links they are written with."""
    if not is_remote(path) and not is_remote(folder):
        path, folder = os.path.realpath(path), os.path.realpath(folder)
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def local_path(path: str, request: CloudFiles) -> str:
    """Return a path or `file:` address as an absolute local path.

    Raises:
        DefinitionError: AUTOLOADER_PATH_NOT_BUILT for another file system.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", path)
    if scheme and scheme[1].lower() != "file":
        raise DefinitionError(
            "AUTOLOADER_PATH_NOT_BUILT",
            f"{scheme[1]}: paths are not supported here",
            where=request.where,
            hint="Load from a volume, a local folder or abfs://container@account; "
            "a schemaLocation is a local folder.",
            scheme=scheme[1],
        )
    plain = re.sub(r"^file:/+", "/", path) if scheme else path
    return str(Path(plain).absolute())

"""Let tasks import the modules beside their file, while others run in the same process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def imports_from(folder: Path) -> Iterator[None]:
    """Put a folder before all others on `sys.path` for the length of a `with` block.

    Pipelines and other tasks may run beside it: only this entry is added and taken away, whatever
    else comes and goes meanwhile. Modules found by it are forgotten at the end, for the next task
    may have its own of the same names.
    """
    known, path = set(sys.modules), str(folder)
    sys.path.insert(0, path)
    try:
        yield
    finally:
        with suppress(ValueError):  # the user's code may have taken it away itself
            sys.path.remove(path)
        for name in set(sys.modules) - known:
            if _was_found_in(folder, name):
                sys.modules.pop(name, None)


def _was_found_in(folder: Path, name: str) -> bool:
    """Return whether a module was imported by way of the folder, not of one below it."""
    path = Path(getattr(sys.modules.get(name), "__file__", None) or "/")
    if not path.is_relative_to(folder):
        return False
    parts = path.relative_to(folder).with_suffix("").parts
    return parts in (tuple(name.split(".")), (*name.split("."), "__init__"))

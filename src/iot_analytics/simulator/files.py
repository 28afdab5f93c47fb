"""Files of JSON lines, written as lines come; a file has its name once it is complete."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TextIO

_HIDDEN = "."


class Files:
    """Open files of a folder by name.

    Args:
        folder: is made, as are folders in the names of files.
        modified_at: the time that files get, in seconds since 1970.

    Attributes:
        count: how many were written.
    """

    def __init__(self, folder: Path, modified_at: int) -> None:
        self.count = 0
        self._folder, self._modified_at = folder, modified_at
        self._open: dict[str, TextIO] = {}

    def write(self, name: str, line: str) -> None:
        """Write a line into a file, which is made when its first line comes."""
        file = self._open.get(name)
        if file is None:
            path = _unfinished(self._folder / name)
            path.parent.mkdir(parents=True, exist_ok=True)
            file = self._open[name] = path.open("w", encoding="utf-8", newline="\n")
        file.write(f"{line}\n")

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, file in self._open.items():
            file.close()
            path = self._folder / name
            if error is not None:
                _unfinished(path).unlink()
                continue
            os.utime(_unfinished(path), (self._modified_at, self._modified_at))
            _unfinished(path).replace(path)
            self.count += 1


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{_HIDDEN}{path.name}")

"""Which YAML files of a folder are new, changed or gone since they were last dealt with."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from lakeflow_job_meta.constants import MAX_YAML_BYTES
from lakeflow_job_meta.yaml_files import list_yaml_files

SETTLED_SECONDS = 2.0
"""A file that changed within this time may change again and keep its size and time."""


@dataclass(frozen=True)
class _Look:
    """What was seen of a file; `content` is its hash, or what stands for it."""

    size: int
    mtime_ns: int
    content: str
    is_settled: bool


class FolderWatch:
    """Compares a folder with how it was when it was last accepted; at first, with an empty one.

    A file is read only when its size or time moved, or when it had just changed at the last look.

    Example:
        >>> watch = FolderWatch("/Volumes/main/ops/metadata")
        >>> if watch.changed():
        ...     manager.load_folder("/Volumes/main/ops/metadata")
        ...     watch.accept()
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._accepted: dict[str, _Look] = {}
        self._seen: dict[str, _Look] = {}

    def changed(self) -> tuple[str, ...]:
        """Look at the folder and give the paths that are new, changed or gone, sorted.

        It says the same again until `accept` is called.

        Raises:
            UsageError: VOLUME_UNREACHABLE; the last look stays what it was.
        """
        looks = {path: self._look(path) for path in list_yaml_files(self.path)}
        self._seen = {path: look for path, look in looks.items() if look}
        return tuple(
            sorted(
                path
                for path in self._accepted.keys() | self._seen.keys()
                if _content(self._accepted.get(path)) != _content(self._seen.get(path))
            )
        )

    def accept(self) -> None:
        """Make the last look the one to compare with."""
        self._accepted = self._seen

    def _look(self, path: str) -> _Look | None:
        """Look at a file; None when it went away since the folder was listed."""
        now = time.time()
        try:
            stat = Path(path).stat()
            known = self._seen.get(path)
            size, mtime_ns = stat.st_size, stat.st_mtime_ns
            is_known = known and (known.size, known.mtime_ns) == (size, mtime_ns)
            if known and is_known and known.is_settled:
                return known
            content = _digest(path) if size <= MAX_YAML_BYTES else f"{size} bytes at {mtime_ns}"
        except FileNotFoundError:
            return None
        except OSError as error:
            return _Look(-1, -1, f"unreadable: {error.errno}", False)
        return _Look(size, mtime_ns, content, now - mtime_ns / 1e9 > SETTLED_SECONDS)


def _content(look: _Look | None) -> str | None:
    return look.content if look else None


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()

"""Landed files in a local folder.

What does not live here: names of files (`claims`), retries (`steady`).
"""

from __future__ import annotations

import errno
import os
import time
import uuid
from pathlib import Path

from headwater.errors import SinkError

_INCOMING = "_incoming"
_STALE_SECONDS = 24 * 3600
_FULL = (errno.ENOSPC, errno.EDQUOT)


class LocalSink:
    """A folder on a file system with hard links, which make a file appear complete and only once.

    Content is written to `_incoming/`, brought to disk, and linked to its name. What a killed
    process left in `_incoming/` is deleted a day later.

    Args:
        root: the folder; made where it does not exist.

    Raises:
        SinkError: SINK_REFUSED where the folder can't be made or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        try:
            (self.root / _INCOMING).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failure(error) from error
        self._clean(time.time() - _STALE_SECONDS)

    def create(self, name: str, content: bytes) -> bool:
        """See `Sink.create`."""
        path = self._path(name)
        if path.exists():
            return False
        draft = self.root / _INCOMING / uuid.uuid4().hex
        try:
            self._make_folder(path.parent)
            try:
                _write(draft, content)
                os.link(draft, path)
            except FileExistsError:
                return False
            finally:
                draft.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _failure(error) from error
        return True

    def read(self, name: str) -> bytes:
        """See `Sink.read`."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise SinkError("SINK_FILE_MISSING", f"The sink has no file {name}") from None
        except OSError as error:
            raise _failure(error) from error

    def exists(self, name: str) -> bool:
        """See `Sink.exists`."""
        return self._path(name).is_file()

    def list(self, folder: str) -> list[str]:
        """See `Sink.list`."""
        try:
            with os.scandir(self._path(folder)) as entries:
                return sorted(each.name for each in entries if each.is_file())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _failure(error) from error

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
            raise SinkError("SINK_NAME_INVALID", "A file name points outside the sink")
        return self.root.joinpath(*parts)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder so that it is still there after a power cut."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)

    def _clean(self, before: float) -> None:
        for draft in (self.root / _INCOMING).iterdir():
            try:
                if draft.stat().st_mtime < before:
                    draft.unlink()
            except FileNotFoundError:  # another consumer cleans too
                continue


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failure(error: OSError) -> SinkError:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return SinkError(
        "SINK_REFUSED",
        f"The folder to land in can't be used: {reason}",
        hint="It must be writable, with space left, on a file system with hard links.",
        is_transient=error.errno in _FULL,
    )

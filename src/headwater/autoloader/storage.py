"""Where the files of a source are: local folders, or containers of Azure storage.

Paths are text everywhere: absolute for local files, `abfs://container@host/...` for others. An
address is a path as Spark writes it, with escapes. What does not live here: which files are data
(`discovery`).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from headwater.errors import SettingError

STAGED = "headwater-staged"
"""Folder name above a rewritten copy; what follows it tells the path of the original."""

COLON = "\uf03a"
"""Replaces a colon in the name of a copy: nobody uses it in a name."""

_REMOTE = re.compile(r"(abfss?)://([^/@]+)@([^/]+)(?:/(.*))?$")
_STAGED_REMOTE = re.compile(r"~(abfss?)/([^/]+)/([^/]+)/(.*)$")


@dataclass(frozen=True, order=True)
class SourceFile:
    """A file as listed.

    Attributes:
        path: absolute local path, or `abfs://container@host/...`.
        modified_ns: modification time in nanoseconds.
    """

    path: str
    size: int
    modified_ns: int

    @property
    def version(self) -> str:
        """What tells the file from one that overwrites it."""
        return f"{self.modified_ns}-{self.size}"


@dataclass(frozen=True)
class Storage:
    """Looks at files.

    Attributes:
        setting: gives a setting of Spark's Hadoop, `fs.azure.account.key.<host>` among them.
    """

    setting: Callable[[str], str | None]

    def stat(self, path: str) -> SourceFile | None:
        """Return the facts of one file; None when it does not exist."""
        if not is_remote(path):
            try:
                found = os.stat(path)  # noqa: PTH116 - many files
            except (FileNotFoundError, NotADirectoryError):
                return None
            return SourceFile(path, found.st_size, found.st_mtime_ns)
        _, _, host, _ = _parts(path)
        (info,) = self._azure(host).get_file_info([_inner(path)])
        return _file(path, info) if info.is_file else None

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder."""
        if not is_remote(path):
            return Path(path).exists()
        _, _, host, _ = _parts(path)
        (info,) = self._azure(host).get_file_info([_inner(path)])
        return bool(info.type != fs.FileType.NotFound)

    def open(self, path: str) -> pa.NativeFile:
        """Open a file for reading at any position."""
        if not is_remote(path):
            return pa.OSFile(path)
        _, _, host, _ = _parts(path)
        return self._azure(host).open_input_file(_inner(path))

    def copy(self, path: str, target: Path) -> None:
        """Copy a file to a local path; a kill leaves the whole copy or none."""
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.tmp")
        with self.open(path) as source, scratch.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        scratch.replace(target)

    def move(self, path: str, target: str) -> None:
        """Move a file within its container, or between local folders.

        A kill leaves it at both places or at one of them, and whole at each.

        Raises:
            OSError: there is a file, which is never replaced; what the storage refuses.
        """
        if self.stat(target) is not None:
            raise FileExistsError(errno.EEXIST, "There is a file", target)
        if not is_remote(path):
            _move_local(Path(path), Path(target))
            return
        _, _, host, _ = _parts(path)
        self._azure(host).copy_file(_inner(path), _inner(target))
        self.delete(path)

    def delete(self, path: str) -> None:
        """Delete a file."""
        if not is_remote(path):
            Path(path).unlink(missing_ok=True)
            return
        _, _, host, _ = _parts(path)
        self._azure(host).delete_file(_inner(path))

    def below(self, folder: str) -> Iterator[SourceFile]:
        """List all files below a folder of Azure storage, or the one that a path names."""
        scheme, container, host, name = _parts(folder)
        if name and (file := self.stat(folder)):
            yield file
            return
        selector = fs.FileSelector(_inner(folder), allow_not_found=True, recursive=True)
        for info in self._azure(host).get_file_info(selector):
            if info.is_file:
                name = info.path.removeprefix(f"{container}/")
                yield _file(f"{scheme}://{container}@{host}/{name}", info)

    def _azure(self, host: str) -> fs.FileSystem:
        account = host.partition(".")[0]
        key = self.setting(f"fs.azure.account.key.{host}")
        if not key:
            raise SettingError(
                "STORAGE_ACCOUNT_UNKNOWN",
                f"There is no key for the storage account '{account}'",
                hint="Set AZURE_STORAGE_CONNECTION_STRING to the account's connection string.",
                account=account,
            )
        plain = self.setting("fs.azure.always.use.https") == "false"
        return _file_system(account, key, self.setting("fs.azure.abfs.endpoint"), plain)


def _unset(_: str) -> None:
    return None


LOCAL = Storage(_unset)
"""Has no storage account."""


def storage_of(spark: Any) -> Storage:
    """Return the storage that a Spark session reaches."""
    return Storage(spark._jsc.hadoopConfiguration().get)


def is_remote(path: str) -> bool:
    """Whether a path is in Azure storage."""
    return _REMOTE.match(path) is not None


def container_of(path: str) -> str:
    """Name the container of a path in Azure storage; "" for a local path."""
    return "" if not is_remote(path) else "@".join(_parts(path)[1:3])


def address_of(path: str) -> str:
    """Write a path as Spark's logs do."""
    if not is_remote(path):
        return Path(path).as_uri()
    scheme, container, host, name = _parts(path)
    return f"{scheme}://{container}@{host}/{quote(name)}"


def path_of(address: str) -> str:
    """Return the path of an address of one of Spark's logs."""
    parts = urlsplit(address)
    plain = unquote(parts.path)
    return plain if parts.scheme in ("", "file") else f"{parts.scheme}://{parts.netloc}{plain}"


def staged_name(path: str) -> str:
    """Name a rewritten copy below its folder, so that `origin` can tell the original."""
    if not is_remote(path):
        return without_colon(path.lstrip("/"))
    scheme, container, host, name = _parts(path)
    return without_colon(f"~{scheme}/{container}/{host}/{name}")


def without_colon(name: str) -> str:
    """Replace colons, because Hadoop's local file system can't open such files."""
    return name.replace(":", COLON)


def origin(path: str) -> str:
    """Return the path of the original of a rewritten copy, or the path itself."""
    head, marker, tail = path.partition(f"/{STAGED}/")
    if not marker:
        return head
    tail = tail.replace(COLON, ":")
    return _STAGED_REMOTE.sub(r"\1://\2@\3/\4", tail) if _STAGED_REMOTE.match(tail) else "/" + tail


def _parts(path: str) -> tuple[str, str, str, str]:
    found = _REMOTE.match(path)
    if not found:
        raise ValueError("not a path in Azure storage")
    return found[1], found[2], found[3], found[4] or ""


def _move_local(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:  # another file system
            raise
        scratch = target.with_name(f".{target.name}.tmp")
        shutil.copy2(path, scratch)
        with scratch.open("rb+") as copied:
            os.fsync(copied.fileno())
        scratch.replace(target)
        path.unlink()


def _inner(path: str) -> str:
    """Name a file as PyArrow does: container and path."""
    _, container, _, name = _parts(path)
    return f"{container}/{name}".rstrip("/")


def _file(path: str, info: fs.FileInfo) -> SourceFile:
    return SourceFile(path, info.size, info.mtime_ns)


@lru_cache
def _file_system(account: str, key: str, authority: str | None, plain: bool) -> fs.FileSystem:
    place: dict[str, str] = {}
    if authority:
        place |= {"blob_storage_authority": authority, "dfs_storage_authority": authority}
    if plain:
        place |= {"blob_storage_scheme": "http", "dfs_storage_scheme": "http"}
    return fs.AzureFileSystem(account, account_key=key, **place)

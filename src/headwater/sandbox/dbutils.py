"""The part of `dbutils` that pipeline source uses: widgets, secrets, fs on volumes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from headwater.errors import UsageError, nearest
from headwater.graph.arguments import fault, not_built
from headwater.graph.locations import calling_location, located
from headwater.settings import secret, secret_variable
from headwater.state.store import Store


class FileInfo(NamedTuple):
    """An entry of a folder; size in bytes, modificationTime in milliseconds since 1970."""

    path: str
    name: str
    size: int
    modificationTime: int  # noqa: N815 - Databricks' name


class DBUtils:
    """What a file of a pipeline gets as `dbutils`."""

    def __init__(self, store: Store, configuration: Mapping[str, str], root: Path) -> None:
        self.widgets = Widgets(configuration)
        self.secrets = Secrets()
        self.fs = FileSystem(store, root)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise not_built(f"dbutils.{name}")


class Widgets:
    """Parameters: the pipeline's `configuration`, else the default a file declared."""

    def __init__(self, configuration: Mapping[str, str]) -> None:
        self._values = dict(configuration)
        self._defaults: dict[str, str] = {}

    def text(self, name: str, defaultValue: str = "", label: str = "") -> None:  # noqa: N803
        """Declare a widget and its default."""
        del label
        self._defaults[name] = defaultValue

    def dropdown(
        self,
        name: str,
        defaultValue: str,  # noqa: N803
        choices: list[str],
        label: str = "",
    ) -> None:
        """Declare a widget and its default; the choices are not shown."""
        del choices
        self.text(name, defaultValue, label)

    combobox = multiselect = dropdown

    def get(self, name: str) -> str:
        """Return a widget's value."""
        values = {**self._defaults, **self._values}
        if name not in values:
            raise fault(
                "WIDGET_UNKNOWN",
                f"No widget '{name}'",
                nearest(name, values) or "Add it to the pipeline's `configuration`.",
                name=name,
            )
        return values[name]


class Secrets:
    """Secrets, from environment variables; never from a file of the bundle."""

    def get(self, scope: str, key: str) -> str:
        """Return a secret's value."""
        value = secret(scope, key)
        if value is None:
            raise fault(
                "SECRET_UNKNOWN",
                f"No secret '{key}' in scope '{scope}'",
                f"Set the environment variable {secret_variable(scope, key)}.",
                scope=scope,
                key=key,
            )
        return value


class FileSystem:
    """Files in volumes, and below the bundle's folder; nothing else is accessible.

    In a workspace other paths are in DBFS; here they would be those of the whole machine.
    Parameters are named as Databricks names them.
    """

    def __init__(self, store: Store, root: Path) -> None:
        self._store = store
        self._roots = (root.resolve(), store.root.resolve())

    def _path(self, path: str) -> Path:
        try:
            plain = self._store.local_path(path)
        except UsageError as error:
            raise located(error, calling_location()) from None
        local = re.sub(r"^file:/+", "/", plain)
        found = Path(self._roots[0] / local).resolve()
        inside = any(found.is_relative_to(root) for root in self._roots)
        if not inside or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", local):
            raise fault(
                "PATH_OUTSIDE_TARGET",
                f"dbutils.fs has no access to {path} here",
                "Use a volume (/Volumes/...) or a path below the bundle's folder.",
                path=path,
            )
        return found

    def _existing(self, path: str) -> Path:
        found = self._path(path)
        if not found.exists():
            raise fault("PATH_NOT_FOUND", f"No such path: {path}", "Check the volume and folder.")
        return found

    def ls(self, path: str) -> list[FileInfo]:
        """List a folder."""
        folder = self._existing(path)
        entries = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        return [self._info(path, entry, folder) for entry in entries]

    def _info(self, path: str, entry: Path, folder: Path) -> FileInfo:
        told = entry.stat()
        name = entry.name + ("/" if entry.is_dir() else "")
        shown = path if entry == folder else f"{path.rstrip('/')}/{name}"
        return FileInfo(shown, name, told.st_size, int(told.st_mtime * 1000))

    def head(self, file: str, maxBytes: int = 65536) -> str:  # noqa: N803
        """Return the first bytes of a file as text."""
        with self._existing(file).open("rb") as opened:
            return opened.read(maxBytes).decode("utf-8", errors="replace")

    def mkdirs(self, dir: str) -> bool:
        """Create a folder and its parents."""
        self._path(dir).mkdir(parents=True, exist_ok=True)
        return True

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        """Write a text file."""
        target = self._path(file)
        if target.exists() and not overwrite:
            raise fault("PATH_EXISTS", f"{file} exists", "Pass overwrite=True.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(contents, encoding="utf-8")
        return True

    def cp(self, from_: str, to: str, recurse: bool = False) -> bool:
        """Copy a file, or a folder with `recurse`."""
        source, target = self._existing(from_), self._path(to)
        if recurse and source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
        return True

    def mv(self, from_: str, to: str, recurse: bool = False) -> bool:
        """Move a file or folder."""
        del recurse
        shutil.move(self._existing(from_), self._path(to))
        return True

    def rm(self, dir: str, recurse: bool = False) -> bool:
        """Delete a file, or a folder with `recurse`; the bundle and its state stay."""
        target = self._path(dir)
        if any(root.is_relative_to(target) for root in self._roots):
            raise fault(
                "PATH_OUTSIDE_TARGET",
                f"{dir} can't be deleted here",
                "Delete what is in it instead.",
            )
        if recurse and target.is_dir():
            shutil.rmtree(target)
        elif target.is_dir():
            raise fault("PATH_NOT_EMPTY", f"{dir} is a folder", "Pass recurse=True.")
        elif target.exists():
            target.unlink()
        return True

"""The part of `dbutils` that pipeline source uses: widgets, secrets, fs on volumes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from headwater.engine.store import Store
from headwater.errors import nearest
from headwater.graph.arguments import fault, not_built
from headwater.settings import secret, secret_variable


class FileInfo(NamedTuple):
    """An entry of a folder; size in bytes, modificationTime in milliseconds since 1970."""

    path: str
    name: str
    size: int
    modificationTime: int  # noqa: N815 - Databricks' name


class DBUtils:
    """What a file of a pipeline gets as `dbutils`."""

    def __init__(self, store: Store, configuration: Mapping[str, str]) -> None:
        self.widgets = Widgets(configuration)
        self.secrets = Secrets()
        self.fs = FileSystem(store)

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
        """Give a widget's value."""
        values = {**self._defaults, **self._values}
        if name not in values:
            raise fault(
                "WIDGET_UNKNOWN",
                f"No widget '{name}'",
                nearest(name, values) or "Put it into the pipeline's `configuration`.",
                name=name,
            )
        return values[name]


class Secrets:
    """Secrets, from environment variables; never from a file of the bundle."""

    def get(self, scope: str, key: str) -> str:
        """Give a secret's value."""
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
    """Files in volumes and on local paths."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _path(self, path: str) -> Path:
        return Path(self._store.local_path(path).removeprefix("file:"))

    def ls(self, path: str) -> list[FileInfo]:
        """List a folder."""
        folder = self._path(path)
        if not folder.exists():
            raise fault("PATH_NOT_FOUND", f"No such path: {path}", "Check the volume and folder.")
        entries = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        return [self._info(path, entry, folder) for entry in entries]

    def _info(self, path: str, entry: Path, folder: Path) -> FileInfo:
        told = entry.stat()
        name = entry.name + ("/" if entry.is_dir() else "")
        shown = path if entry == folder else f"{path.rstrip('/')}/{name}"
        return FileInfo(shown, name, told.st_size, int(told.st_mtime * 1000))

    def head(self, path: str, maxBytes: int = 65536) -> str:  # noqa: N803
        """Give the first bytes of a file as text."""
        with self._path(path).open("rb") as file:
            return file.read(maxBytes).decode("utf-8", errors="replace")

    def mkdirs(self, path: str) -> bool:
        """Make a folder and its parents."""
        self._path(path).mkdir(parents=True, exist_ok=True)
        return True

    def put(self, path: str, contents: str, overwrite: bool = False) -> bool:
        """Write a text file."""
        target = self._path(path)
        if target.exists() and not overwrite:
            raise fault("PATH_EXISTS", f"{path} exists", "Pass overwrite=True.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(contents, encoding="utf-8")
        return True

    def cp(self, source: str, target: str, recurse: bool = False) -> bool:
        """Copy a file, or a folder with `recurse`."""
        if recurse:
            shutil.copytree(self._path(source), self._path(target), dirs_exist_ok=True)
        else:
            shutil.copy2(self._path(source), self._path(target))
        return True

    def mv(self, source: str, target: str, recurse: bool = False) -> bool:
        """Move a file or folder."""
        del recurse
        shutil.move(self._path(source), self._path(target))
        return True

    def rm(self, path: str, recurse: bool = False) -> bool:
        """Delete a file, or a folder with `recurse`."""
        target = self._path(path)
        if recurse and target.is_dir():
            shutil.rmtree(target)
        elif target.exists():
            target.unlink()
        return True

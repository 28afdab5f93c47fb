"""`dbutils` of user code: widgets, secrets, files in volumes; and all that pipelines have of it.

What does not live here: the parts that only jobs have (`jobs.dbutils`).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

from headwater.errors import HeadwaterError, UsageError, nearest
from headwater.graph.arguments import fault, not_built
from headwater.graph.locations import current_source, located
from headwater.sandbox.notebook_context import EntryPoint, NotebookContext
from headwater.settings import secret, secret_variable
from headwater.state.store import Store

_STATE = ".headwater"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_VOLUME = re.compile(r"^/Volumes/([^/]+)/([^/]+)/([^/]+)(/.*)?$")


@dataclass(frozen=True)
class Dialect:
    """How `dbutils` speaks in one kind of program: its errors, and its codes for them.

    Args:
        error: makes an error of code, message, hint and parameters.
        unsupported: makes the error for a part that does not exist here.
    """

    error: Callable[..., HeadwaterError]
    unsupported: Callable[[str], HeadwaterError]
    outside: str
    outside_volume: str
    protected: str
    missing: str
    exists: str
    widgets_hint: str


OF_PIPELINES = Dialect(
    error=fault,
    unsupported=lambda name: not_built(f"dbutils.{name}"),
    outside="PATH_OUTSIDE_TARGET",
    outside_volume="PATH_OUTSIDE_VOLUME",
    protected="PATH_OUTSIDE_TARGET",
    missing="PATH_NOT_FOUND",
    exists="PATH_EXISTS",
    widgets_hint="Add it to the pipeline's `configuration`.",
)


class FileInfo(NamedTuple):
    """An entry of a folder; size in bytes, modificationTime in milliseconds since 1970.

    A folder's name ends with a slash, and its size is 0.
    """

    path: str
    name: str
    size: int
    modificationTime: int  # noqa: N815 - Databricks' name

    def isDir(self) -> bool:  # noqa: N802 - Databricks' name
        """Whether it is a folder."""
        return self.name.endswith("/")

    def isFile(self) -> bool:  # noqa: N802 - Databricks' name
        """Whether it is a file."""
        return not self.isDir()


class DBUtils:
    """What a file of a pipeline gets as `dbutils`."""

    def __init__(self, store: Store, configuration: Mapping[str, str], root: Path) -> None:
        self.notebook = NotebookOfPipeline()
        self.widgets = Widgets(configuration, OF_PIPELINES)
        self.secrets = Secrets(OF_PIPELINES)
        self.fs = FileSystem(root, _known_volumes(store), OF_PIPELINES, store.root)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise OF_PIPELINES.unsupported(name)


class NotebookOfPipeline:
    """The notebook that is executed; it runs no other, and does not end by itself."""

    def __init__(self) -> None:
        self.entry_point = EntryPoint(
            NotebookContext(
                lambda: Path(current_source()),
                {},
                OF_PIPELINES.error,
                OF_PIPELINES.unsupported,
            )
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise OF_PIPELINES.unsupported(f"notebook.{name}")


def _known_volumes(store: Store) -> Callable[[str, str, str], Path]:
    """Return what names the folder of a volume that exists."""

    def volume_path(catalog: str, schema: str, volume: str) -> Path:
        try:
            return Path(store.local_path(f"/Volumes/{catalog}/{schema}/{volume}"))
        except UsageError as error:
            raise located(error) from None

    return volume_path


class Widgets:
    """Parameters: those that are given, else the default that a file declares."""

    def __init__(self, given: Mapping[str, str], dialect: Dialect) -> None:
        self._given = dict(given)
        self._defaults: dict[str, str] = {}
        self._dialect = dialect

    def text(self, name: str, defaultValue: str = "", label: str = "") -> None:  # noqa: N803
        """Declare a widget and its default."""
        del label
        self._defaults[name] = str(defaultValue)

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
        values = self.getAll()
        if name not in values:
            raise self._dialect.error(
                "WIDGET_UNKNOWN",
                f"No widget '{name}'",
                nearest(name, values) or self._dialect.widgets_hint,
                name=name,
            )
        return values[name]

    def getArgument(self, name: str, defaultValue: str = "") -> str:  # noqa: N802, N803
        """Return a widget's value, or the default given here."""
        return self.getAll().get(name, defaultValue)

    def getAll(self) -> dict[str, str]:  # noqa: N802 - Databricks' name
        """Return all values by name."""
        return {**self._defaults, **self._given}

    def pass_on(self, values: Mapping[str, str]) -> None:
        """Take the arguments of a `%run`."""
        self._given.update(values)

    def remove(self, name: str) -> None:
        """Take a declared widget away."""
        self._defaults.pop(name, None)

    def removeAll(self) -> None:  # noqa: N802 - Databricks' name
        """Take all declared widgets away."""
        self._defaults.clear()


class Secrets:
    """Secrets, from environment variables; never from a file of the bundle."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def get(self, scope: str, key: str) -> str:
        """Return a secret's value."""
        value = secret(scope, key)
        if value is None:
            raise self._dialect.error(
                "SECRET_UNKNOWN",
                f"No secret '{key}' in scope '{scope}'",
                f"Set the environment variable {secret_variable(scope, key)}.",
                scope=scope,
                key=key,
            )
        return value

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 - Databricks' name
        """Return a secret's value as bytes."""
        return self.get(scope, key).encode()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._dialect.unsupported(f"secrets.{name}")


class FileSystem:
    """Files in volumes, and below the project's folder; nothing else is accessible.

    In a workspace other paths are in DBFS; here they would be those of the whole machine.
    Parameters are named as Databricks names them. What is kept in the state, tables and
    checkpoints, can be read, and be changed by Spark alone.

    Args:
        root: where relative paths begin.
        volume_path: names the folder of a volume, by catalog, schema and name.
        state: the state's folder, where it is known.
    """

    def __init__(
        self,
        root: Path,
        volume_path: Callable[[str, str, str], Path],
        dialect: Dialect,
        state: Path | None = None,
    ) -> None:
        self._state = state.resolve() if state else None
        self._roots = (root.resolve(), *([self._state] if self._state else []))
        self._volume_path = volume_path
        self._dialect = dialect

    def _place(self, path: str, *, follow: bool = True) -> tuple[Path, Path]:
        """Find what a path means, and the folder it is confined to: a volume, or a root.

        Args:
            follow: where the path is a link, what it leads to is meant.
        """
        plain = re.sub(r"^(dbfs|file):/*", "/", str(path))
        in_volume = _VOLUME.match(plain)
        bases = self._roots
        if in_volume:
            bases = (self._volume_path(*in_volume.groups()[:3]).resolve(),)
        found = bases[0] / ((in_volume[4] or "").lstrip("/") if in_volume else plain)
        found = found.resolve() if follow else found.parent.resolve() / found.name
        base = next((each for each in bases if found.is_relative_to(each)), None)
        if base is None or _SCHEME.match(plain) or found.name == "..":
            raise self._dialect.error(
                self._dialect.outside_volume if in_volume else self._dialect.outside,
                f"dbutils.fs has no access to {path} here",
                "Use a volume (/Volumes/...) or a path below the project's folder.",
                path=path,
            )
        return found, base

    def _existing(self, path: str) -> Path:
        found, _ = self._place(path)
        if not found.exists():
            raise self._dialect.error(
                self._dialect.missing, f"There is no {path}", "Check the volume and folder."
            )
        return found

    def _writable(self, path: str, *, follow: bool = True) -> Path:
        found, base = self._place(path, follow=follow)
        in_volume = base not in self._roots
        holds_other = any(root.is_relative_to(found) for root in (base, *self._roots))
        if holds_other or (not in_volume and self._is_state(found, base)):
            raise self._dialect.error(
                self._dialect.protected,
                f"{path} can't be written or deleted: tasks, tables or a volume need it",
                "Name something in it, or use another path.",
                path=path,
            )
        return found

    def _is_state(self, found: Path, base: Path) -> bool:
        """Whether a path is of the state, and not of a file in one of its volumes."""
        parts = found.relative_to(base).parts
        if self._state is not None and found.is_relative_to(self._state):
            below = found.relative_to(self._state).parts
        elif _STATE in parts:
            below = parts[parts.index(_STATE) + 2 :]  # behind the target's name
        else:
            return False
        return below[:1] != ("volumes",) or len(below) <= len(("volumes", "catalog", "s", "v"))

    def ls(self, dir: str) -> list[FileInfo]:
        """List a folder."""
        folder = self._existing(dir)
        entries = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        return [self._info(dir, entry, folder) for entry in entries]

    def _info(self, path: str, entry: Path, folder: Path) -> FileInfo:
        told = entry.stat() if entry.exists() else entry.lstat()  # a link may lead nowhere
        name = entry.name + ("/" if entry.is_dir() else "")
        shown = path if entry == folder else f"{path.rstrip('/')}/{name}"
        size = 0 if entry.is_dir() else told.st_size
        return FileInfo(shown, name, size, int(told.st_mtime * 1000))

    def head(self, file: str, maxBytes: int = 65536) -> str:  # noqa: N803
        """Return the first bytes of a file as text."""
        with self._existing(file).open("rb") as opened:
            return opened.read(maxBytes).decode("utf-8", errors="replace")

    def mkdirs(self, dir: str) -> bool:
        """Create a folder and its parents."""
        self._target(dir).mkdir(parents=True, exist_ok=True)
        return True

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        """Write a text file."""
        target = self._writable(file)
        if target.exists() and not overwrite:
            raise self._dialect.error(
                self._dialect.exists, f"{file} exists", "Pass overwrite=True."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(contents, encoding="utf-8")
        return True

    def cp(self, from_: str, to: str, recurse: bool = False) -> bool:
        """Copy a file, or a folder with `recurse`; links in it stay links."""
        source, target = self._existing(from_), self._target(to)
        target.parent.mkdir(parents=True, exist_ok=True)
        if recurse and source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)
        return True

    def mv(self, from_: str, to: str, recurse: bool = False) -> bool:
        """Move a file, or a folder with `recurse`."""
        self._existing(from_)
        source, target = self._writable(from_, follow=False), self._target(to)
        if source.is_dir() and not recurse:
            raise self._is_a_folder(from_)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source, target)
        return True

    def _target(self, path: str) -> Path:
        found, base = self._place(path)
        if found != base:
            return self._writable(path)
        base.mkdir(parents=True, exist_ok=True)
        return base

    def rm(self, dir: str, recurse: bool = False) -> bool:
        """Delete a file, or a folder with `recurse`; of a link, the link."""
        found, _ = self._place(dir, follow=False)
        if not recurse and found.is_dir() and not found.is_symlink() and any(found.iterdir()):
            raise self._is_a_folder(dir)
        target = self._writable(dir, follow=False)
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.is_dir():
            shutil.rmtree(target)
        return True

    def _is_a_folder(self, path: str) -> HeadwaterError:
        return self._dialect.error("PATH_NOT_EMPTY", f"{path} is a folder", "Pass recurse=True.")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._dialect.unsupported(f"fs.{name}")

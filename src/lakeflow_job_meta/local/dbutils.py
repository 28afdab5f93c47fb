"""The part of `dbutils` that tasks use: widgets, notebook, jobs, secrets, fs of one folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from headwater.errors import HeadwaterError, UsageError, nearest
from lakeflow_job_meta.local.context import TaskContext
from lakeflow_job_meta.local.pipelines import volumes_of

_UNSET = object()
_STATE = ".headwater"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_VOLUME = re.compile(r"^/Volumes/([^/]+)/([^/]+)/([^/]+)(/.*)?$")


class NotebookExit(BaseException):
    """Ends a notebook with success; no `Exception`, so that user code doesn't catch it."""

    def __init__(self, value: str) -> None:
        self.value = value
        super().__init__()


class FileInfo(NamedTuple):
    """An entry of a folder; size in bytes, modificationTime in milliseconds since 1970."""

    path: str
    name: str
    size: int
    modificationTime: int  # noqa: N815 - Databricks' name


class DBUtils:
    """What a notebook or script of a task gets as `dbutils`.

    Args:
        run_notebook: path and arguments to the value that the other notebook exits with.
    """

    def __init__(
        self,
        context: TaskContext,
        parameters: Mapping[str, str],
        run_notebook: Callable[[str, Mapping[str, str]], str],
    ) -> None:
        self.widgets = Widgets(parameters)
        self.notebook = Notebook(run_notebook)
        self.jobs = Jobs(context)
        self.secrets = Secrets()
        self.fs = FileSystem(context.run.root, volumes_of(context.run))
        self.library = Library()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _unsupported(name, "There are widgets, notebook, jobs, secrets, fs and library.")


class Widgets:
    """Parameters: what the task passes, else the default that the notebook declares."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._given = dict(parameters)
        self._defaults: dict[str, str] = {}

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
            raise HeadwaterError(
                "WIDGET_UNKNOWN",
                f"No widget '{name}'",
                hint=nearest(name, values) or "Put it into base_parameters of the task.",
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


class Notebook:
    """Other notebooks, and the end of this one."""

    def __init__(self, run_notebook: Callable[[str, Mapping[str, str]], str]) -> None:
        self._run = run_notebook

    def exit(self, value: Any = "") -> NoReturn:
        """End this notebook with success."""
        raise NotebookExit(str(value))

    def run(
        self,
        path: str,
        timeout_seconds: int = 0,
        arguments: Mapping[str, Any] | None = None,
    ) -> str:
        """Run another notebook and give what it exits with; only the task's own timeout holds."""
        del timeout_seconds
        return self._run(path, {name: str(each) for name, each in (arguments or {}).items()})


class TaskValuesOfJob:
    """Values that tasks of one run tell each other."""

    def __init__(self, context: TaskContext) -> None:
        self._context = context

    def set(self, key: str, value: Any) -> None:
        """Keep a value of this task."""
        self._context.run.values.set(self._context.key, key, value)

    def get(
        self,
        taskKey: str,  # noqa: N803
        key: str,
        default: Any = _UNSET,
        debugValue: Any = None,  # noqa: N803
    ) -> Any:
        """Return a value that another task has set."""
        del debugValue
        try:
            return self._context.run.values.get(taskKey, key)
        except HeadwaterError:
            if default is _UNSET:
                raise
            return default


class Jobs:
    """What belongs to the run of the job."""

    def __init__(self, context: TaskContext) -> None:
        self.taskValues = TaskValuesOfJob(context)


class Secrets:
    """Secrets, from environment variables `HEADWATER_SECRET_<SCOPE>_<KEY>`, as in pipelines."""

    def get(self, scope: str, key: str) -> str:
        """Return a secret's value."""
        variable = secret_variable(scope, key)
        value = os.environ.get(variable)
        if value is None:
            raise HeadwaterError(
                "SECRET_UNKNOWN",
                f"No secret '{key}' in scope '{scope}'",
                hint=f"Set the environment variable {variable}.",
            )
        return value

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802 - Databricks' name
        """Return a secret's value as bytes."""
        return self.get(scope, key).encode()


def secret_variable(scope: str, key: str) -> str:
    """Name the environment variable that holds a secret, as `headwater.settings` does."""
    return re.sub(r"[^A-Z0-9]", "_", f"HEADWATER_SECRET_{scope}_{key}".upper())


class Library:
    """Nothing is installed locally, so nothing has to be started again."""

    def restartPython(self) -> None:  # noqa: N802 - Databricks' name
        """Do nothing."""


class FileSystem:
    """Files below the run's folder, and in volumes; everything else is out of reach.

    Parameters are named as Databricks names them. What a local run keeps in `.headwater` can be
    read, and be changed by Spark alone.

    Args:
        volume_path: names the folder of a volume, by catalog, schema and name.
    """

    def __init__(self, root: Path, volume_path: Callable[[str, str, str], Path]) -> None:
        self._root = root.resolve()
        self._volume_path = volume_path

    def _place(self, path: str, *, follow: bool = True) -> tuple[Path, Path]:
        """Find what a path means, and the folder it is confined to: a volume, or the run's.

        Args:
            follow: where the path is a link, what it leads to is meant.
        """
        plain = re.sub(r"^(dbfs|file):/*", "/", str(path))
        in_volume = _VOLUME.match(plain)
        base = self._volume_path(*in_volume.groups()[:3]).resolve() if in_volume else self._root
        found = base / (in_volume[4] or "").lstrip("/") if in_volume else base / plain
        found = found.resolve() if follow else found.parent.resolve() / found.name
        if not found.is_relative_to(base) or _SCHEME.match(plain) or found.name == "..":
            raise UsageError(
                "PATH_OUTSIDE_ROOT",
                f"{path} is not below the folder that tasks run in",
                hint="Use a relative path, or /Volumes/<catalog>/<schema>/<volume>/...",
            )
        return found, base

    def _existing(self, path: str) -> Path:
        found, _ = self._place(path)
        if not found.exists():
            raise HeadwaterError("FILE_NOT_FOUND", f"There is no {path}", hint="Check the path.")
        return found

    def _writable(self, path: str, *, follow: bool = True) -> Path:
        found, base = self._place(path, follow=follow)
        is_state = base == self._root and _STATE in found.relative_to(base).parts
        if found == base or is_state:
            raise UsageError(
                "PATH_PROTECTED",
                f"{path} can't be written or deleted: tasks, tables or a volume need it",
                hint="Name something in it, or use another path.",
            )
        return found

    def ls(self, dir: str) -> list[FileInfo]:
        """List a folder."""
        folder = self._existing(dir)
        entries = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        return [self._info(dir, entry, folder) for entry in entries]

    def _info(self, path: str, entry: Path, folder: Path) -> FileInfo:
        told = entry.stat() if entry.exists() else entry.lstat()  # a link may lead nowhere
        name = entry.name + ("/" if entry.is_dir() else "")
        shown = path if entry == folder else f"{path.rstrip('/')}/{name}"
        return FileInfo(shown, name, told.st_size, int(told.st_mtime * 1000))

    def head(self, file: str, maxBytes: int = 65536) -> str:  # noqa: N803
        """Return the first bytes of a file as text."""
        with self._existing(file).open("rb") as opened:
            return opened.read(maxBytes).decode("utf-8", errors="replace")

    def mkdirs(self, dir: str) -> bool:
        """Make a folder and its parents."""
        self._target(dir).mkdir(parents=True, exist_ok=True)
        return True

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        """Write a text file."""
        target = self._writable(file)
        if target.exists() and not overwrite:
            raise HeadwaterError("FILE_EXISTS", f"{file} exists", hint="Pass overwrite=True.")
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
            raise _is_a_folder(from_)
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
        target = self._writable(dir, follow=False)
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.is_dir() and recurse:
            shutil.rmtree(target)
        elif target.is_dir():
            if any(target.iterdir()):
                raise _is_a_folder(dir)
            target.rmdir()
        return True

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _unsupported(f"fs.{name}", "There are ls, head, mkdirs, put, cp, mv and rm.")


def _is_a_folder(path: str) -> HeadwaterError:
    return HeadwaterError("PATH_NOT_EMPTY", f"{path} is a folder", hint="Pass recurse=True.")


def _unsupported(name: str, hint: str) -> HeadwaterError:
    return HeadwaterError(
        "DBUTILS_UNSUPPORTED", f"dbutils.{name} does not exist locally", hint=hint
    )

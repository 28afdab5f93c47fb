"""The part of `dbutils` that tasks use: widgets, notebook, jobs, secrets, fs below one folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from lakeflow_job_meta.errors import JobMetaError, UsageError, nearest
from lakeflow_job_meta.local.context import TaskContext

_UNSET = object()


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
        self.fs = FileSystem(context.run.root)
        self.library = Library()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise JobMetaError(
            "DBUTILS_UNSUPPORTED",
            f"dbutils.{name} does not exist locally",
            hint="There are widgets, notebook, jobs, secrets, fs and library.",
        )


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
        """Give a widget's value."""
        values = self.getAll()
        if name not in values:
            raise JobMetaError(
                "WIDGET_UNKNOWN",
                f"No widget '{name}'",
                hint=nearest(name, values) or "Put it into base_parameters of the task.",
            )
        return values[name]

    def getArgument(self, name: str, defaultValue: str = "") -> str:  # noqa: N802, N803
        """Give a widget's value, or the default given here."""
        return self.getAll().get(name, defaultValue)

    def getAll(self) -> dict[str, str]:  # noqa: N802 - Databricks' name
        """Give all values by name."""
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
        """Give a value that another task has set."""
        del debugValue
        try:
            return self._context.run.values.get(taskKey, key)
        except JobMetaError:
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
        """Give a secret's value."""
        variable = re.sub(r"[^A-Z0-9]", "_", f"HEADWATER_SECRET_{scope}_{key}".upper())
        value = os.environ.get(variable)
        if value is None:
            raise JobMetaError(
                "SECRET_UNKNOWN",
                f"No secret '{key}' in scope '{scope}'",
                hint=f"Set the environment variable {variable}.",
            )
        return value


class Library:
    """Nothing is installed locally, so nothing has to be started again."""

    def restartPython(self) -> None:  # noqa: N802 - Databricks' name
        """Do nothing."""


class FileSystem:
    """Files below the run's folder; `/Volumes/...` is `.headwater/local/volumes/...` in it."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def _path(self, path: str) -> Path:
        plain = re.sub(r"^(dbfs|file):/*", "/", path)
        if plain.startswith("/Volumes/"):
            found = self._root / ".headwater/local/volumes" / plain.removeprefix("/Volumes/")
        else:
            found = self._root / plain
        if not found.resolve().is_relative_to(self._root):
            raise UsageError(
                "PATH_OUTSIDE_ROOT",
                f"{path} is not below the folder that tasks run in",
                hint="Use a relative path, or one in /Volumes.",
            )
        return found.resolve()

    def _existing(self, path: str) -> Path:
        found = self._path(path)
        if not found.exists():
            raise JobMetaError("FILE_NOT_FOUND", f"There is no {path}", hint="Check the path.")
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
        """Give the first bytes of a file as text."""
        with self._existing(file).open("rb") as opened:
            return opened.read(maxBytes).decode("utf-8", errors="replace")

    def mkdirs(self, path: str) -> bool:
        """Make a folder and its parents."""
        self._path(path).mkdir(parents=True, exist_ok=True)
        return True

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:
        """Write a text file."""
        target = self._path(file)
        if target.exists() and not overwrite:
            raise JobMetaError("FILE_EXISTS", f"{file} exists", hint="Pass overwrite=True.")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(contents, encoding="utf-8")
        return True

    def cp(self, source: str, target: str, recurse: bool = False) -> bool:
        """Copy a file, or a folder with `recurse`."""
        if recurse:
            shutil.copytree(self._existing(source), self._path(target), dirs_exist_ok=True)
        else:
            shutil.copy2(self._existing(source), self._path(target))
        return True

    def rm(self, path: str, recurse: bool = False) -> bool:
        """Delete a file, or a folder with `recurse`; the run's own folder stays."""
        target = self._path(path)
        if target == self._root:
            raise UsageError("PATH_OUTSIDE_ROOT", "The folder that tasks run in stays", hint="")
        if recurse and target.is_dir():
            shutil.rmtree(target)
        elif target.is_dir():
            target.rmdir()
        elif target.exists():
            target.unlink()
        return True

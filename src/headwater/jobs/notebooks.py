"""Run notebooks: cell by cell, in one namespace, with `spark`, `dbutils` and `display`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from headwater.errors import JobError
from headwater.jobs.context import TaskContext
from headwater.jobs.dbutils import DBUtils, NotebookExit
from headwater.jobs.failures import CELL_PREFIX
from headwater.jobs.files import find_file, read_text
from headwater.jobs.imports import imports_from
from headwater.jobs.results import Outcome
from headwater.jobs.sql import rows_of, run_sql, with_values
from headwater.jobs.user_code import as_user_code
from headwater.notebooks import Cell, read_cells, run_arguments
from headwater.sql.split import split_statements
from headwater.sql.workspace import created_widget, is_about_widgets

ENDINGS = ("", ".py", ".ipynb")
_MOST_NESTED = 20


def run_notebook(context: TaskContext, path: str, parameters: Mapping[str, str]) -> Outcome:
    """Run a notebook as a task.

    Args:
        parameters: values of its widgets; they win over declared defaults.

    Raises:
        UsageError: FILE_NOT_FOUND, NOTEBOOK_INVALID, MAGIC_UNSUPPORTED; of a notebook with a
            fault no cell runs.
        Exception: whatever a cell raises, its traceback naming notebook, cell and line.
    """
    notebook = _Notebook(context, parameters)
    notebook.run(find_file(context.run.root, path, ENDINGS))
    told = ", ".join(notebook.left_out)
    return Outcome(message=f"not done locally: {told}" if told else "")


def exit_value(context: TaskContext, path: str, parameters: Mapping[str, str]) -> str:
    """Run a notebook for `dbutils.notebook.run`: give what it exits with, "" if it doesn't."""
    return _Notebook(context, parameters).run(find_file(context.run.root, path, ENDINGS))


class _Notebook:
    """One notebook that runs, with all that it takes in by `%run`."""

    def __init__(self, context: TaskContext, parameters: Mapping[str, str], depth: int = 0) -> None:
        self.left_out: list[str] = []
        self._context = context
        self._depth = depth
        self._file = Path()
        self._utils = DBUtils(context, parameters, self._run_other, lambda: self._file)
        self._namespace: dict[str, Any] = {
            "__name__": "__main__",
            "spark": context.session,
            "dbutils": self._utils,
            "display": display,
        }

    def run(self, file: Path) -> str:
        """Run the cells of a file; return what it exits with."""
        try:
            with imports_from(file.parent), as_user_code(self._context):
                self._run_cells(file)
        except NotebookExit as ended:
            return ended.value
        return ""

    def _run_cells(self, file: Path) -> None:
        self._depth += 1
        before, self._file = self._file, file
        if self._depth > _MOST_NESTED:
            raise JobError(
                "NOTEBOOKS_NESTED",
                f"Notebooks run each other {_MOST_NESTED} deep",
                where=self._name(file),
                hint="Look for two that run each other.",
            )
        for cell in read_cells(read_text(self._context.run.root, file), self._name(file)):
            self._context.check()
            if cell.is_run:
                self._kinds[cell.kind](self, cell)
            else:
                self.left_out.append(f"%{cell.kind} in {self._name(file)}:cell {cell.number}")
        self._depth -= 1
        self._file = before

    def _python(self, cell: Cell) -> None:
        name = f"{CELL_PREFIX}{self._name(self._file)}:cell {cell.number}"
        code = compile("\n" * (cell.line - 1) + cell.text, name, "exec")
        exec(code, self._namespace)  # noqa: S102 - running the user's notebook is the task

    def _sql(self, cell: Cell) -> None:
        name = f"{self._name(self._file)}:cell {cell.number}"
        session, widgets = self._context.session, self._utils.widgets
        texts = [each.text for each in split_statements(cell.text)]
        for widget in filter(None, map(created_widget, texts)):
            widgets.text(widget.name, widget.default)
        if texts and all(map(is_about_widgets, texts)):
            return

        def is_set(key: str) -> bool:
            return session.conf.get(key, None) is not None

        values = widgets.getAll()
        result = run_sql(
            session,
            "\n" * (cell.line - 1) + cell.text,
            values,
            name,
            check=self._context.check,
            fill=lambda text: with_values(text, values, is_set),
        )
        self._namespace["_sqldf"] = result.frame

    def _include(self, cell: Cell) -> None:
        path, arguments = run_arguments(cell.text)
        self._utils.widgets.pass_on(arguments)
        self._run_cells(self._beside(path))

    def _run_other(self, path: str, arguments: Mapping[str, str]) -> str:
        other = _Notebook(self._context, arguments, self._depth)
        return other.run(self._beside(path))

    def _beside(self, path: str) -> Path:
        """Find a notebook that this one names: relative to itself, or absolute."""
        root = self._context.run.root.resolve()
        if path.startswith("/"):
            return find_file(root, path, ENDINGS)
        folder = self._file.parent.relative_to(root)
        return find_file(root, str(folder / path), ENDINGS)

    def _name(self, file: Path) -> str:
        return file.relative_to(self._context.run.root.resolve()).as_posix()

    _kinds: Mapping[str, Callable[[_Notebook, Cell], None]] = {
        "python": _python,
        "sql": _sql,
        "run": _include,
    }


def display(shown: Any = None, *_: Any, **__: Any) -> None:
    """Run a query as a job would for its output, and show nothing."""
    if isinstance(shown, DataFrame) and not shown.isStreaming:
        rows_of(shown.limit(10_000))

"""Read notebooks: source files (`.py`, `.sql`) and `.ipynb` become the same list of cells. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.errors import Location, UsageError, nearest

HEADER = "# Databricks notebook source"
_SQL_HEADER = "-- Databricks notebook source"
_NOT_RUN = ("md", "md-sandbox")
_NOT_DONE_LOCALLY = ("pip", "restart_python", "load_ext", "autoreload", "matplotlib")
_RUN = ("python", "sql", "run")
_LINES = (*_NOT_DONE_LOCALLY, "environment", "config", "conda")
"""Magics of a line: what follows in the cell is Python."""

_ALIASES = {"py": "python"}
_METADATA = "application/vnd.databricks.v1+notebook"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Args:
        kind: `python`, `sql`, `run`, or another magic.
        text: without the magic; of `run`, what stands behind it.
        number: of the cell, from 1, as a notebook shows them.
        line: of the first line of `text`: in the file (`.py`), or in the cell (`.ipynb`).
    """

    kind: str
    text: str
    number: int
    line: int

    @property
    def is_run(self) -> bool:
        """Whether the cell does anything locally."""
        return self.kind in _RUN


def is_notebook(text: str, name: str) -> bool:
    """Whether a file is a notebook rather than a plain source file."""
    return name.endswith(".ipynb") or text.startswith((HEADER, _SQL_HEADER))


def read_cells(text: str, name: str) -> list[Cell]:
    """Read the cells of a notebook that a task runs.

    Args:
        name: of the file; its ending tells the format.

    Raises:
        UsageError: NOTEBOOK_INVALID; MAGIC_UNSUPPORTED for a language that can't run here.
    """
    cells = all_cells(text, name)
    for cell in cells:
        if not cell.is_run and cell.kind not in _NOT_DONE_LOCALLY:
            raise UsageError(
                "MAGIC_UNSUPPORTED",
                f"%{cell.kind} can't run locally",
                where=f"{name}:cell {cell.number}",
                hint=nearest(cell.kind, _RUN) or "Python, SQL and %run can.",
            )
    return cells


def all_cells(text: str, name: str) -> list[Cell]:
    """Read the cells of a notebook in any language; text cells and empty ones are left out.

    Args:
        name: of the file; its ending tells the format.

    Raises:
        UsageError: NOTEBOOK_INVALID.
    """
    raw, language = _of_json(text, name) if name.endswith(".ipynb") else _of_source(text, name)
    found: list[Cell] = []
    for number, (text, line) in enumerate(raw, 1):
        cell = _cell(text, number, line, language)
        found += _commands_apart(cell) if cell and cell.kind == "python" else filter(None, [cell])
    return found


def _commands_apart(cell: Cell) -> list[Cell]:
    """Take commands such as `%pip install x` or `!ls` out of a Python cell, each as a cell.

    An indented % is an operator on a line of its own.
    """
    lines = cell.text.splitlines()
    commands = [
        _command(line, cell.number, cell.line + at)
        for at, line in enumerate(lines)
        if line[:1] in ("%", "!")
    ]
    if not commands:
        return [cell]
    rest = ["" if line[:1] in ("%", "!") else line for line in lines]
    if not any(line.strip() for line in rest):
        return commands
    return [*commands, Cell(cell.kind, "\n".join(rest) + "\n", cell.number, cell.line)]


def _command(line: str, number: int, at: int) -> Cell:
    if line.startswith("!"):
        return Cell("sh", line[1:].strip(), number, at)
    kind, _, behind = line[1:].partition(" ")
    return Cell(kind.strip(), behind.strip(), number, at)


def _of_json(text: str, name: str) -> tuple[list[tuple[str, int]], str]:
    try:
        notebook = json.loads(text)
        raw = [
            (_source(cell) if cell["cell_type"] == "code" else "", 1) for cell in notebook["cells"]
        ]
        return raw, _language(notebook.get("metadata") or {})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(
            "NOTEBOOK_INVALID",
            "The file is not a notebook of format 4",
            where=Location(name),
            hint="Export the notebook again, as IPython or as source.",
        ) from None


def _language(metadata: Mapping[str, Any]) -> str:
    """Return the default language of an `.ipynb`, as Databricks or Jupyter records it."""
    own = metadata.get(_METADATA) or {}
    other = metadata.get("language_info") or {}
    return str(own.get("language") or other.get("name") or "python").lower()


def _source(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _of_source(text: str, name: str) -> tuple[list[tuple[str, int]], str]:
    lines = text.splitlines()
    mark = "--" if name.endswith(".sql") else "#"
    if not lines or lines[0].strip() != f"{mark} Databricks notebook source":
        raise UsageError(
            "NOTEBOOK_INVALID",
            "The file is not a notebook: the notebook header is missing",
            where=Location(name, 1),
            hint=f"Begin it with '{mark} Databricks notebook source', or use task_type "
            "python_script.",
        )
    separator = re.compile(rf"^{mark} COMMAND -+\s*$")
    cells, start = [], 1
    for number in [*range(1, len(lines)), len(lines)]:
        if number == len(lines) or separator.match(lines[number]):
            _check_marks(lines[start:number], mark, name, start + 1)
            cells.append((_without_marks(lines[start:number], mark), start + 1))
            start = number + 1
    return cells, "sql" if mark == "--" else "python"


def _check_marks(lines: list[str], mark: str, name: str, first: int) -> None:
    """Refuse a cell of which only some lines are marked: the others would be dropped."""
    if not any(line.startswith(f"{mark} MAGIC") for line in lines):
        return
    for number, line in enumerate(lines, first):
        if line.strip() and not line.startswith(mark):
            raise UsageError(
                "NOTEBOOK_INVALID",
                f"The cell has lines with '{mark} MAGIC' and this one without",
                where=Location(name, number),
                hint=f"Begin a cell of its own with '{mark} COMMAND ----------'.",
            )


def _without_marks(lines: list[str], mark: str) -> str:
    """Take the marks of magics and titles away; each line stays a line."""
    magic = re.compile(rf"^{mark} MAGIC ?")
    if any(magic.match(line) for line in lines):
        lines = [magic.sub("", line) if magic.match(line) else "" for line in lines]
    return "\n".join("" if line.startswith(f"{mark} DBTITLE") else line for line in lines)


def _cell(text: str, number: int, line: int, language: str) -> Cell | None:
    stripped = text.lstrip("\n")
    line += len(text) - len(stripped)
    if not stripped.strip():
        return None
    if not stripped.lstrip().startswith("%"):
        return Cell(language, stripped, number, line)
    magic, _, rest = stripped.lstrip().removeprefix("%").partition("\n")
    kind, _, behind = magic.partition(" ")
    kind = _ALIASES.get(kind.strip(), kind.strip())
    if kind in _NOT_RUN:
        return None
    if kind in _LINES:
        return Cell("python", stripped, number, line)
    if kind == "run":
        return Cell(kind, behind.strip(), number, line)
    return Cell(kind, f"{behind}\n{rest}", number, line)


def run_arguments(text: str) -> tuple[str, dict[str, str]]:
    """Read what stands behind `%run`: a path, and arguments such as `$day="2024-01-01"`.

    Example:
        >>> run_arguments('./setup $day="a b" $n=1')
        ('./setup', {'day': 'a b', 'n': '1'})
    """
    path, *rest = shlex.split(text) or [""]
    pairs = (each.removeprefix("$").partition("=") for each in rest)
    return path, {name: value for name, _, value in pairs}

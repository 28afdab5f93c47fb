"""Read notebooks: `.py` source files and `.ipynb` become the same list of cells. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from headwater.errors import Location, UsageError, nearest

HEADER = "# Databricks notebook source"
_SEPARATOR = re.compile(r"^# COMMAND -+\s*$")
_MAGIC = re.compile(r"^# MAGIC ?")
_NOT_RUN = ("md", "md-sandbox")
_NOT_DONE_LOCALLY = ("pip", "restart_python", "load_ext", "autoreload", "matplotlib")
_RUN = ("python", "sql", "run")


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


@dataclass(frozen=True)
class Magic:
    """A command of a notebook that is not Python, and where it stands.

    Args:
        cell: number of the cell that `line` counts in, 0 where it counts in the file.
    """

    name: str
    cell: int
    line: int


def read_cells(text: str, name: str) -> list[Cell]:
    """Read the cells of a notebook; text cells and empty ones are left out.

    Args:
        name: of the file; its ending tells the format.

    Raises:
        UsageError: NOTEBOOK_INVALID; MAGIC_UNSUPPORTED for a language that can't run here.
    """
    cells = _cells(_of_json(text, name) if name.endswith(".ipynb") else _of_source(text, name))
    for cell in cells:
        if not cell.is_run and cell.kind not in _NOT_DONE_LOCALLY:
            raise UsageError(
                "MAGIC_UNSUPPORTED",
                f"%{cell.kind} can't run locally",
                where=f"{name}:cell {cell.number}",
                hint=nearest(cell.kind, _RUN) or "Python, SQL and %run can.",
            )
    return cells


def read_python(text: str, name: str) -> tuple[list[Cell], list[Magic]]:
    """Read the Python of a notebook, and the magics that are not Python.

    An `.ipynb` gives its cells; a source file gives one cell with number 0, in which lines stay
    where they are in the file.

    Raises:
        UsageError: NOTEBOOK_INVALID.
    """
    is_json = name.endswith(".ipynb")
    found: list[Cell] = []
    magics: list[Magic] = []
    for cell in _cells(_of_json(text, name) if is_json else _of_source(text, name)):
        number = cell.number if is_json else 0
        if cell.kind != "python":
            magics.append(Magic(f"%{cell.kind}", number, cell.line))
            continue
        found.append(replace(cell, number=number))
        if is_json:  # an indented % is an operator on a line of its own
            magics += [
                Magic(line.split()[0], number, cell.line + at)
                for at, line in enumerate(cell.text.splitlines())
                if line[:1] in ("%", "!")
            ]
    return (found if is_json else [_one_cell(found)]), magics


def _one_cell(cells: list[Cell]) -> Cell:
    lines: list[str] = []
    for cell in cells:
        lines += [""] * (cell.line - 1 - len(lines)) + cell.text.splitlines()
    return Cell("python", "\n".join(lines) + "\n", 0, 1)


def _of_json(text: str, name: str) -> list[tuple[str, int]]:
    try:
        cells = json.loads(text)["cells"]
        return [(_source(cell) if cell["cell_type"] == "code" else "", 1) for cell in cells]
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            "NOTEBOOK_INVALID",
            "The file is not a notebook of format 4",
            where=Location(name),
            hint="Export the notebook again, as IPython or as source.",
        ) from None


def _source(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _of_source(text: str, name: str) -> list[tuple[str, int]]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != HEADER:
        raise UsageError(
            "NOTEBOOK_INVALID",
            "The file is not a notebook: the notebook header is missing",
            where=Location(name, 1),
            hint=f"Begin it with '{HEADER}', or use task_type python_script.",
        )
    cells, start = [], 1
    for number in [*range(1, len(lines)), len(lines)]:
        if number == len(lines) or _SEPARATOR.match(lines[number]):
            cells.append((_without_marks(lines[start:number]), start + 1))
            start = number + 1
    return cells


def _without_marks(lines: list[str]) -> str:
    """Take the marks of magics and titles away; each line stays a line."""
    if any(_MAGIC.match(line) for line in lines):
        lines = [_MAGIC.sub("", line) if _MAGIC.match(line) else "" for line in lines]
    return "\n".join("" if line.startswith("# DBTITLE") else line for line in lines)


def _cells(raw: list[tuple[str, int]]) -> list[Cell]:
    found = [_cell(text, number, line) for number, (text, line) in enumerate(raw, 1)]
    return [cell for cell in found if cell is not None]


def _cell(text: str, number: int, line: int) -> Cell | None:
    stripped = text.lstrip("\n")
    line += len(text) - len(stripped)
    if not stripped.strip():
        return None
    if not stripped.lstrip().startswith("%"):
        return Cell("python", stripped, number, line)
    magic, _, rest = stripped.lstrip().removeprefix("%").partition("\n")
    kind, _, behind = magic.partition(" ")
    kind = kind.strip()
    if kind in _NOT_RUN:
        return None
    if kind == "run":
        return Cell(kind, behind.strip(), number, line)
    return Cell(kind, f"{behind}\n{rest}" if kind in _RUN else "", number, line)


def run_arguments(text: str) -> tuple[str, dict[str, str]]:
    """Read what stands behind `%run`: a path, and arguments such as `$day="2024-01-01"`.

    Example:
        >>> run_arguments('./setup $day="a b" $n=1')
        ('./setup', {'day': 'a b', 'n': '1'})
    """
    path, *rest = shlex.split(text) or [""]
    pairs = (each.removeprefix("$").partition("=") for each in rest)
    return path, {name: value for name, _, value in pairs}

"""Read a source file as the cells that are executed one after the other.

A plain file is one cell. What does not live here: executing it (`loader`), and the notebook
formats (`headwater.notebooks`).
"""

from __future__ import annotations
import __future__

import linecache
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType

from headwater.errors import DefinitionError, Location
from headwater.graph.locations import code_name
from headwater.notebooks import Cell, all_cells, is_notebook, run_arguments

_FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
_SUFFIXES = (".py", ".sql", ".ipynb")
_NOTHING = ("restart_python", "load_ext", "autoreload", "matplotlib", "environment", "config")
"""Magics that have no effect on what a pipeline declares."""

_DEEPEST = 20
"""How deeply notebooks may run each other."""


@dataclass(frozen=True)
class Piece:
    """A cell of the source, and the file it is in: `%run` brings those of other files.

    Attributes:
        cell: its number is 0 where lines count in the file.
    """

    file: Path
    cell: Cell

    def location(self, line: int = 0, column: int = 0) -> Location:
        """Return the place of a line of the cell's file or cell; 0 is the cell as a whole."""
        return Location(str(self.file), line, self.cell.number, column)


@dataclass(frozen=True)
class SourceText:
    """A source file, with the notebooks that it runs in place."""

    file: Path
    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """All Python cells as one text."""
        return "".join(f"{each.cell.text.rstrip()}\n" for each in self._python())

    def location(self, line: int) -> Location:
        """Return the place of a line of `text`."""
        pieces = self._python()
        starts = [1]
        for each in pieces:
            starts.append(starts[-1] + each.cell.text.rstrip().count("\n") + 1)
        at = min(bisect_right(starts, line), len(pieces)) - 1
        return pieces[at].location(line - starts[at] + pieces[at].cell.line)

    def compiled(self) -> list[tuple[Piece, CodeType | None]]:
        """Compile every Python cell, so that nothing runs where one is wrong.

        A `from __future__ import` counts in the cells below it, as in a notebook. Cells in other
        languages have no code.

        Raises:
            SyntaxError: its file and line are those of the cell.
        """
        flags = 0
        found: list[tuple[Piece, CodeType | None]] = []
        for piece in self.pieces:
            cell = piece.cell
            if cell.kind != "python":
                found.append((piece, None))
                continue
            name = code_name(str(piece.file), cell.number)
            text = "\n" * (cell.line - 1) + cell.text
            if cell.number:  # for tracebacks: there is no file of that name
                linecache.cache[name] = (len(text), None, text.splitlines(True), name)
            code = compile(text, name, "exec", flags, dont_inherit=True)
            flags |= code.co_flags & _FUTURE
            found.append((piece, code))
        return found

    def _python(self) -> list[Piece]:
        return [each for each in self.pieces if each.cell.kind == "python"]


def read_source(file: Path) -> SourceText:
    """Read a source file or notebook, and the notebooks that it runs with `%run`.

    Raises:
        DefinitionError: the file can't be read, or holds what does not run locally.
        UsageError: NOTEBOOK_INVALID.
    """
    if file.suffix not in _SUFFIXES:
        raise DefinitionError(
            "SOURCE_LANGUAGE_NOT_BUILT",
            f"Pipeline source in {file.suffix or 'a file without suffix'} is not supported",
            where=Location(str(file)),
            hint="Python files, SQL files and notebooks of both run locally.",
        )
    return SourceText(file, tuple(_pieces(file, ())))


def _pieces(file: Path, above: tuple[Path, ...]) -> Iterator[Piece]:
    text = _read(file)
    if not is_notebook(text, file.name):
        yield Piece(file, Cell("sql" if file.suffix == ".sql" else "python", text, 0, 1))
        return
    for cell in _cells(file, text):
        piece = Piece(file, cell)
        if cell.kind == "run":
            yield from _included(piece, (*above, file))
        elif cell.kind in ("python", "sql", "pip"):
            yield piece
        elif cell.kind not in _NOTHING and not _only_shows(cell):
            raise DefinitionError(
                "NOTEBOOK_MAGIC_NOT_BUILT",
                f"The notebook command %{cell.kind} does not run locally",
                where=piece.location(cell.line),
                hint="Python, SQL, %run and %pip do.",
                magic=f"%{cell.kind}",
            )


def _only_shows(cell: Cell) -> bool:
    """Whether a cell lists files or shows one, which a pipeline has no use for."""
    words = cell.text.split()
    return cell.kind == "fs" and words[:1] in (["ls"], ["head"], ["help"])


def _cells(file: Path, text: str) -> Iterator[Cell]:
    is_json = file.suffix == ".ipynb"
    for cell in all_cells(text, str(file)):
        yield cell if is_json else replace(cell, number=0)


def _included(piece: Piece, above: tuple[Path, ...]) -> Iterator[Piece]:
    path, _ = run_arguments(piece.cell.text)
    where = piece.location(piece.cell.line)
    if len(above) > _DEEPEST:
        raise DefinitionError(
            "NOTEBOOKS_NESTED",
            f"Notebooks run each other {_DEEPEST} deep",
            where=where,
            hint="Look for two that run each other.",
        )
    if not path or path.startswith("/"):
        raise DefinitionError(
            "NOTEBOOK_NOT_FOUND",
            f"%run takes a path relative to the notebook, not '{path}'",
            where=where,
            hint="Write %run ./name or %run ../folder/name.",
            path=path,
        )
    named = piece.file.parent / path
    found = [named, *(named.with_name(named.name + each) for each in _SUFFIXES)]
    other = next((each for each in found if each.is_file()), None)
    if other is None:
        raise DefinitionError(
            "NOTEBOOK_NOT_FOUND",
            f"%run names '{path}', which is not there",
            where=where,
            hint="The path is relative to this notebook; the suffix may be left out.",
            path=path,
        )
    yield from _pieces(other.resolve(), above)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(
            "SOURCE_UNREADABLE",
            f"The source file can't be read: {type(error).__name__}",
            where=Location(str(file)),
            hint="Pipeline source is UTF-8 text.",
        ) from None

"""Read a source file as the cells that are executed one after the other.

A Python file is one cell. What does not live here: executing it (`loader`), and the notebook
formats (`headwater.notebooks`).
"""

from __future__ import annotations
import __future__

import linecache
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from headwater.errors import DefinitionError, Location
from headwater.graph.locations import code_name
from headwater.notebooks import HEADER, Cell, read_python

_FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


@dataclass(frozen=True)
class SourceText:
    """The Python of a source file.

    Attributes:
        cells: of a notebook; a file that is none, and a notebook of one text, is cell 0.
    """

    file: Path
    cells: tuple[Cell, ...]

    @property
    def text(self) -> str:
        """All cells as one Python text."""
        return "".join(f"{cell.text.rstrip()}\n" for cell in self.cells)

    def location(self, line: int) -> Location:
        """Return the place of a line of `text`."""
        starts = [1]
        for cell in self.cells:
            starts.append(starts[-1] + cell.text.rstrip().count("\n") + 1)
        at = min(bisect_right(starts, line), len(self.cells)) - 1
        cell = self.cells[at]
        return Location(str(self.file), line - starts[at] + cell.line, cell.number)

    def compiled(self) -> list[tuple[Location, CodeType]]:
        """Compile every cell, so that nothing runs where one is wrong.

        A `from __future__ import` counts in the cells below it, as in a notebook.

        Raises:
            SyntaxError: its file and line are those of the cell.
        """
        flags, found = 0, []
        for cell in self.cells:
            name = code_name(str(self.file), cell.number)
            text = "\n" * (cell.line - 1) + cell.text
            if cell.number:  # for tracebacks: there is no file of that name
                linecache.cache[name] = (len(text), None, text.splitlines(True), name)
            code = compile(text, name, "exec", flags, dont_inherit=True)
            flags |= code.co_flags & _FUTURE
            found.append((Location(str(self.file), 0, cell.number), code))
        return found


def read_source(file: Path) -> SourceText:
    """Read the Python of a source file or notebook.

    Raises:
        DefinitionError: the file can't be read, or holds what does not run locally.
        UsageError: NOTEBOOK_INVALID.
    """
    if file.suffix not in (".py", ".ipynb"):
        raise DefinitionError(
            "SOURCE_LANGUAGE_NOT_BUILT",
            f"Pipeline source in {file.suffix or 'a file without suffix'} is not supported",
            where=Location(str(file)),
            hint="Python files and notebooks run locally; SQL files run only in a workspace.",
        )
    text = _read(file)
    if file.suffix != ".ipynb" and not text.startswith(HEADER):
        return SourceText(file, (Cell("python", text, 0, 1),))
    cells, magics = read_python(text, str(file))
    for magic in magics:
        raise DefinitionError(
            "NOTEBOOK_MAGIC_NOT_BUILT",
            f"The notebook command {magic.name} does not run locally",
            where=Location(str(file), magic.line, magic.cell),
            hint="Use Python; packages go into `environment.dependencies` of the pipeline.",
            magic=magic.name,
        )
    return SourceText(file, tuple(cells))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(
            "SOURCE_UNREADABLE",
            f"The source file can't be read: {type(error).__name__}",
            where=Location(str(file)),
            hint="Pipeline source is UTF-8 text.",
        ) from None

"""The place in the user's source that is being executed, or that caused an error.

Whoever executes something for the user states its place with `run_at`: a file, a cell, a statement
of a SQL file, a dataset function. In Python, frames refine it to the line that is being executed.
A line counts as the user's when it is neither Headwater's, PySpark's, Python's nor that of an
installed package.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import pyspark

from headwater.errors import DefinitionError, Location, UsageError

_Result = TypeVar("_Result")
_CELL = re.compile(r"(.+\.ipynb), cell (\d+)", re.DOTALL)


def _folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    named = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    bridge = importlib.util.find_spec("py4j")  # Spark may bring it beside PySpark
    packages = [pyspark.__file__, bridge and bridge.origin, __file__.rpartition(os.sep)[0]]
    found = [Path(each) for each in named] + [Path(each or ".").parent for each in packages]
    spelled = [str(path) for each in found for path in (each.absolute(), each.resolve())]
    return tuple(f"{each}{os.sep}" for each in dict.fromkeys(spelled))


_INTERNAL = ("<", *_folders())


def is_internal(file: str) -> bool:
    """Whether a code object's file belongs to Headwater, Python or an installed package."""
    return file.startswith(_INTERNAL)


def code_name(file: str, cell: int) -> str:
    """Name the code of a cell, or of a whole file: `location_of` knows the place by it."""
    return f"{file}, cell {cell}" if cell else file


def location_of(code: str, line: int) -> Location:
    """Return the place of a line of code that was compiled under a name of `code_name`.

    Example:
        >>> location_of("etl.ipynb, cell 3", 2)
        Location(file='etl.ipynb', line=2, cell=3, column=0)
    """
    found = _CELL.fullmatch(code)
    return Location(found[1], line, int(found[2])) if found else Location(code, line)


_current: ContextVar[Location | None] = ContextVar("headwater_place", default=None)


def run_at(where: Location, call: Callable[..., _Result], *arguments: Any) -> _Result:
    """Call something for the user: faults in it are told at `where`, or at a line of Python in it.

    Example:
        >>> run_at(Location("etl.sql", 3), current_location)
        Location(file='etl.sql', line=3, cell=0, column=0)
    """
    token = _current.set(where)
    try:
        return call(*arguments)
    finally:
        _current.reset(token)


def current_location() -> Location:
    """Return the place of what is being executed for the user."""
    where = _current.get()
    if where is None or _has_lines(where):
        where = _executing_line() or where
    return where or Location("<unknown>")


def current_source() -> str:
    """Return the file that is loaded, or whose dataset is evaluated; not a module that it calls."""
    where = _current.get()
    return (where or current_location()).file


def _has_lines(where: Location) -> bool:
    """Whether lines of Python may be executed at a place; a statement of a SQL file has none."""
    return not (where.file.endswith(".sql") and where.line)


def _executing_line() -> Location | None:
    """Find the nearest line of the user's in what the last `run_at` called."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not run_at.__code__:
        if not is_internal(frame.f_code.co_filename):
            return location_of(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


def function_location(function: Callable[..., Any]) -> Location:
    """Return where a function is defined, its decorators included."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = _current.get()
    if code is None or is_internal(code.co_filename) or (where and not _has_lines(where)):
        return current_location()
    return location_of(code.co_filename, code.co_firstlineno)


def user_line(error: BaseException, default: Location) -> Location:
    """Find the deepest line of user code that an exception came through.

    Args:
        default: the place of what raised it; the answer where no line of the user's is known.
    """
    if not _has_lines(default):
        return default
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not is_internal(frame.filename) and frame.lineno:
            return location_of(frame.filename, frame.lineno)
    return default


def located(error: UsageError) -> DefinitionError:
    """Turn a usage error from pipeline source into a fault at the place being executed."""
    return DefinitionError(
        error.code,
        error.message,
        where=current_location(),
        hint=error.hint,
        **error.parameters,
    )

"""Find the user's line that is being executed, or that caused an error.

A line counts as the user's when it is neither Headwater's, PySpark's, Python's nor that of an
installed package. `Within` bounds the search, so that it never leaves the code of the user that is
running, and names the place to report when no such line is found.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from contextvars import ContextVar, Token
from pathlib import Path
from types import FrameType
from typing import Any

import pyspark

from headwater.errors import DefinitionError, Location, UsageError


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


class Within:
    """Bound the search for the user's line to what is called in a `with` block.

    Args:
        where: the place to report when no line of the user's is being executed.
    """

    def __init__(self, where: Location) -> None:
        self.where = where
        self.frame: FrameType | None = None
        self._token: Token[Within | None] | None = None

    def __enter__(self) -> Within:
        self.frame = sys._getframe(1)
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
        self.frame = None  # a frame keeps all its variables alive


_current: ContextVar[Within | None] = ContextVar("headwater_within", default=None)


def calling_location() -> Location:
    """Find the line of the user's file that is being executed: the nearest frame of theirs."""
    within = _current.get()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (within is None or frame is not within.frame):
        if not is_internal(frame.f_code.co_filename):
            return Location(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return within.where if within else Location("<unknown>")


def function_location(function: Callable[..., Any]) -> Location:
    """Return where a function is defined, its decorators included."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None or is_internal(code.co_filename):
        return calling_location()
    return Location(code.co_filename, code.co_firstlineno)


def user_line(error: BaseException, default: Location) -> Location:
    """Find the deepest line of user code that an exception came through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not is_internal(frame.filename) and frame.lineno:
            return Location(frame.filename, frame.lineno)
    return default


def located(error: UsageError, where: Location) -> DefinitionError:
    """Turn a usage error from pipeline source into a fault with its place."""
    return DefinitionError(
        error.code, error.message, where=where, hint=error.hint, **error.parameters
    )

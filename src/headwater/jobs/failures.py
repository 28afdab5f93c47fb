"""What is told of an error in a user's code: its kind and its place, never the data it met."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from headwater.errors import HeadwaterError, JobError
from headwater.sandbox.causes import innermost
from headwater.sandbox.failures import names_in

CELL_PREFIX = "notebook:"
"""Begins the file name that the cells of a notebook are compiled with."""

_ABOUT_CODE = (NameError, AttributeError, ImportError, SyntaxError)
"""Python's errors whose text comes from the code alone."""


def said_by_spark(error: PySparkException, name: str, first_line: int, text: str = "") -> JobError:
    """Make an error of what Spark says: its condition, names, and the line.

    Args:
        name: of the file or task.
        first_line: where `text`, the statement, begins in it.
    """
    line = first_line
    for context in _contexts(error):
        line += text.count("\n", 0, max(context.startIndex(), 0))
        break
    cause = innermost(error)
    names = ", ".join(names_in(cause).values())
    message = "Spark refuses the statement" + (f": {names}" if names else "")
    return JobError(cause.condition or "SQL_FAILED", message, where=f"{name}:{line}")


def described(error: BaseException, root: Path) -> str:
    """Describe in one line what ended a task.

    Args:
        root: the user's files are below it; the deepest line in them is named.
    """
    if isinstance(error, HeadwaterError):
        place = "" if error.where else _place(error, root)
        return str(error) + (f" ({place})" if place else "")
    if isinstance(error, PySparkException | Py4JError):
        cause = innermost(error)
        names = ", ".join(names_in(cause).values())
        said = f"[{cause.condition or 'SPARK_FAILED'}] {cause.kind}"
        said += f": {names}" if names else ""
    else:
        said = f"[TASK_FAILED] {type(error).__name__}"
        if isinstance(error, SyntaxError):
            said += f": {error.msg}"
        elif isinstance(error, _ABOUT_CODE):
            said += f": {error}"
    place = _place(error, root)
    return said + (f" ({place})" if place else "")


def _contexts(error: PySparkException) -> list[Any]:
    try:
        return list(error.getQueryContext() or [])
    except (AttributeError, TypeError):  # errors made in Python have none
        return []


def _place(error: BaseException, root: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        shown = _shown(error.filename, root)
        return f"{shown}:{error.lineno}" if shown else ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        shown = _shown(frame.filename, root)
        if shown:
            return f"{shown}:{frame.lineno}"
    return ""


def _shown(file_name: str, root: Path) -> str:
    if file_name.startswith(CELL_PREFIX):
        return file_name.removeprefix(CELL_PREFIX)
    path = Path(file_name)
    if path.is_absolute() and path.is_relative_to(root.resolve()):
        return path.relative_to(root.resolve()).as_posix()
    return ""

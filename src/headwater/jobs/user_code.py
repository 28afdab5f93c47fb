"""User code of a task: Spark and Python find the volumes of the target, as in a workspace.

What a read or a file function is asked for is answered by the same table as in pipelines. What such
code prints goes to the error stream: the output of a command is its result.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TextIO

from headwater.jobs.bundles import store_of
from headwater.jobs.context import TaskContext
from headwater.sandbox.interception import intercepted
from headwater.sandbox.outside import Outside
from headwater.sandbox.patches import patched_pyspark

_WHEN = "in a task of a job"

_is_user_code: ContextVar[bool] = ContextVar("headwater_is_user_code", default=False)
_lock = threading.Lock()
_users = 0
_aside: _Aside | None = None
_DESCRIPTOR = 1
"""Of the process's output."""


@contextmanager
def as_user_code(context: TaskContext) -> Iterator[None]:
    """Answer the code of a notebook, script or wheel in this thread."""
    store = functools.cache(functools.partial(store_of, context.run))
    with printing_aside(), patched_pyspark(), intercepted(Outside(context.session, store, _WHEN)):
        yield


class _Output:
    """The output of the process, but the error stream in threads that run user code."""

    def __init__(self, own: TextIO) -> None:
        self.own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _is_user_code.get() else self.own, name)


class _Aside:
    """What the output of the process is while user code runs; used under the lock.

    Programs that user code starts write where the process does, past `sys.stdout`: that is the
    error stream too, and the command's own output goes on by a copy of the descriptor.
    """

    def __init__(self) -> None:
        self.before = sys.stdout
        self._descriptor: int | None = None
        own = self.before
        with suppress(OSError, ValueError, AttributeError):  # a test or a page has put its own
            if own.fileno() == _DESCRIPTOR:
                own.flush()
                self._descriptor = os.dup(_DESCRIPTOR)
                os.dup2(sys.stderr.fileno(), _DESCRIPTOR)
                own = open(self._descriptor, "w", encoding=own.encoding, closefd=False)  # noqa: SIM115
        self._own = own
        sys.stdout = _Output(own)

    def undo(self) -> None:
        """Put everything back, whatever user code has put there."""
        self._own.flush()
        sys.stdout = self.before
        if self._descriptor is not None:
            os.dup2(self._descriptor, _DESCRIPTOR)
            os.close(self._descriptor)


@contextmanager
def printing_aside() -> Iterator[None]:
    """Send what this thread, its threads and its programs print to the error stream."""
    global _users, _aside
    with _lock:
        _users += 1
        if _aside is None:
            _aside = _Aside()
    token = _is_user_code.set(True)
    try:
        yield
    finally:
        _is_user_code.reset(token)
        with _lock:
            _users -= 1
            if _users == 0:  # not before: another task may have put a buffer there for a while
                _aside.undo()
                _aside = None

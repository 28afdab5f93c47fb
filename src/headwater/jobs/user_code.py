"""User code of a task: Spark and Python find the volumes of the target, as in a workspace.

What a read or a file function is asked for is answered by the same table as in pipelines. What such
code prints goes to the error stream: the output of a command is its result.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def as_user_code(context: TaskContext) -> Iterator[None]:
    """Answer the code of a notebook, script or wheel in this thread."""
    store = functools.cache(functools.partial(store_of, context.run))
    with _printing_aside(), patched_pyspark(), intercepted(Outside(context.session, store, _WHEN)):
        yield


class _Output:
    """The output of the process, but the error stream in threads that run user code."""

    def __init__(self, own: TextIO) -> None:
        self.own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _is_user_code.get() else self.own, name)


@contextmanager
def _printing_aside() -> Iterator[None]:
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            sys.stdout = _Output(sys.stdout)
    token = _is_user_code.set(True)
    try:
        yield
    finally:
        _is_user_code.reset(token)
        with _lock:
            _users -= 1
            if _users == 0 and isinstance(sys.stdout, _Output):
                sys.stdout = sys.stdout.own

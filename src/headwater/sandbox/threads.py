"""Threads that user code starts: they are user code too.

Python gives a new thread an empty context (from 3.14 on the one of its starter), so that work in
a pool would find neither the session nor the volumes of the task that started it.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from headwater.sandbox.interception import current

_OF_THE_PROCESS = "py4j"
"""Package whose threads serve all that comes after the code that happens to start them."""


def continues(_: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `Thread.start` that takes the context of user code along; of others it is itself.

    Not in dataset functions, whose evaluation ends before such threads do.
    """

    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        interceptor = current()
        target = getattr(self, "_target", None)
        module = getattr(target, "__module__", None) or type(self).__module__
        serves = module.partition(".")[0] == _OF_THE_PROCESS
        if interceptor is not None and not interceptor.in_dataset_function and not serves:
            self.run = functools.partial(copy_context().run, self.run)  # type: ignore[method-assign]
        original(self)

    return start

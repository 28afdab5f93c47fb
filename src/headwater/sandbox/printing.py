"""What user code prints goes to the error stream: the output of a command is its result."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from headwater.sandbox.interception import current

_DESCRIPTOR = 1
"""Of the process's output."""


class _Output:
    """The output of the process, but the error stream in threads that run user code."""

    def __init__(self, own: TextIO) -> None:
        self.own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own if current() is None else sys.stderr, name)


class Aside:
    """What the output of the process is while user code runs.

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

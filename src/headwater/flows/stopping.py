"""Whether the flows of an update are to stop."""

from __future__ import annotations

import threading


class Stopping:
    """Whether flows are to stop: the caller asked for it, or the update ends for another reason.

    Args:
        asked: set by the caller, and only read here.
    """

    def __init__(self, asked: threading.Event) -> None:
        self._asked = asked
        self._ending = threading.Event()

    def end(self) -> None:
        """Let no more flows start, and stop those that run."""
        self._ending.set()

    def is_set(self) -> bool:
        """Whether flows are to stop."""
        return self._asked.is_set() or self._ending.is_set()

    def wait(self, seconds: float) -> None:
        """Wait; returns early when the caller asks to stop."""
        if not self._ending.is_set():
            self._asked.wait(seconds)

"""The steps of a task that writes in several places: where it may be killed."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[str], None]
"""Is told the name of each step before it is taken. A test raises there, as a kill would end it."""


def go_on(name: str) -> None:
    """Take the next step: what a task does outside of tests."""
    del name

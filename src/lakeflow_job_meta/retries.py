"""Try again where another writer of a Delta table was faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from delta.exceptions import DeltaConcurrentModificationException
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

T = TypeVar("T")

ATTEMPTS = 8


def again_on_conflict(write: Callable[[], T]) -> T:
    """Make a write that reads what it depends on anew, until no other writer is in the way."""
    for attempt in Retrying(
        retry=retry_if_exception(is_conflict),
        wait=wait_random_exponential(multiplier=0.1, max=3),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    ):
        with attempt:
            result = write()
    return result


def is_conflict(error: BaseException) -> bool:
    """Tell whether a Delta commit lost against another one.

    Databricks Connect has no class of Delta's own for it; the error class is in the text.
    """
    return isinstance(error, DeltaConcurrentModificationException) or "DELTA_CONCURRENT" in str(
        error
    )

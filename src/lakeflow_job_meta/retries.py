"""Try again where another writer of a Delta table was faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pyspark.errors import PySparkException
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


_CONFLICTS = (
    "DELTA_CONCURRENT",
    "DELTA_METADATA_CHANGED",
    "DELTA_PROTOCOL_CHANGED",
    "DELTA_DUPLICATE_COLUMNS_FOUND",
    "FIELD_ALREADY_EXISTS",
    "TABLE_OR_VIEW_ALREADY_EXISTS",
    "DELTA_CREATE_TABLE_WITH_NON_EMPTY_LOCATION",
)
"""What Spark and Delta 4.4 were seen to say of commits, and of tables and columns made at once."""


def is_conflict(error: BaseException) -> bool:
    """Return whether a commit, or the making of a table or a column, lost against another one.

    Delta's exceptions of this kind share no class; the error class is in the text.
    """
    return isinstance(error, PySparkException) and any(code in str(error) for code in _CONFLICTS)

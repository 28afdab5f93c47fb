"""What the text of bronze means: money, times, numbers. What can't be read is NULL, no error."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F


def names(text: str) -> tuple[str, ...]:
    """Return the names in a text, which stand between spaces."""
    return tuple(text.split())


MONEY = "decimal(18,2)"

_TIMES = ("yyyy-MM-dd'T'HH:mm:ssX", "yyyy-MM-dd", "yyyy")
"""Times of this version; dates and years of others."""

EPOCH = "1970-01-01T00:00:00Z"
"""What Synthea writes where it knows no time."""


def money(column: str) -> Column:
    """Read an amount as DECIMAL(18,2)."""
    return F.col(column).try_cast(MONEY)


def no_money() -> Column:
    """Return 0.00, for rows of a type that has no such amount."""
    return F.lit(0).cast(MONEY)


def number(column: str) -> Column:
    """Read a whole number."""
    return F.col(column).try_cast("int")


def time(column: str) -> Column:
    """Read a time as TIMESTAMP."""
    return F.coalesce(*(F.try_to_timestamp(F.col(column), F.lit(each)) for each in _TIMES))


def day(column: str) -> Column:
    """Read a date, or the day (UTC) of a time."""
    return F.to_date(time(column))


def month(day: Column) -> Column:
    """Return the first day of a month."""
    return F.trunc(day, "month")


def reads(column: str, parsed: Column) -> Column:
    """Tell whether a column has no text, or text that was read."""
    return F.col(column).isNull() | parsed.isNotNull()


def all_of(*conditions: Column) -> Column:
    """Combine conditions with AND."""
    return reduce(Column.__and__, conditions)


def hashed(*columns: Column) -> Column:
    """Make a key of 64 hex digits from columns; NULL counts as a value of its own."""
    parts = [F.coalesce(each.cast("string"), F.lit("\x00")) for each in columns]
    return F.sha2(F.concat_ws("\x1f", *parts), 256)

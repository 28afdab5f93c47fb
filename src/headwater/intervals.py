"""Read intervals such as `14 days`, as options have them. Pure."""

from __future__ import annotations

import re

DAY_SECONDS = 86400.0

_UNIT_SECONDS = {
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": DAY_SECONDS,
    "week": 7 * DAY_SECONDS,
    "month": 31 * DAY_SECONDS,
    "year": 366 * DAY_SECONDS,
}
"""Months and years at their longest: nothing is forgotten or removed too early."""
_OF_NO_LENGTH = ("month", "year")

_PART = re.compile(r"(\d+)\s*([a-z]+?)s?(?=\s|\d|$)")


def interval_seconds(text: str, *, exact: bool = False) -> float | None:
    """Return the length of an interval in seconds; None when the text is not one.

    Args:
        exact: take no months and years, which are not all of one length.

    Example:
        >>> interval_seconds("INTERVAL 1 week 2 days") / DAY_SECONDS
        9.0
    """
    plain = text.strip().lower().removeprefix("interval").strip()
    parts = _PART.findall(plain)
    left = _PART.sub("", plain).strip()
    units = {unit for _, unit in parts}
    if not parts or left or units - set(_UNIT_SECONDS) or (exact and units & set(_OF_NO_LENGTH)):
        return None
    return sum(int(count) * _UNIT_SECONDS[unit] for count, unit in parts)

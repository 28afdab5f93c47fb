"""Points in time as whole seconds since 1970 (UTC), and their texts in Synthea's files.

What does not live here: when things happen (`coverage`, `visits`).
"""

from __future__ import annotations

from datetime import date, timedelta

DAY = 86_400
WEEK = 7 * DAY
YEAR = 53 * WEEK  # Synthea's plans and check-ups follow each other by whole weeks
NEVER = "1970-01-01T00:00:00Z"

_EPOCH = date(1970, 1, 1)


class _Days(dict[int, str]):
    def __missing__(self, number: int) -> str:
        text = self[number] = (_EPOCH + timedelta(days=number)).isoformat()
        return text


class _Clocks(dict[int, str]):
    def __missing__(self, seconds: int) -> str:
        minutes, second = divmod(seconds, 60)
        text = self[seconds] = f"T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}Z"
        return text


_days, _clocks = _Days(), _Clocks()  # no more entries than there are days, and seconds of a day


def day(moment: int) -> str:
    """Return the date of a moment.

    Example:
        >>> day(0)
        '1970-01-01'
    """
    return _days[moment // DAY]


def text(moment: int) -> str:
    """Return a moment as a timestamp.

    Example:
        >>> text(86_399)
        '1970-01-01T23:59:59Z'
    """
    return _days[moment // DAY] + _clocks[moment % DAY]


def at(midnight: date) -> int:
    """Return the first moment of a day."""
    return (midnight - _EPOCH).days * DAY


def month(moment: int) -> int:
    """Number the month of a moment, counted without gaps."""
    when = _days[moment // DAY]
    return int(when[:4]) * 12 + int(when[5:7])

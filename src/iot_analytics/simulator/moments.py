"""Points in time as whole seconds since 1970 (UTC), and their texts."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

HOUR = 3_600
DAY = 24 * HOUR

_EPOCH = date(1970, 1, 1)


class _Days(dict[int, str]):
    def __missing__(self, number: int) -> str:
        text = self[number] = (_EPOCH + timedelta(days=number)).isoformat()
        return text


_days = _Days()  # no more entries than there are days in a simulation


def day(moment: int) -> str:
    """Return the date of a moment.

    Example:
        >>> day(86_400)
        '1970-01-02'
    """
    return _days[moment // DAY]


def text(moment: int) -> str:
    """Return a moment in ISO 8601.

    Example:
        >>> text(86_399)
        '1970-01-01T23:59:59Z'
    """
    minutes, second = divmod(moment % DAY, 60)
    return f"{_days[moment // DAY]}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}Z"


def at(moment: datetime) -> int:
    """Return a moment, which is in UTC where it has no offset."""
    known = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return int(known.timestamp())

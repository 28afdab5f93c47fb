"""Quartz cron expressions: whether a text is one.

Source: the Quartz scheduler's cron trigger (version 2), which Databricks' schedules take. Seven
fields of which the last, the year, may be left out. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_UNIX_FIELDS = 5


@dataclass(frozen=True)
class _Field:
    """One field: its name, its range, names for its numbers, and texts of its own."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    special: re.Pattern[str] = field(default=re.compile(r"(?!)"))  # nothing

    def problem(self, text: str) -> str:
        """Return what is wrong with the field, or nothing."""
        if self.special.fullmatch(text):
            return ""
        parts = text.split(",")
        wrong = next((part for part in parts if not self._takes(part)), None)
        return "" if wrong is None else f"'{wrong}' does not fit the field of {self.name}"

    def _takes(self, part: str) -> bool:
        values, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and 0 < int(step) <= self.most):
            return False
        if values == "*" or (slash and not values):
            return True
        ends = values.split("-")
        return len(ends) <= 2 and all(self._is_value(end) for end in ends)

    def _is_value(self, text: str) -> bool:
        in_range = text.isdecimal() and self.least <= int(text) <= self.most
        return in_range or text in self.names


_DAY_OF_MONTH = re.compile(r"\?|L(?:-(?:[12]?\d|30))?W?|(?:[1-9]|[12]\d|3[01])W")
_DAY = rf"(?:[1-7]|{'|'.join(_DAYS)})"
_DAY_OF_WEEK = re.compile(rf"\?|L|{_DAY}L|{_DAY}#[1-5]")
_FIELDS = (
    _Field("seconds", 0, 59),
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("days of the month", 1, 31, special=_DAY_OF_MONTH),
    _Field("months", 1, 12, _MONTHS),
    _Field("days of the week", 1, 7, _DAYS, _DAY_OF_WEEK),
    _Field("years", 1970, 2099),
)
_MONTH_DAY, _WEEK_DAY = 3, 5


def cron_problem(text: str) -> str:
    """Return what is wrong with a Quartz cron expression; nothing if it is one.

    Example:
        >>> cron_problem("0 30 6 ? * MON-FRI"), cron_problem("30 6 * * *")
        ('', 'it has 5 fields, as in Unix; Quartz begins with seconds')
    """
    given = text.upper().split()
    if len(given) == _UNIX_FIELDS:
        return "it has 5 fields, as in Unix; Quartz begins with seconds"
    if not 6 <= len(given) <= len(_FIELDS):
        return f"it has {len(given)} fields; Quartz has 6 or 7"
    problems = [kind.problem(part) for kind, part in zip(_FIELDS, given, strict=False)]
    found = next((each for each in problems if each), "")
    if not found and (given[_MONTH_DAY] == "?") == (given[_WEEK_DAY] == "?"):
        return "exactly one of day of the month and day of the week must be '?'"
    return found

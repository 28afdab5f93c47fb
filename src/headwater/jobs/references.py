"""References in the parameters of tasks, such as `{{job.run_id}}`. Pure.

Source: Databricks, "Dynamic value references", read November 2026. A reference that stands in no
known namespace is text, as there; an unknown one in a known namespace is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from headwater.errors import UsageError, nearest

_STEP = r"[\w-]+|`[^`]+`"
_REFERENCE = re.compile(rf"\{{\{{\s*((?:{_STEP})(?:\.(?:{_STEP}))*)\s*\}}\}}")

_TIMES: Mapping[str, Callable[[datetime], str]] = {
    "iso_weekday": lambda at: str(at.isoweekday()),
    "is_weekday": lambda at: str(at.isoweekday() < 6).lower(),
    "iso_date": lambda at: at.strftime("%Y-%m-%d"),
    "iso_datetime": lambda at: at.strftime("%Y-%m-%dT%H:%M:%S"),
    "year": lambda at: str(at.year),
    "month": lambda at: str(at.month),
    "day": lambda at: str(at.day),
    "hour": lambda at: str(at.hour),
    "minute": lambda at: str(at.minute),
    "second": lambda at: str(at.second),
    "timestamp_ms": lambda at: str(int(at.timestamp() * 1000)),
}
"""The forms of a time, all in UTC."""


def filled(value: Any, meaning: Callable[[tuple[str, ...], str], str]) -> Any:
    """Fill in the references of a text, or of all texts in a list or mapping.

    Args:
        meaning: gives the value of a reference, by its steps and as it is written.

    Example:
        >>> filled(["{{job.name}}", 1], lambda steps, text: "/".join(steps))
        ['job/name', 1]
    """
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: meaning(_steps(found[1]), found[0]), value)
    if isinstance(value, Mapping):
        return {name: filled(each, meaning) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, meaning) for each in value]
    return value


def _steps(text: str) -> tuple[str, ...]:
    return tuple(step.strip("`") for step in re.findall(_STEP, text))


def time_as(moment: datetime, form: str, text: str = "") -> str:
    """Write a time in UTC as a reference asks for it.

    Args:
        text: the reference, for the error.

    Raises:
        UsageError: JOB_REFERENCE_UNKNOWN.
    """
    if form not in _TIMES:
        raise unknown(text, form, _TIMES)
    return _TIMES[form](moment)


def not_upstream(text: str, key: str) -> UsageError:
    """Make the error for a reference to a task that may still run, or not have begun."""
    return UsageError(
        "JOB_REFERENCE_UNKNOWN",
        f"The reference {text} is to a task that this one does not wait for",
        hint=f"Add '{key}' to its depends_on.",
    )


def unknown(text: str, name: str, known: Mapping[str, Any]) -> UsageError:
    """Make the error for a reference that means nothing."""
    return UsageError(
        "JOB_REFERENCE_UNKNOWN",
        f"The reference {text} means nothing",
        hint=nearest(name, known) or f"Known there: {', '.join(sorted(known))}.",
    )

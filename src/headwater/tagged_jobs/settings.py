"""Turn the settings of a job into the SDK's classes, and notice what they would drop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from databricks.sdk.service.jobs import JobSettings

from headwater.errors import DeploymentError


def checked_settings(settings: Mapping[str, Any]) -> JobSettings:
    """Return settings as the SDK's class.

    Raises:
        DeploymentError: SETTING_UNKNOWN, see `unknown_settings`.
    """
    unknown = unknown_settings(settings)
    if unknown:
        raise DeploymentError(
            "SETTING_UNKNOWN",
            f"The Jobs API has no {', '.join(unknown[:5])}",
            where=f"job {settings.get('name')}",
            hint="Correct the setting, or install a newer databricks-sdk.",
        )
    return JobSettings.from_dict(dict(settings))


def unknown_settings(settings: Mapping[str, Any]) -> list[str]:
    """Name the fields that the SDK does not know, or not in this form.

    It would leave them out without a word. A path is written as `tasks[0].email_notifications.x`.
    """
    try:
        kept = JobSettings.from_dict(dict(settings)).as_dict()
    except (TypeError, AttributeError, KeyError, ValueError):
        return [name for name, value in settings.items() if not _is_readable(name, value)]
    return list(_dropped(settings, kept, ""))


def _is_readable(name: str, value: Any) -> bool:
    try:
        JobSettings.from_dict({name: value}).as_dict()
    except (TypeError, AttributeError, KeyError, ValueError):
        return False
    return True


def _dropped(given: Any, kept: Any, path: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            here = f"{path}.{name}".lstrip(".")
            if name in kept:
                yield from _dropped(value, kept[name], here)
            elif value not in (None, {}, []):
                yield here
    elif isinstance(given, list) and isinstance(kept, list):
        for position, (value, held) in enumerate(zip(given, kept, strict=False)):
            yield from _dropped(value, held, f"{path}[{position}]")
    elif isinstance(given, (dict, list)) or isinstance(kept, (dict, list)):
        yield path  # the SDK makes a list of the letters of a text

"""Turn the settings of a job into the SDK's classes, and notice what they would drop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from databricks.sdk.service.jobs import JobSettings

from lakeflow_job_meta.errors import DeploymentError


def checked_settings(settings: Mapping[str, Any]) -> JobSettings:
    """Give settings as the SDK's class.

    Raises:
        DeploymentError: SETTING_UNKNOWN, for fields that the SDK does not know: it would leave them
            out without a word.
    """
    try:
        made = JobSettings.from_dict(dict(settings))
        dropped = list(_dropped(settings, made.as_dict(), ""))
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise _unknown(settings, f"A setting has another form: {type(error).__name__}") from error
    if dropped:
        raise _unknown(settings, f"The Jobs API has no {', '.join(dropped[:5])}")
    return made


def _unknown(settings: Mapping[str, Any], message: str) -> DeploymentError:
    return DeploymentError(
        "SETTING_UNKNOWN",
        message,
        where=f"job {settings.get('name')}",
        hint="Correct the setting, or install a newer databricks-sdk.",
    )


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

"""The settings of a job as a whole that a module may carry, and what is wrong with them.

They go into the Jobs API as they are. Source: Jobs API 2.2, the settings of `jobs/create`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.fields import Field, field_faults
from lakeflow_job_meta.sources import Source

MODULE_FIELDS: Mapping[str, Field] = {
    "description": Field("text"),
    "schedule": Field("mapping"),
    "continuous": Field("mapping"),
    "trigger": Field("mapping"),
    "timeout_seconds": Field("natural"),
    "max_concurrent_runs": Field("natural"),
    "queue": Field("mapping"),
    "tags": Field("parameters"),
    "parameters": Field("list"),
    "environments": Field("list"),
    "job_clusters": Field("list"),
    "email_notifications": Field("mapping"),
    "webhook_notifications": Field("mapping"),
    "notification_settings": Field("mapping"),
    "health": Field("mapping"),
    "run_as": Field("mapping"),
    "git_source": Field("mapping"),
    "budget_policy_id": Field("text"),
    "performance_target": Field("text"),
}
"""What a module may say about its job as a whole; all of it goes into the Jobs API as it is."""
_STARTS = ("schedule", "continuous", "trigger")
_CRON_FIELDS = (6, 7)


def module_config_faults(source: Source) -> list[Fault]:
    """Find what is wrong with the settings of the job that a source carries."""
    config = source.module_config
    faults = field_faults(source, config, MODULE_FIELDS, "module_config")
    if faults:
        return faults
    return [
        source.fault("FIELD_VALUE", f"module_config.{said}", hint)
        for said, hint in (
            *_starts(config),
            *_schedule(config.get("schedule")),
            *_parameters(config.get("parameters") or []),
            *_identity(config.get("run_as")),
        )
    ]


def _starts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    given = [name for name in _STARTS if config.get(name) is not None]
    if len(given) > 1:
        yield f"{given[1]} is set beside {given[0]}", "A job starts in one way: keep one of them."


def _schedule(schedule: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if schedule is None:
        return
    fields = str(schedule.get("quartz_cron_expression") or "").split()
    if len(fields) not in _CRON_FIELDS:
        yield (
            f"schedule.quartz_cron_expression has {len(fields)} fields",
            "Quartz has six or seven: '0 0 6 * * ?' is every day at six.",
        )
    if not schedule.get("timezone_id"):
        yield "schedule.timezone_id is missing", "Add one, such as UTC."


def _parameters(parameters: list[Any]) -> Iterator[tuple[str, str]]:
    names = [each.get("name") if isinstance(each, Mapping) else None for each in parameters]
    if not all(isinstance(each, str) and each for each in names):
        yield (
            "parameters has an item that is no mapping with a name",
            "Write {name: n, default: x}.",
        )
        return
    for name, count in Counter(names).items():
        if count > 1:
            yield f"parameters has '{name}' {count} times", "Give each parameter one name."


def _identity(run_as: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if run_as is not None and len([each for each in run_as.values() if each is not None]) != 1:
        yield "run_as does not name exactly one identity", "Keep a user or a service principal."

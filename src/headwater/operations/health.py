"""Whether pipelines are well: how the last update ended, how old the rows are, what limits say.

The gate's verdicts are used as they are; what is added is what only matters while time passes: an
update that runs is no fault, and rows that grow old are one. `pipeline_health` is pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from headwater.operations.measured import limits_if_any, rows_of, updates_of
from headwater.quality.gate import Rows, Verdict, judge, of_age
from headwater.quality.limits import Limits
from headwater.quality.measures import MeasuredUpdate
from headwater.state.lock import holding_process
from headwater.state.target import Target

COMPLETED, RUNNING = "COMPLETED", "RUNNING"


@dataclass(frozen=True)
class PipelineHealth:
    """How a pipeline is.

    Attributes:
        state: of its last update; None when none has run.
        last_success: when the last update that succeeded has ended, in UTC.
        age_hours: since then, or since the last event of an update that runs.
    """

    pipeline: str
    state: str | None
    last_success: datetime | None
    age_hours: float | None
    verdicts: Sequence[Verdict]

    @property
    def is_healthy(self) -> bool:
        """Whether all limits hold."""
        return all(each.holds for each in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; names and counts only."""
        return {
            "pipeline": self.pipeline,
            "healthy": self.is_healthy,
            "state": self.state,
            "last_success": None if self.last_success is None else self.last_success.isoformat(),
            "age_hours": None if self.age_hours is None else round(self.age_hours, 3),
            "checks": [each.as_dict() for each in self.verdicts],
        }


def pipeline_health(
    pipeline: str,
    limits: Limits,
    updates: Sequence[MeasuredUpdate],
    rows: Rows,
    *,
    now: datetime,
    is_running: bool,
) -> PipelineHealth:
    """Judge a pipeline by its limits, as of a time. Pure but for counting rows.

    While an update runs, the one before it is judged; an update that never ends, a continuous one,
    is judged itself. One whose process is gone was killed, which is a breach.

    Args:
        updates: the last one first.
        now: in UTC.
        is_running: a process of this machine holds the pipeline's lock.
    """
    last = updates[0] if updates else None
    running = last if is_running and last is not None and last.ended is None else None
    success = next((each.ended for each in updates if each.succeeded), None)
    seen = [success, running.newest_event if running and running.is_continuous else None]
    newest = max((each for each in seen if each is not None), default=None)
    age_hours = None if newest is None else (now - newest) / timedelta(hours=1)
    found = [
        *_of_update(limits, updates, running, rows, now),
        *_of_age(limits, age_hours),
    ]
    return PipelineHealth(pipeline, last.state if last else None, success, age_hours, found)


def _of_update(
    limits: Limits,
    updates: Sequence[MeasuredUpdate],
    running: MeasuredUpdate | None,
    rows: Rows,
    now: datetime,
) -> Iterator[Verdict]:
    limits = replace(limits, max_age_hours=None)  # judged by the last success instead
    if running is None:
        yield from judge(limits, updates, rows, now)
        return
    allowed = f"{COMPLETED} or {RUNNING}"
    yield Verdict("update", "state", running.state, allowed, True, "its process is alive")
    if running.failed_flows:
        yield Verdict("update", "failed_flows", running.failed_flows, "<= 0", False)
    if running.is_continuous:
        ended = replace(running, state=COMPLETED)
        first, *others = judge(replace(limits, max_minutes=None), [ended, *updates[1:]], rows, now)
        del first  # its state is told above
        yield from others
    elif updates[1:]:
        yield from judge(limits, updates[1:], rows, now)


def _of_age(limits: Limits, age_hours: float | None) -> Iterator[Verdict]:
    if limits.max_age_hours is not None:
        told = of_age("pipeline", age_hours, limits.max_age_hours, "no update has completed")
        yield told if told.measured is None else replace(told, note="since the last success")


def target_health(
    target: Target,
    pipeline: str | None = None,
    *,
    file: Path | None = None,
    max_age_hours: float | None = None,
) -> list[PipelineHealth]:
    """Judge a pipeline of a target, or all of its bundle; reads only.

    Args:
        file: of limits; the target's own where there is one.
        max_age_hours: instead of the limits'.

    Raises:
        UsageError: of the file of limits, or for a pipeline that is not in the bundle.
    """
    limits = limits_if_any(target, file)
    return [_of_pipeline(target, key, limits, max_age_hours) for key in _keys(target, pipeline)]


def _keys(target: Target, pipeline: str | None) -> list[str]:
    if pipeline is None and target.bundle.pipelines:
        return list(target.bundle.pipelines)
    return [target.bundle.pipeline(pipeline).key]


def _of_pipeline(
    target: Target, key: str, limits: Mapping[str, Limits], max_age_hours: float | None
) -> PipelineHealth:
    own = limits.get(key, Limits())
    if max_age_hours is not None:
        own = replace(own, max_age_hours=max_age_hours)
    process = holding_process(target.store.pipeline_path(key))
    return pipeline_health(
        key,
        own,
        updates_of(target, key),
        rows_of(target, key),
        now=datetime.now(timezone.utc),
        is_running=process is not None,
    )

"""Whether a task starts once all it waits for has ended. Pure.

Sources: Databricks, "Configure task dependencies" (Run if conditions) and "Disabled tasks in
Lakeflow Jobs", read November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from headwater.jobs.results import DISABLED, EXCLUDED, FAILED, FAILURES, SUCCESS, UPSTREAM_FAILED
from headwater.jobs.tasks import Dependency

States = Sequence[str]

RUN_IF: Mapping[str, tuple[Callable[[States], bool], str]] = {
    "ALL_SUCCESS": (
        lambda states: not _failed(states) and DISABLED not in states,
        UPSTREAM_FAILED,
    ),
    "NONE_FAILED": (
        lambda states: not _failed(states) and set(states) != {DISABLED},
        UPSTREAM_FAILED,
    ),
    "ALL_DONE": (lambda _: True, UPSTREAM_FAILED),
    "AT_LEAST_ONE_SUCCESS": (lambda states: _failed(states) < len(_run(states)), UPSTREAM_FAILED),
    "AT_LEAST_ONE_FAILED": (lambda states: _failed(states) > 0, EXCLUDED),
    "ALL_FAILED": (lambda states: _failed(states) == len(states), EXCLUDED),
}
"""Per `run_if`: the test of the states waited for, and the state of a task that fails it."""


def blocked_state(
    run_if: str,
    waits_for: Sequence[Dependency],
    states: Mapping[str, str],
    verdicts: Mapping[str, str | None],
) -> str | None:
    """Return the state that a task ends in without being started, or None when it is to start.

    An excluded task counts as a success, but when everything a task waits for is excluded, so is
    the task. An outcome that did not come about counts as excluded, and with `ALL_SUCCESS` it
    excludes the task whatever else it waits for. A task is disabled when it would have started, had
    a disabled task that it waits for run.

    Args:
        run_if: a key of `RUN_IF`.
        states: of all tasks in `waits_for`, by task key.
        verdicts: "true" or "false" of the condition tasks among them.
    """
    if not waits_for:
        return None
    seen = [states[each.task_key] for each in waits_for]
    unmet = [
        each.outcome is not None
        and state not in (*FAILURES, DISABLED)
        and verdicts.get(each.task_key) != each.outcome
        for each, state in zip(waits_for, seen, strict=True)
    ]
    seen = [EXCLUDED if missed else state for missed, state in zip(unmet, seen, strict=True)]
    if all(state == EXCLUDED for state in seen):
        return EXCLUDED
    accepts, otherwise = RUN_IF[run_if]
    if not accepts(seen):
        could_be = [[end if it == DISABLED else it for it in seen] for end in (SUCCESS, FAILED)]
        is_disabled = DISABLED in seen and any(map(accepts, could_be))
        return DISABLED if is_disabled else otherwise
    return EXCLUDED if run_if == "ALL_SUCCESS" and any(unmet) else None


def _failed(states: States) -> int:
    return sum(state in FAILURES for state in states)


def _run(states: States) -> list[str]:
    return [state for state in states if state not in (EXCLUDED, DISABLED)]

"""What a task waits for decides whether it starts: run_if, outcomes, excluded tasks."""

from __future__ import annotations

import pytest

from headwater.jobs.readiness import RUN_IF, blocked_state
from headwater.jobs.tasks import RUN_IF as VALUES
from headwater.jobs.tasks import Dependency
from lakeflow_job_meta.task_builders import PLAIN_FIELDS

RUN, UP, OUT = None, "UPSTREAM_FAILED", "EXCLUDED"
S, F, T, U, E = "SUCCESS", "FAILED", "TIMEDOUT", "UPSTREAM_FAILED", "EXCLUDED"
D = "DISABLED"


def test_run_if_has_a_rule_for_every_value_that_a_job_may_hold() -> None:
    assert set(RUN_IF) == set(VALUES) == set(PLAIN_FIELDS["run_if"].choices)


@pytest.mark.parametrize(
    ("states", "expected"),
    # ALL_SUCCESS, NONE_FAILED, ALL_DONE, AT_LEAST_ONE_SUCCESS, AT_LEAST_ONE_FAILED, ALL_FAILED
    [
        ((S, S), (RUN, RUN, RUN, RUN, OUT, OUT)),
        ((S, F), (UP, UP, RUN, RUN, RUN, OUT)),
        ((F, F), (UP, UP, RUN, UP, RUN, RUN)),
        ((T, U), (UP, UP, RUN, UP, RUN, RUN)),
        ((S, E), (RUN, RUN, RUN, RUN, OUT, OUT)),
        ((F, E), (UP, UP, RUN, UP, RUN, OUT)),
        ((E, E), (OUT, OUT, OUT, OUT, OUT, OUT)),
        ((S, "UNSUPPORTED"), (RUN, RUN, RUN, RUN, OUT, OUT)),
        ((D, D), (D, D, RUN, D, D, D)),
        ((S, D), (D, RUN, RUN, RUN, D, OUT)),
        ((F, D), (UP, UP, RUN, D, RUN, D)),
        ((E, D), (D, RUN, RUN, D, D, OUT)),
    ],
)
def test_run_if_decides_by_the_states_waited_for(
    states: tuple[str, str], expected: tuple[str | None, ...]
) -> None:
    waits_for = (Dependency("a"), Dependency("b"))
    names = (
        "ALL_SUCCESS",
        "NONE_FAILED",
        "ALL_DONE",
        "AT_LEAST_ONE_SUCCESS",
        "AT_LEAST_ONE_FAILED",
        "ALL_FAILED",
    )
    given = dict(zip(("a", "b"), states, strict=True))
    assert tuple(blocked_state(name, waits_for, given, {}) for name in names) == expected


@pytest.mark.parametrize(
    ("run_if", "outcome", "other", "expected"),
    [
        ("ALL_SUCCESS", "true", S, RUN),
        ("ALL_SUCCESS", "false", S, OUT),
        ("NONE_FAILED", "false", S, RUN),  # how two branches join again
        ("NONE_FAILED", "false", E, OUT),
        ("ALL_SUCCESS", "true", F, UP),
    ],
)
def test_an_outcome_that_did_not_come_about_excludes(
    run_if: str, outcome: str, other: str, expected: str | None
) -> None:
    waits_for = (Dependency("if", outcome), Dependency("b"))
    states = {"if": S, "b": other}
    assert blocked_state(run_if, waits_for, states, {"if": "true"}) == expected


def test_a_failed_condition_fails_both_its_branches() -> None:
    for outcome in ("true", "false"):
        waits_for = (Dependency("if", outcome),)
        assert blocked_state("ALL_SUCCESS", waits_for, {"if": F}, {}) == UP


def test_both_branches_of_a_disabled_condition_are_disabled() -> None:
    for outcome in ("true", "false"):
        waits_for = (Dependency("if", outcome),)
        assert blocked_state("ALL_SUCCESS", waits_for, {"if": D}, {"if": None}) == D


def test_a_task_that_waits_for_nothing_starts() -> None:
    assert blocked_state("ALL_FAILED", (), {}, {}) is None

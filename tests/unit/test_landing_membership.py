"""A join of the group that ends between two polls is not forgotten."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.coordinator.base import Generation, MemberState
from kafka.future import Future

from headwater.landing.membership import finish_join


class Net:
    """Runs coroutines that wait for nothing."""

    def run(self, work: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
        with contextlib.suppress(StopIteration):
            work(*arguments).send(None)


class Coordinator:
    """A member whose partitions are revoked, because a join has begun."""

    def __init__(self, task: Future | None, generation: Generation) -> None:
        self.rejoining = True
        self.rejoin_needed = False
        self.state = MemberState.REBALANCING
        self.has_heartbeat = False
        self.completed: list[tuple[object, ...]] = []
        self._net = Net()
        self._lock = contextlib.nullcontext()
        self._join_task = task
        self._generation = generation

    def request_rejoin(self) -> None:
        self.rejoin_needed = True

    def _enable_heartbeat(self) -> None:
        self.has_heartbeat = True

    async def _on_join_complete_async(self, *arguments: object) -> None:
        self.completed.append(arguments)


JOINED = Generation(7, "member", "range")


def finished(task: Future | None, generation: Generation = JOINED) -> Coordinator:
    coordinator = Coordinator(task, generation)
    finish_join(SimpleNamespace(_coordinator=coordinator))
    return coordinator


def test_join_that_ended_between_two_polls_is_completed() -> None:
    found = finished(Future().success(b"assignment"))
    assert found.completed == [(7, "member", "range", b"assignment")]
    assert (found.rejoining, found.has_heartbeat) == (False, True)
    assert (found.state, found._join_task) == (MemberState.STABLE, None)


def test_join_under_way_is_left_alone() -> None:
    found = finished(Future())
    assert (found.completed, found.rejoining, found.rejoin_needed) == ([], True, False)


@pytest.mark.parametrize(
    ("task", "generation"),
    [
        (None, JOINED),
        (Future().failure(RuntimeError()), JOINED),
        (Future().success(b"assignment"), Generation.NO_GENERATION),
    ],
)
def test_join_that_failed_is_tried_anew(task: Future | None, generation: Generation) -> None:
    found = finished(task, generation)
    assert (found.completed, found.rejoin_needed) == ([], True)

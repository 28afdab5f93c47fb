"""Event hooks: called with every event, one at a time, and never in the way of the update."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from headwater.engine.hooks import EventHooks
from headwater.errors import DefinitionError, Location
from headwater.events.rows import Event
from headwater.graph.model import EventHook
from headwater.graph.registry import Registry
from headwater.graph.sink_api import SinkApi


def hook(function: Callable[[dict[str, Any]], object], most: int | None = None) -> EventHook:
    return EventHook("tell", function, Location("p.py", 3), most)


def event(number: int) -> Event:
    return Event("update_progress", f"event {number}", {"state": "RUNNING"})


def told(found: EventHook, count: int) -> list[str]:
    """Run a hook on some events; return the status of each `hook_progress`."""
    seen: list[str] = []
    with EventHooks([found], {"update_id": "u"}) as hooks:
        hooks.emit = lambda each: seen.append(each.details["status"])
        for number in range(count):
            hooks.put(event(number))
    return seen


def fail(_: dict[str, Any]) -> None:
    raise ValueError("John Doe")


def test_hook_gets_events_as_the_log_has_them() -> None:
    seen: list[dict[str, Any]] = []
    assert told(hook(seen.append), 2) == []
    assert [each["message"] for each in seen] == ["event 0", "event 1"]
    assert seen[0]["details"] == {"update_progress": {"state": "RUNNING"}}
    assert seen[0]["origin"]["update_id"] == "u"


def test_hook_that_fails_once_too_often_is_disabled() -> None:
    assert told(hook(fail, most=1), 4) == ["FAILED", "DISABLED"]


def test_hook_without_a_limit_is_called_again() -> None:
    assert told(hook(fail), 3) == ["FAILED"] * 3


def test_success_begins_the_count_anew() -> None:
    calls = iter([True, False, True, False])

    def sometimes(given: dict[str, Any]) -> None:
        if next(calls):
            fail(given)

    assert told(hook(sometimes, most=1), 4) == ["FAILED", "FAILED"]


def test_own_events_of_hooks_are_not_handed_to_them() -> None:
    seen: list[dict[str, Any]] = []
    with EventHooks([hook(seen.append)], {}) as hooks:
        hooks.put(Event("hook_progress", "failed", {"name": "tell", "status": "FAILED"}))
    assert seen == []


def test_end_does_not_wait_for_a_hook_that_hangs() -> None:
    release = threading.Event()
    with EventHooks([hook(lambda _: release.wait())], {}, wait_seconds=0.05) as hooks:
        hooks.put(event(1))
    release.set()


@pytest.mark.parametrize("most", [-1, "3", True, 1.5])
def test_limit_is_a_whole_number(most: Any) -> None:
    with pytest.raises(DefinitionError) as caught:
        SinkApi(Registry("main", "s")).on_event_hook(max_allowable_consecutive_failures=most)
    assert caught.value.code == "ARGUMENT_INVALID"

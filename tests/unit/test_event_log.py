"""The event log of an update: nothing is lost when it can't be written for a while."""

from pathlib import Path

import pytest

from headwater.errors import UpdateError
from headwater.events.log import EventLog
from headwater.events.query import read_events
from headwater.events.rows import Event


def event(message: str, error: Exception | None = None) -> Event:
    return Event("update_progress", message, {"state": "RUNNING"}, error=error)


def messages(path: Path) -> list[str]:
    return [row["message"] for row in read_events(path)]


def test_events_that_could_not_be_written_are_written_later(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "events"
    path.parent.touch()  # a file where the log's folder belongs
    with EventLog(path, {}) as log:
        log.emit(event("one"))
        log.flush()
        path.parent.unlink()
        log.emit(event("two"))
    assert messages(path) == ["one", "two"]


def test_log_that_is_not_written_at_the_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "events"
    path.parent.touch()
    with pytest.raises(UpdateError) as caught, EventLog(path, {}) as log:
        log.emit(event("one"))
    assert caught.value.code == "EVENT_LOG_NOT_WRITTEN"


def test_failing_log_does_not_hide_what_is_being_raised(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "events"
    path.parent.touch()
    with pytest.raises(KeyError), EventLog(path, {}) as log:
        log.emit(event("one"))
        raise KeyError


def test_errors_of_others_are_logged_by_their_class_alone(tmp_path: Path) -> None:
    with EventLog(tmp_path, {}) as log:
        log.emit(event("failed", ValueError("John Doe")))
        log.emit(event("failed", UpdateError("DISK_FULL", "The disk is full")))
    told = [row["error"]["exceptions"][0]["message"] for row in read_events(tmp_path)]
    assert told == ["ValueError", "[DISK_FULL] The disk is full"]

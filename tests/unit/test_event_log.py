"""The event log of an update: nothing is lost when it can't be written for a while."""

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from deltalake import DeltaTable

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


def test_old_events_are_dropped_but_not_what_the_update_is_made_of(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)

    def log(update: str, kept: timedelta | None, *events: tuple[str, int]) -> None:
        with EventLog(tmp_path, {"update_id": update}, kept=kept) as opened:
            for kind, days in events:
                old = now - timedelta(days=days)
                opened.emit(Event(kind, f"{update} {kind} {days}", {}, timestamp=old))

    log("a", None, ("create_update", 50), ("flow_progress", 40))
    log("b", None, ("create_update", 31), ("flow_progress", 29))
    assert len(messages(tmp_path)) == 4
    for _ in range(2):
        log("c", timedelta(days=30), ("create_update", 60), ("flow_progress", 60))
        assert messages(tmp_path)[-1] == "b flow_progress 29"
        assert set(messages(tmp_path)[:-1]) == {"c create_update 60"}


def test_long_updates_join_their_files_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.events.log.FLUSH_SECONDS", 0.01)
    monkeypatch.setattr("headwater.events.log.COMPACT_FILES", 3)
    joined = threading.Event()
    with EventLog(tmp_path, {}) as log:
        for number in range(200):
            log.emit(event(str(number)))
            log.flush()
            operations = [each["operation"] for each in DeltaTable(tmp_path).history(limit=5)]
            if "OPTIMIZE" in operations:
                joined.set()
                break
    assert joined.is_set()
    assert messages(tmp_path) == [str(each) for each in range(number + 1)]

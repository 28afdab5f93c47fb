"""What is told of landing: one JSON line per happening, one changing line on a terminal."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request

import pytest

from headwater.landing.counts import Counts
from headwater.landing.report import Reporter, serve_metrics


class Landing:
    """A consumer that stands still."""

    def __init__(self) -> None:
        self.counts = Counts(landed=40, rejected=2, files=3)
        self.memory = 500
        self.partitions = [1, 2]

    def lag(self) -> int:
        return 7


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Storage:
    def __init__(self) -> None:
        self.is_well = True


def test_progress_is_one_json_line() -> None:
    stream = io.StringIO()
    Reporter(stream).tell(Landing())
    (line,) = stream.getvalue().splitlines()
    facts = json.loads(line)
    assert facts["event"] == "progress"
    assert {name: facts[name] for name in ("landed", "rejected", "files", "lag", "partitions")} == {
        "landed": 40,
        "rejected": 2,
        "files": 3,
        "lag": 7,
        "partitions": 2,
    }


def test_terminal_gets_a_line_that_changes() -> None:
    stream = Terminal()
    reporter = Reporter(stream)
    reporter.tell(Landing())
    reporter.notify("claim_lost", partition=1)
    assert stream.getvalue().startswith("\r\x1b[K40 landed, 2 rejected, 3 files, ")
    assert stream.getvalue().count("\n") == 1


def test_turns_within_the_interval_tell_nothing() -> None:
    stream = io.StringIO()
    reporter = Reporter(stream)
    reporter.on_turn(Landing())
    assert stream.getvalue() == ""


def test_health_follows_the_storage() -> None:
    reporter, storage = Reporter(io.StringIO()), Storage()
    reporter.tell(Landing())
    with serve_metrics(reporter, storage, 0) as port:
        assert "headwater_landing_lag 7.0" in _get(port, "metrics")
        assert _get(port, "healthz") == "well"
        storage.is_well = False
        with pytest.raises(urllib.error.HTTPError) as caught:
            _get(port, "healthz")
        with caught.value as answer:
            assert (answer.code, answer.read()) == (503, b"the storage does not answer")


def _get(port: int, path: str) -> str:
    address = f"http://127.0.0.1:{port}/{path}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        return str(answer.read().decode())

"""What is told of landing: one JSON line per happening, one changing line on a terminal."""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from headwater.errors import SettingError
from headwater.landing.counts import Counts
from headwater.landing.report import Reporter, serve_metrics
from headwater.landing.standing import Standing


class Landing:
    """A consumer that stands still."""

    def __init__(self, lag: int | None = 7, standing: Standing | None = None) -> None:
        self.known_lag = lag
        self.standing = standing or Standing(True, 2, time.monotonic())
        self.counts = Counts(landed=40, rejected=2, files=3)
        self.memory = 500
        self.partitions = [1, 2]

    def lag(self) -> int | None:
        return self.known_lag


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


def _health(landing: Landing) -> tuple[int, str]:
    reporter = Reporter(io.StringIO())
    reporter.tell(landing)
    with serve_metrics(reporter, Storage(), 0) as port:
        try:
            return 200, _get(port, "healthz")
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()


def test_member_that_got_no_partition_for_a_minute_is_not_well() -> None:
    joining = Standing(False, 0, time.monotonic() - 61)
    assert _health(Landing(None, joining)) == (503, "the group has assigned no partition for 61 s")
    assert _health(Landing(None, Standing(False, 0, time.monotonic())))[0] == 200


def test_member_for_which_no_partition_is_left_is_well_and_says_so() -> None:
    code, text = _health(Landing(0, Standing(True, 0, time.monotonic() - 3600)))
    assert (code, "no partition left" in text) == (200, True)


def test_broker_that_does_not_tell_the_lag_is_said() -> None:
    reporter = Reporter(io.StringIO())
    reporter._began = time.monotonic() - 120
    reporter.snapshot = replace(reporter.snapshot, lag_known_at=reporter._began)
    reporter.tell(Landing(None, Standing(True, 2, reporter._began)))
    with serve_metrics(reporter, Storage(), 0) as port:
        with pytest.raises(urllib.error.HTTPError) as caught:
            _get(port, "healthz")
        with caught.value as answer:
            assert (answer.code, b"has not reported the lag" in answer.read()) == (503, True)


def test_port_that_is_taken_is_named() -> None:
    reporter, storage = Reporter(io.StringIO()), Storage()
    with (
        serve_metrics(reporter, storage, 0) as port,
        pytest.raises(SettingError) as caught,
        serve_metrics(reporter, storage, port),
    ):
        pass
    assert caught.value.code == "METRICS_PORT_TAKEN"


def test_unknown_lag_is_not_zero() -> None:
    stream = io.StringIO()
    reporter = Reporter(stream)
    reporter.tell(Landing(None, Standing(False, 0, time.monotonic())))
    facts = json.loads(stream.getvalue())
    assert (facts["lag"], facts["standing"], facts["partitions"]) == (None, "waiting", 2)
    with serve_metrics(reporter, Storage(), 0) as port:
        assert "headwater_landing_lag NaN" in _get(port, "metrics")


def _get(port: int, path: str) -> str:
    address = f"http://127.0.0.1:{port}/{path}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        return str(answer.read().decode())

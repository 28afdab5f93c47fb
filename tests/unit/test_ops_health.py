"""`headwater ops health`: verdicts while updates run, age of the rows, and the HTTP probe."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner

from headwater.cli.main import cli
from headwater.errors import HeadwaterError, SettingError, UsageError
from headwater.events.report import RuleTotals
from headwater.operations.health import PipelineHealth, pipeline_health, target_health
from headwater.operations.probe import PATH, probe_server
from headwater.quality.limits import Limits, RuleLimit
from headwater.quality.measures import MeasuredUpdate
from headwater.state.lock import holding_process, update_lock
from unit.operations_support import log_update, shop

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
BAD = RuleTotals("valid", "main.silver.events", 1, 9)


def ended(hours_ago: float, state: str = "COMPLETED", *rules: RuleTotals) -> MeasuredUpdate:
    end = NOW - timedelta(hours=hours_ago)
    started = end - timedelta(minutes=5)
    return MeasuredUpdate("u", state, started, end, rules, end, rules_since=rules)


def running(hours_ago: float, *rules: RuleTotals, continuous: bool = False) -> MeasuredUpdate:
    at = NOW - timedelta(hours=hours_ago)
    return MeasuredUpdate("r", "RUNNING", at, None, rules, at, continuous, rules_since=rules)


def health(
    *updates: MeasuredUpdate, limits: Limits | None = None, alive: bool = False
) -> PipelineHealth:
    return pipeline_health(
        "flow", limits or Limits(), updates, lambda *_: None, now=NOW, is_running=alive
    )


def test_pipeline_that_never_ran_is_not_healthy() -> None:
    found = health(limits=Limits(max_age_hours=1))
    assert (found.is_healthy, found.state, found.last_success) == (False, None, None)
    assert [each.measure for each in found.verdicts] == ["state", "max_age_hours"]


def test_age_counts_from_the_last_success_and_not_from_a_failure() -> None:
    found = health(ended(1, "FAILED"), ended(30), limits=Limits(max_age_hours=24))
    assert found.age_hours == 30
    assert [each.holds for each in found.verdicts] == [False, False]


def test_update_that_runs_is_no_fault_and_the_one_before_is_judged() -> None:
    limits = Limits(max_age_hours=24, rules=(RuleLimit("valid", max_failed_share=0.5),))
    assert health(running(0), ended(2, "COMPLETED", BAD), alive=True, limits=limits).is_healthy is (
        False
    )
    assert health(running(0), ended(2), alive=True).is_healthy
    assert health(running(0), alive=True).is_healthy


def test_update_that_only_started_makes_nothing_fresh() -> None:
    found = health(running(0), ended(99), alive=True, limits=Limits(max_age_hours=24))
    assert (found.is_healthy, found.age_hours) == (False, 99)


def test_update_whose_process_is_gone_was_killed() -> None:
    assert not health(running(0), ended(2), alive=False).is_healthy


def test_continuous_update_is_judged_itself_by_its_rules_and_its_last_event() -> None:
    limits = Limits(max_age_hours=1, rules=(RuleLimit("valid", max_failed_share=0.5),))
    good = RuleTotals("valid", "main.silver.events", 9, 1)
    fine = health(running(0.5, good, continuous=True), ended(99), alive=True, limits=limits)
    assert (fine.is_healthy, fine.age_hours) == (True, 0.5)
    assert not health(running(0.5, BAD, continuous=True), alive=True, limits=limits).is_healthy
    assert not health(running(2, good, continuous=True), alive=True, limits=limits).is_healthy


def test_health_of_a_target_uses_its_limits_and_the_option(tmp_path: Path) -> None:
    target = shop(tmp_path)
    log_update(target, "1", hours_ago=5, rules=[("valid", "main.silver.events", 1, 9)])
    (found,) = target_health(target)
    assert found.is_healthy
    assert not target_health(target, "flow", max_age_hours=4)[0].is_healthy
    file = tmp_path / "resources/limits/default.yml"
    file.parent.mkdir(parents=True)
    file.write_text(
        "version: 1\npipelines: {flow: {rules: [{rule: valid, max_failed_share: 0.1}]}}"
    )
    assert [each.holds for each in target_health(target)[0].verdicts] == [True, False]


def test_limits_of_a_pipeline_that_is_not_there_are_refused(tmp_path: Path) -> None:
    target = shop(tmp_path)
    log_update(target, "1")
    file = tmp_path / "typo.yml"
    file.write_text("version: 1\npipelines:\n  flwo: {max_minutes: 1}")
    with pytest.raises(UsageError, match=r"LIMITS_INVALID.*typo\.yml:3") as caught:
        target_health(target, file=file)
    assert "'flow'" in caught.value.hint


def test_update_that_ends_in_the_future_has_no_age() -> None:
    found = health(ended(-3), limits=Limits(max_age_hours=24))
    assert [(each.holds, each.measured) for each in found.verdicts][1:] == [(False, None)]
    assert "clock" in found.verdicts[1].note
    assert health(ended(-0.01), limits=Limits(max_age_hours=24)).is_healthy


def test_failed_flow_of_a_continuous_update_is_told(tmp_path: Path) -> None:
    target = shop(tmp_path)
    log_update(target, "1", state=None, continuous=True, failed_flow=True)
    with update_lock(target.store.pipeline_path("flow"), "flow"):
        (found,) = target_health(target)
    assert ("failed_flows", False) in [(each.measure, each.holds) for each in found.verdicts]


def test_process_that_holds_an_update_is_found_without_taking_the_lock(tmp_path: Path) -> None:
    assert holding_process(tmp_path) is None
    with update_lock(tmp_path, "flow"):
        assert holding_process(tmp_path) == os.getpid()
        holder = tmp_path / "update.holder.json"
        told = json.loads(holder.read_text())
        holder.write_text(json.dumps({**told, "started": "2001-01-01T00:00:00+00:00"}))
        assert holding_process(tmp_path) is None  # a process of the same number, made later
    assert holding_process(tmp_path) is None


def test_health_command_ends_with_1_and_prints_json(tmp_path: Path) -> None:
    target = shop(tmp_path)
    arguments = ["ops", "health", "--bundle", str(tmp_path), "--json"]
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, json.loads(result.stdout)["healthy"]) == (1, False)
    log_update(target, "1")
    result = CliRunner().invoke(cli, [*arguments, "--dry-run"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["pipelines"][0]["state"]) == (0, "COMPLETED")
    assert CliRunner().invoke(cli, arguments[:-1]).stdout.endswith("'default': healthy.\n")


def test_health_of_an_unknown_pipeline_or_file_is_refused(tmp_path: Path) -> None:
    shop(tmp_path)
    for more, code in (["flwo"], "PIPELINE_UNKNOWN"), (["--limits", "x"], "LIMITS_NOT_FOUND"):
        result = CliRunner().invoke(cli, ["ops", "health", *more, "--bundle", str(tmp_path)])
        assert getattr(result.exception, "code", None) == code


@contextmanager
def asked(ask: object) -> Iterator[str]:
    with probe_server(0, ask) as port:  # type: ignore[arg-type]
        yield f"http://127.0.0.1:{port}"


def get(url: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_probe_answers_200_and_503() -> None:
    with asked(lambda: (True, {"healthy": True})) as url:
        assert get(url + PATH) == (200, {"healthy": True})
        assert get(url + "/other")[0] == 404
    with asked(lambda: (False, {"healthy": False})) as url:
        assert get(url + PATH)[0] == 503


def test_probe_answers_503_to_whatever_goes_wrong_and_shows_no_values() -> None:
    def broken() -> None:
        raise ValueError("Ada Lovelace")

    def refused() -> None:
        raise HeadwaterError("LIMITS_INVALID", "It has no version")

    with asked(broken) as url:
        assert get(url + PATH) == (
            503,
            {"healthy": False, "error": {"code": "UNEXPECTED", "message": "ValueError"}},
        )
    with asked(refused) as url:
        assert get(url + PATH)[1]["error"] == {
            "code": "LIMITS_INVALID",
            "message": "It has no version",
        }


def test_probe_asks_once_for_many_and_a_silent_client_keeps_none_waiting() -> None:
    calls: list[int] = []

    def ask() -> tuple[bool, dict[str, object]]:
        calls.append(1)
        return True, {}

    with probe_server(0, ask, kept_seconds=60) as port:
        silent = http.client.HTTPConnection("127.0.0.1", port)
        silent.connect()
        url = f"http://127.0.0.1:{port}{PATH}"
        threads = [threading.Thread(target=get, args=(url,)) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(5)
        silent.close()
    assert len(calls) == 1


def test_probe_refuses_a_port_that_is_taken() -> None:
    with (
        probe_server(0, lambda: (True, {})) as port,
        pytest.raises(SettingError) as caught,
        probe_server(port, lambda: (True, {})),
    ):
        pass
    assert caught.value.code == "PORT_TAKEN"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_served_health_stops_cleanly_on_a_signal(tmp_path: Path, number: int) -> None:
    log_update(shop(tmp_path), "1")
    command = [sys.executable, "-m", "headwater.cli.main", "ops", "health", "--serve", "0"]
    with subprocess.Popen(
        [*command, "--bundle", str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        url = served.stdout.readline().split()[1]
        assert get(url)[0] == 200
        served.send_signal(number)
        assert served.wait(10) == 0

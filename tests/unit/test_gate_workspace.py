"""The gate of a workspace, by statements in a warehouse: a fake of ours answers them over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from operations_support import log_update, shop

from headwater.cli.main import cli
from headwater.errors import HeadwaterError, UsageError, WorkspaceError
from headwater.events.query import read_events
from workspace_fake import FakeWorkspace, fake_workspace, sign_in

LIMITS = """
version: 1
pipelines:
  flow:
    max_age_hours: 24
    rules: [{rule: positive, table: silver.events, max_failed_share: 0.2}]
    tables: [{table: events, min_rows: 5, max_change: 0.5}]
"""


def as_answered(event: dict[str, Any]) -> dict[str, Any]:
    """An event of a log as the statement of the gate returns it."""
    return {
        "id": event["id"],
        "origin": json.dumps(event["origin"]),
        "micros": int(event["timestamp"].timestamp() * 1_000_000),
        "event_type": event["event_type"],
        "message": event["message"],
        "level": event["level"],
        "error": None,
        "details": json.dumps(event["details"]),
    }


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWorkspace]:
    """A workspace in which the pipeline ran twice; its log is one of ours, its counts are given."""
    target = shop(tmp_path)
    (tmp_path / "limits.yml").write_text(LIMITS)
    rules = [("positive", "main.silver.events", 90, 10)]
    log_update(target, "u1", hours_ago=3, rules=rules)
    log_update(target, "u2", hours_ago=1, rules=rules)
    events = read_events(target.event_log("flow"))
    with fake_workspace("http://127.0.0.1:9") as fake:
        fake.pipelines["p1"] = {"pipeline_id": "p1", "name": "flow"}
        fake.statements = {
            "event_log('p1')": [as_answered(each) for each in events],
            "`main`.`silver`.`events` TIMESTAMP": [{"n": 8}],
            "`main`.`silver`.`events`": [{"n": 10}],
        }
        sign_in(monkeypatch, tmp_path, fake.host)
        monkeypatch.chdir(tmp_path)
        yield fake


def gate(*arguments: str) -> Result:
    return CliRunner().invoke(
        cli,
        ["gate", "--limits", "limits.yml", *arguments],
        standalone_mode=False,
        catch_exceptions=False,
    )


IN_WORKSPACE = ("--workspace", "--warehouse", "w1", "--json")


def verdicts(result: Result) -> dict[str, tuple[Any, str]]:
    told = json.loads(result.stdout)["pipelines"]["flow"]
    return {each["measure"]: (each["measured"], each["verdict"]) for each in told}


def test_workspace_is_judged_as_a_state_folder_is(workspace: FakeWorkspace) -> None:
    found = gate(*IN_WORKSPACE)
    assert found.exit_code == 0, found.stdout
    told = verdicts(found)
    assert told["state"] == ("COMPLETED", "ok")
    assert told["max_failed_share"] == (0.1, "ok")
    assert told["min_rows"] == (10, "ok")
    assert told["max_change"] == (0.25, "ok")


def test_table_that_nothing_changed_since_the_baseline_has_not_changed(
    workspace: FakeWorkspace,
) -> None:
    said = "[DELTA_TIMESTAMP_GREATER_THAN_COMMIT] The provided timestamp is after the latest"
    workspace.statements["`main`.`silver`.`events` TIMESTAMP"] = [{"refused": said}]
    assert verdicts(gate(*IN_WORKSPACE))["max_change"] == (0.0, "ok")


def test_table_that_was_not_there_at_the_baseline_is_a_breach(workspace: FakeWorkspace) -> None:
    said = "[DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION] The provided timestamp is before"
    workspace.statements["`main`.`silver`.`events` TIMESTAMP"] = [{"refused": said}]
    assert verdicts(gate(*IN_WORKSPACE))["max_change"] == (None, "BREACH")


def test_table_that_is_not_there_is_a_breach(workspace: FakeWorkspace) -> None:
    absent = [{"refused": "[TABLE_OR_VIEW_NOT_FOUND] The table cannot be found"}]
    workspace.statements["`main`.`silver`.`events`"] = absent
    found = gate(*IN_WORKSPACE)
    assert found.exit_code == 1
    assert verdicts(found)["min_rows"] == (None, "BREACH")


def test_pipeline_that_never_ran_is_a_breach(workspace: FakeWorkspace) -> None:
    workspace.statements["event_log('p1')"] = []
    assert gate(*IN_WORKSPACE).exit_code == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda fake: fake.pipelines.clear(), "NOT_FOUND"),
        (
            lambda fake: fake.pipelines.update(p2={"pipeline_id": "p2", "name": "flow"}),
            "PIPELINE_AMBIGUOUS",
        ),
        (
            lambda fake: fake.statements.update(
                {"event_log('p1')": [{"refused": "[INSUFFICIENT_PERMISSIONS] Ada may not"}]}
            ),
            "STATEMENT_FAILED",
        ),
        (lambda fake: fake.refused.update({"/api/2.0/sql": 401}), "WORKSPACE_TOKEN_REFUSED"),
        (lambda fake: fake.refused.update({"/api/2.0/sql": 403}), "PERMISSION_DENIED"),
    ],
)
def test_what_the_workspace_refuses_is_an_error_without_its_words(
    workspace: FakeWorkspace, change: Any, code: str
) -> None:
    change(workspace)
    with pytest.raises(HeadwaterError) as caught:
        gate(*IN_WORKSPACE)
    assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert "Ada" not in str(caught.value)


def test_options_without_each_other_are_refused(workspace: FakeWorkspace) -> None:
    with pytest.raises(UsageError, match="WAREHOUSE_MISSING"):
        gate("--workspace")
    with pytest.raises(UsageError, match="OPTION_WITHOUT_EFFECT"):
        gate("--warehouse", "w1")
    assert WorkspaceError("X", "").exit_code == 1

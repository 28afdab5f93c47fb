"""`headwater ops rollback`: what it would do, what it refuses, and what it says of flows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from headwater.cli.main import cli
from headwater.errors import UsageError
from headwater.names import TableName
from headwater.operations.rollback import Aim, Outcome, Rollback, roll_back, version_of
from headwater.operations.tables import tables_on_disk
from headwater.state.lock import update_lock
from headwater.state.target import Target
from unit.operations_support import count, make_table, shop

EVENTS = "main.silver.events"
BATCHES = [{"id": [1, 2]}, {"id": [3]}, {"id": [4]}]
HISTORY: Sequence[dict[str, Any]] = [
    {"version": 2, "timestamp": 3000},
    {"version": 1, "timestamp": 2000},
]


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["ops", "rollback", *arguments, "--bundle", str(folder)])


def outcomes(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = json.loads(run(folder, "--json", *arguments).stdout)["tables"]
    return result


def code(result: Result) -> str:
    return str(getattr(result.exception, "code", ""))


def test_rollback_is_dry_unless_it_is_applied(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), EVENTS, *BATCHES)
    for more in ([], ["--dry-run"]):
        (told,) = outcomes(tmp_path, "silver.events", "--to-version", "1", *more)
        assert (told["outcome"], told["version"], told["to_version"]) == ("WOULD", 2, 1)
        assert (told["before"]["rows"], told["after"]["rows"]) == (4, 3)
        assert (told["before"]["files"], told["after"]["files"]) == (3, 2)
    assert DeltaTable(path).version() == 2
    assert "pass --apply" in run(tmp_path, "events", "--to-version", "1").stdout


def test_rollback_brings_the_rows_back_and_can_be_taken_back(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), EVENTS, *BATCHES)
    (told,) = outcomes(tmp_path, "events", "--to-version", "0", "--apply")
    assert (told["outcome"], count(path)) == ("DONE", 2)
    assert outcomes(tmp_path, "events", "--to-version", "0", "--apply")[0]["outcome"] == "NOTHING"
    assert "--to-version 2 --apply" in told["note"]
    outcomes(tmp_path, "events", "--to-version", "2", "--apply")
    assert count(path) == 4


def test_rollback_to_a_time_takes_the_last_version_up_to_it() -> None:
    def at(milliseconds: int) -> Aim:
        return Aim(time=datetime.fromtimestamp(milliseconds / 1000, timezone.utc))

    assert [version_of(at(each), HISTORY, 2) for each in (2000, 2999, 9000)] == [1, 1, 2]
    with pytest.raises(UsageError, match="ROLLBACK_HISTORY_GONE"):
        version_of(at(1999), HISTORY, 2)
    with pytest.raises(UsageError, match="ROLLBACK_VERSION_UNKNOWN"):
        version_of(Aim(3), HISTORY, 2)


def test_rollback_is_refused_when_files_are_gone(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), EVENTS, *BATCHES)
    write_deltalake(path, pa.table({"id": [9]}), mode="overwrite")
    Path(DeltaTable(path, version=2).file_uris()[0]).unlink()
    result = run(tmp_path, "--json", "events", "--to-version", "2", "--apply")
    (told,) = json.loads(result.stdout)["tables"]
    assert (told["outcome"], told["code"]) == ("REFUSED", "ROLLBACK_FILES_GONE")
    assert "1 of 3 files" in told["note"]
    assert (result.exit_code, DeltaTable(path).version()) == (1, 3)


def test_rollback_is_refused_when_the_log_is_gone(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), EVENTS, *BATCHES)
    DeltaTable(path).create_checkpoint()
    (path / "_delta_log" / f"{0:020}.json").unlink()
    assert outcomes(tmp_path, "events", "--to-version", "0")[0]["code"] == "ROLLBACK_HISTORY_GONE"


def test_files_of_odd_partitions_are_found(tmp_path: Path) -> None:
    rows = {"id": [1, 2, 3], "p": ["a b", "a/b", "ü%"]}
    make_table(shop(tmp_path), EVENTS, rows, rows, partition_by=["p"])
    assert outcomes(tmp_path, "events", "--to-version", "0")[0]["outcome"] == "WOULD"


def test_one_refused_table_keeps_all_as_they_are(tmp_path: Path) -> None:
    target = shop(tmp_path)
    fine = make_table(target, EVENTS, *BATCHES)
    make_table(target, "main.silver.cdc", *BATCHES, change={"keys": "id"})
    result = run(tmp_path, "events", "cdc", "--to-version", "1", "--apply")
    assert "[ROLLBACK_AUTO_CDC]" in result.stdout
    assert "--full-refresh=main.silver.cdc" in result.stdout
    assert "No table was changed." in result.stdout
    assert (result.exit_code, DeltaTable(fine).version()) == (1, 2)


def test_table_that_needs_spark_is_refused_with_the_statement(tmp_path: Path) -> None:
    path = shop(tmp_path).store.table_path(TableName("main", "silver", "events"))
    vectors = {"delta.enableDeletionVectors": "true"}
    write_deltalake(path, pa.table({"id": [1]}), configuration=vectors)
    write_deltalake(path, pa.table({"id": [2]}), mode="append")
    (told,) = outcomes(tmp_path, "events", "--to-version", "0")
    assert told["code"] == "ROLLBACK_NEEDS_SPARK"
    assert "RESTORE TABLE main.silver.events TO VERSION AS OF 0" in told["note"]


def test_what_follows_for_flows_is_told(tmp_path: Path) -> None:
    target = shop(tmp_path)
    path = make_table(target, EVENTS, *BATCHES)
    make_table(target, "main.silver.v", *BATCHES, kind="MATERIALIZED_VIEW")
    state = target.pipeline_state("flow")
    checkpoint = state.checkpoint(TableName("main", "gold", "t"), "reader", 0)
    offset = {"reservoirId": str(DeltaTable(path).metadata().id), "reservoirVersion": 3}
    for folder, text in ("offsets", f"v1\n{{}}\n{json.dumps(offset)}"), ("commits", "v1"):
        (checkpoint / folder).mkdir(parents=True)
        (checkpoint / folder / "0").write_text(text)
    events, view = outcomes(tmp_path, "events", "v", "--to-version", "1")
    own, stream = events["effects"]
    assert f"--full-refresh={EVENTS}" in own
    assert "The stream 'reader' of 'flow'" in stream
    assert "--full-refresh=main.gold.t" in stream
    assert "recomputes it" in view["effects"][0]


def test_columns_that_go_back_are_named(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), EVENTS, *BATCHES)
    wider = pa.table({"id": [5], "added": ["x"]})
    write_deltalake(path, wider, mode="append", schema_mode="merge")
    told = outcomes(tmp_path, "events", "--to-version", "2", "--apply")[0]
    assert any("Columns go back too: added;" in each for each in told["effects"])
    assert [each.name for each in DeltaTable(path).schema().fields] == ["id"]


def test_rollback_never_runs_beside_an_update(tmp_path: Path) -> None:
    target = shop(tmp_path)
    make_table(target, EVENTS, *BATCHES)
    with update_lock(target.store.pipeline_path("flow"), "flow"):
        assert outcomes(tmp_path, "events", "--to-version", "0")[0]["outcome"] == "WOULD"
        refused = run(tmp_path, "events", "--to-version", "0", "--apply")
    assert code(refused) == "UPDATE_IN_PROGRESS"


def test_tables_after_one_that_failed_are_not_done_and_a_second_run_does_them(
    tmp_path: Path,
) -> None:
    target = shop(tmp_path)
    paths = [make_table(target, f"main.silver.{name}", *BATCHES) for name in "abc"]
    tables = tables_on_disk(target)

    def full_disk(table: DeltaTable, version: int) -> object:
        if table.table_uri.rstrip("/").endswith("/b"):
            raise DeltaError("no space left for Ada Lovelace")
        return table.restore(version)

    found = roll_back(target, tables, Aim(0), apply=True, restore=full_disk)
    assert [each.outcome.value for each in found] == ["DONE", "FAILED", "NOT_DONE"]
    assert "Ada" not in found[1].note
    again = roll_back(target, tables, Aim(0), apply=True)
    assert [each.outcome for each in again] == [Outcome.NOTHING, Outcome.DONE, Outcome.DONE]
    assert [count(each) for each in paths] == [2, 2, 2]


def test_interrupt_hides_nothing_that_was_done_and_a_second_run_repairs(tmp_path: Path) -> None:
    target = shop(tmp_path)
    paths = [make_table(target, f"main.silver.{name}", *BATCHES) for name in "ab"]
    tables = tables_on_disk(target)
    told: list[Rollback] = []

    def interrupted(table: DeltaTable, version: int) -> object:
        if told:
            raise KeyboardInterrupt
        return table.restore(version)

    with pytest.raises(KeyboardInterrupt):
        roll_back(target, tables, Aim(0), apply=True, restore=interrupted, told=told.append)
    assert [(each.table, each.outcome) for each in told] == [("main.silver.a", Outcome.DONE)]
    again = roll_back(target, tables, Aim(0), apply=True)  # the locks are free
    assert [each.outcome for each in again] == [Outcome.NOTHING, Outcome.DONE]
    assert [count(each) for each in paths] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "ROLLBACK_TABLES"),
        (["events"], "ROLLBACK_AIM"),
        (["events", "--to-version", "1", "--to-time", "2026-01-01"], "ROLLBACK_AIM"),
        (["events", "--to-time", "yesterday"], "TIME_INVALID"),
        (["evnets", "--to-version", "1"], "TABLE_NOT_FOUND"),
        (["events", "--to-version", "1", "--apply", "--dry-run"], "OPTIONS_CONFLICT"),
    ],
)
def test_wrong_calls_of_rollback_are_refused(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    make_table(shop(tmp_path), EVENTS, *BATCHES)
    assert code(run(tmp_path, *arguments)) == expected


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_tag_of_a_bundle_is_explained_and_nothing_is_checked_out(tmp_path: Path) -> None:
    inner = tmp_path / "repo" / "my shop"
    inner.mkdir(parents=True)
    shop(inner)
    git(inner, "init", "-q")
    git(inner, "add", ".")
    git(inner, "commit", "-qm", "one")
    git(inner, "tag", "v1")
    (inner / "flow.py").write_text("changed = 1\n")
    told = json.loads(run(inner, "--bundle-tag", "v1", "--json", "--apply").stdout)["bundle"]
    commit = git(inner, "rev-parse", "HEAD").strip()
    assert told["commit"] == commit
    assert told["commands"][0].startswith("git worktree add --detach ../'my shop-") or (
        "worktree add --detach '../my shop-" in told["commands"][0]
    )
    assert (inner / "flow.py").read_text() == "changed = 1\n"
    assert git(inner, "worktree", "list").count("\n") == 1
    assert code(run(inner, "--bundle-tag", "v2")) == "GIT_REF_UNKNOWN"
    assert code(run(inner, "--bundle-tag", "--output=x")) == "GIT_REF_UNKNOWN"


def test_target_without_git_says_so(tmp_path: Path) -> None:
    shop(tmp_path)
    assert code(run(tmp_path, "--bundle-tag", "v1")) == "GIT_CHECKOUT_MISSING"


def test_tables_of_a_target_are_listed_with_their_state(tmp_path: Path) -> None:
    target: Target = shop(tmp_path)
    make_table(target, EVENTS, *BATCHES, change={"keys": "id"})
    (found,) = tables_on_disk(target)
    assert (found.name, found.state is not None) == (EVENTS, True)

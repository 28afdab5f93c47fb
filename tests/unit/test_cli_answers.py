"""What commands print and find: tables of any width, ids, names, servers that are not ours."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from headwater.bundle import load_bundle
from headwater.cli import graphs, live
from headwater.cli.main import cli
from headwater.cli.options import names, variable_values
from headwater.cli.render import print_rows
from headwater.dev.state import start_servers, stop_servers
from headwater.errors import UsageError
from headwater.events.log import EventLog
from headwater.events.query import read_events
from headwater.events.rows import Event
from headwater.names import TableName
from headwater.settings import read_settings
from headwater.state.store import Store
from headwater.state.target import Target, open_target

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def test_columns_of_a_pipe_are_as_wide_as_what_they_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rows([{f"column_{n}": f"value_{n}" for n in range(120)}])
    head, _, row, *_ = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert head.split() == [f"column_{n}" for n in range(120)]
    assert row.split() == [f"value_{n}" for n in range(120)]


def test_rows_that_do_not_fit_a_terminal_are_printed_below_each_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.cli.render._ANY_WIDTH", 60)
    print_rows([{f"c{n}": n for n in range(40)}, {f"c{n}": -n for n in range(40)}])
    printed = capsys.readouterr().out
    words = [line.split() for line in printed.splitlines()]
    assert [each for each in words if each[:1] == ["c39"]] == [["c39", "39"], ["c39", "-39"]]


def test_narrow_columns_that_fit_a_terminal_stay_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.cli.render._ANY_WIDTH", 60)
    print_rows([{f"c{n}": n for n in range(10)}])
    assert len(capsys.readouterr().out.strip().splitlines()) == 3


def test_columns_of_one_name_are_both_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"a": 1, "a_2": 2}], ["a", "a"])
    assert capsys.readouterr().out.split()[-2:] == ["1", "2"]


def test_progress_that_nobody_reads_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("click.echo", gone)
    with live.progress(quiet=False) as tell:
        assert tell is not None
        tell(Event("update_progress", "RUNNING", {"state": "RUNNING"}))


def _told(path: Path, update: str, *moments: datetime) -> None:
    with EventLog(path, {"update_id": update}) as log:
        for number, moment in enumerate(moments):
            kind = "update_progress" if number else "create_update"
            log.emit(Event(kind, f"{update} {number}", {}, timestamp=moment))


def test_events_of_an_update_are_in_order_though_the_clock_goes_back(tmp_path: Path) -> None:
    early, late = NOON, NOON + timedelta(minutes=1)
    _told(tmp_path, "abc1", late, late, early)
    _told(tmp_path, "abd2", late + timedelta(minutes=1))
    messages = [event["message"] for event in read_events(tmp_path)]
    assert messages == ["abc1 0", "abc1 1", "abc1 2", "abd2 0"]


def test_update_is_found_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    _told(tmp_path, "abc1", NOON)
    _told(tmp_path, "abd2", NOON + timedelta(minutes=1))
    assert [each["message"] for each in read_events(tmp_path, update_id="abc")] == ["abc1 0"]
    assert [each["message"] for each in read_events(tmp_path, update_id="latest")] == ["abd2 0"]
    for unknown in ("ab", "", "x"):
        with pytest.raises(UsageError, match="UPDATE_UNKNOWN"):
            read_events(tmp_path, update_id=unknown)


def test_option_that_names_nothing_is_refused() -> None:
    assert names(None) == ()
    for empty in ("", " ", ","):
        with pytest.raises(UsageError, match="NAMES_EMPTY"):
            names(empty)


def test_variable_may_have_several_lines() -> None:
    assert variable_values(("cert=a\nb,c",)) == {"cert": "a\nb,c"}


def _target(folder: Path, *tables: TableName) -> Target:
    (folder / "databricks.yml").write_text("bundle: {name: b}\n")
    target = Target(load_bundle(folder), Store(folder / ".headwater" / "default"))
    for each in tables:
        write_deltalake(target.store.table_path(each), pa.table({"id": [1]}))
    return target


def test_name_of_several_tables_is_not_guessed(tmp_path: Path) -> None:
    one, other = (TableName("main", schema, "events") for schema in ("bronze", "silver"))
    target = _target(tmp_path, one, other)
    with pytest.raises(UsageError, match="TABLE_AMBIGUOUS") as caught:
        target.find_table("events")
    assert "main.bronze.events, main.silver.events" in str(caught.value)
    assert target.find_table("silver.events") == other


def test_quotes_in_names_are_written_as_mermaid_takes_them() -> None:
    drawn = graphs._mermaid([{"dataset": 'a"b', "kind": "table", "inputs": []}])
    assert 'd0["a#quot;b"]' in drawn


def test_folder_of_others_is_left_alone_by_servers(tmp_path: Path) -> None:
    precious = tmp_path / "kafka" / "data.txt"
    precious.parent.mkdir()
    precious.write_text("x")
    assert stop_servers(tmp_path) == []
    with pytest.raises(UsageError, match="DEV_STATE_NOT_OURS"):
        start_servers(tmp_path, read_settings())
    assert precious.read_text() == "x"
    assert [each.name for each in tmp_path.iterdir()] == ["kafka"]


@pytest.mark.parametrize(("name", "code"), [("", "NAME_INVALID"), ("f/shop", "NOT_WRITABLE")])
def test_project_that_can_not_be_made_is_told(
    name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("f").write_text("a file")
    error = CliRunner().invoke(cli, ["init", name]).exception
    assert isinstance(error, UsageError)
    assert error.code == f"PROJECT_{code}"


def test_file_with_a_byte_order_mark_is_sql(tmp_path: Path) -> None:
    from headwater.cli.queries import sql_text

    (tmp_path / "a.sql").write_text("\ufeffSELECT 1")
    assert sql_text(None, tmp_path / "a.sql") == "SELECT 1"


@pytest.mark.parametrize("folder", ["a%20b", "[x]"])
def test_folder_that_can_not_hold_tables_is_told(tmp_path: Path, folder: str) -> None:
    (tmp_path / "databricks.yml").write_text("bundle: {name: b}\n")
    with pytest.raises(UsageError, match="STATE_PATH_UNSUPPORTED"):
        open_target(tmp_path, state=tmp_path / folder, settings=read_settings())


@pytest.mark.parametrize("name", ["demo", "claims_demo", "iot_demo", "demo_output"])
def test_demos_find_what_they_import(name: str) -> None:
    scratch = Path(__file__).parents[2] / "scratch"
    code = f"import sys; sys.path.insert(0, {str(scratch)!r}); import {name}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

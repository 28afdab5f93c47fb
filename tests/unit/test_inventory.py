"""Which tables a target has, and which of them are gone from their source."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from headwater.cli.main import cli
from headwater.names import TableName
from headwater.state.inventory import KnownTable, known_tables
from headwater.state.pipeline import PipelineState, TableState
from headwater.state.store import Store
from unit.test_bundle_support import PIPELINE, write_bundle

NAMES = [TableName("main", "s", name) for name in ("a", "odd.name", "gone", "private", "by_sql")]
A, ODD, GONE, PRIVATE, SQL = NAMES


@pytest.fixture
def state(tmp_path: Path) -> PipelineState:
    """A pipeline that made three tables and a view, beside a table made by SQL."""
    store = Store(tmp_path / ".headwater/default")
    state = PipelineState(store.pipeline_path("flow"))
    for name in (A, ODD, SQL):
        write_deltalake(store.table_path(name), pa.table({"id": [1]}))
    write_deltalake(state.private_table(PRIVATE), pa.table({"id": [1]}))
    for name in (A, ODD, GONE, PRIVATE):
        state.save(name, TableState("STREAMING_TABLE"))
    state.save(TableName("main", "s", "view"), TableState("VIEW"))
    state.save(TableName("main", "s", "planned"), TableState("STREAMING_TABLE", is_made=False))
    return state


def listed(state: PipelineState) -> dict[str, bool]:
    store = Store(state.root.parent.parent)
    return {each.name.table: each.is_active for each in known_tables(store)}


def test_tables_of_pipelines_and_of_sql_are_listed(state: PipelineState) -> None:
    found = known_tables(Store(state.root.parent.parent))
    assert found == [
        KnownTable(A, "STREAMING_TABLE", "flow"),
        KnownTable(SQL),
        KnownTable(ODD, "STREAMING_TABLE", "flow"),
        KnownTable(PRIVATE, "STREAMING_TABLE", "flow"),
    ]


def test_what_is_no_longer_declared_is_inactive(state: PipelineState) -> None:
    for _ in range(2):
        state.mark_inactive([A, PRIVATE])
        assert listed(state) == {"a": True, "by_sql": True, "odd.name": False, "private": True}
    state.mark_inactive([])
    assert [name for name, active in listed(state).items() if active] == ["by_sql"]


def test_nothing_is_listed_before_anything_was_made(tmp_path: Path) -> None:
    assert known_tables(Store(tmp_path)) == []


def test_states_of_an_older_version_are_active(state: PipelineState) -> None:
    file = next(state.root.glob("tables/main.s.a.json"))
    told = json.loads(file.read_text())
    del told["is_active"]
    file.write_text(json.dumps(told))
    assert listed(state)["a"]


def test_command_lists_inactive_tables(state: PipelineState, tmp_path: Path) -> None:
    write_bundle(tmp_path, PIPELINE)
    state.mark_inactive([A, PRIVATE])
    run = CliRunner().invoke
    shown = run(cli, ["tables", "--bundle", str(tmp_path)]).stdout
    assert shown.count("ACTIVE") == 4
    told = run(cli, ["tables", "--inactive", "--json", "--bundle", str(tmp_path)]).stdout
    expected = {"kind": "STREAMING_TABLE", "pipeline": "flow", "status": "INACTIVE"}
    assert json.loads(told) == [{"table": "main.s.odd.name", **expected}]

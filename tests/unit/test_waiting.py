"""How much waits for an update, as far as notes and folders tell."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from headwater.names import TableName
from headwater.state.pipeline import PipelineState
from headwater.state.standing import Standing, last_commit, read_standing, write_standing
from headwater.state.waiting import waiting_bytes


@pytest.fixture
def state(tmp_path: Path) -> PipelineState:
    return PipelineState(tmp_path / "pipeline")


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    (tmp_path / "landing" / "day").mkdir(parents=True)
    (tmp_path / "landing" / "day" / "a.parquet").write_bytes(b"a" * 100)
    return tmp_path / "landing"


def note(state: PipelineState, table: str, standing: Standing) -> None:
    name = TableName("main", "s", table)
    write_standing(state.standing(name, table, 0), standing)


def delta(folder: Path, *sizes: int) -> str:
    """Make the log of a table with a commit for each size; return the newest commit."""
    log = folder / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    for size in sizes:
        version = len(list(log.iterdir()))
        (folder / f"{version}.parquet").write_bytes(b"x" * size)
        lines = [{"commitInfo": {"txn": version}}, {"add": {"path": "x", "size": size}}]
        (log / f"{version:020}.json").write_text("\n".join(map(json.dumps, lines)))
    return last_commit(folder)


def test_nobody_knows_before_the_first_update(state: PipelineState) -> None:
    assert waiting_bytes(state, anew=False) is None


def test_new_files_wait(state: PipelineState, landing: Path) -> None:
    note(state, "bronze", Standing("d", files={str(landing): 100}))
    assert waiting_bytes(state, anew=False) == 0
    (landing / "b.parquet").write_bytes(b"b" * 30)
    assert waiting_bytes(state, anew=False) == 30
    assert waiting_bytes(state, anew=True) == 130


def test_files_that_were_deleted_make_up_for_none(state: PipelineState, landing: Path) -> None:
    note(state, "bronze", Standing("d", files={str(landing): 500}))
    assert waiting_bytes(state, anew=False) == 0


def test_new_rows_of_tables_wait(state: PipelineState, tmp_path: Path) -> None:
    seen = delta(tmp_path / "t", 1000)
    note(state, "silver", Standing("d", tables={str(tmp_path / "t"): seen}))
    assert waiting_bytes(state, anew=False) == 0
    delta(tmp_path / "t", 7, 8)
    assert waiting_bytes(state, anew=False) == 15


def test_tables_that_are_read_whole_count_if_anything_is_new(
    state: PipelineState, landing: Path, tmp_path: Path
) -> None:
    table = str(tmp_path / "t")
    write_deltalake(table, pa.table({"id": [1] * 1000}))
    write_deltalake(table, pa.table({"id": [1]}), mode="overwrite")
    seen = last_commit(tmp_path / "t")
    (live,) = DeltaTable(table).file_uris()
    note(state, "bronze", Standing("d", files={str(landing): 100}))
    note(state, "totals", Standing("d", tables={table: seen}, rereads=(table,)))
    assert waiting_bytes(state, anew=False) == 0
    (landing / "b.parquet").write_bytes(b"b")
    assert waiting_bytes(state, anew=False) == 1 + Path(live).stat().st_size


def test_nobody_knows_of_storage_elsewhere_or_a_moved_project(state: PipelineState) -> None:
    note(state, "bronze", Standing("d", files={"abfss://c@a.dfs.core.windows.net/x": 0}))
    assert waiting_bytes(state, anew=False) is None


def test_note_that_can_not_be_read_is_none(state: PipelineState, landing: Path) -> None:
    note(state, "bronze", Standing("d", files={str(landing): 100}))
    (file,) = state.root.glob("standings/*/*/*.json")
    for text in ("", "{}", '{"digest": "d", "colour": 1}'):
        file.write_text(text)
        assert read_standing(file) is None
        assert waiting_bytes(state, anew=False) is None


def test_commit_of_a_table_made_again_is_another(tmp_path: Path) -> None:
    assert delta(tmp_path / "a", 1) != delta(tmp_path / "b", 2)
    with pytest.raises(OSError, match="_delta_log"):
        last_commit(tmp_path)

"""`headwater ops maintain`: what it would do, what it does, and what it leaves alone."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from textwrap import dedent

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from deltalake import DeltaTable, write_deltalake

from headwater.cli.main import cli
from headwater.errors import UsageError
from headwater.names import TableName
from headwater.operations.maintenance import is_sorted, stream_hours
from headwater.operations.maintenance_file import Care, read_maintenance
from headwater.operations.readers import StreamReader, streams_of
from headwater.state.lock import update_lock
from headwater.state.standing import Standing, write_standing
from headwater.state.target import Target
from unit.operations_support import count, make_table, shop

EVENTS = TableName("main", "silver", "events")
BATCHES = [{"id": [number, 100 - number]} for number in range(8)]


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["ops", "maintain", *arguments, "--bundle", str(folder)])


def steps(folder: Path, *arguments: str) -> list[tuple[str, str]]:
    result = run(folder, "--json", *arguments)
    return [(each["operation"], each["status"]) for each in json.loads(result.stdout)]


def write_checkpoint(target: Target, table: Path, version: int, *, done: bool = True) -> None:
    """Leave a checkpoint of a stream that reads a table and is to read a version next."""
    state = target.pipeline_state("flow")
    checkpoint = state.checkpoint(TableName("main", "gold", "t"), "reader", 0)
    told = {"reservoirId": str(DeltaTable(table).metadata().id), "reservoirVersion": version}
    for folder, text in ("offsets", f"v1\n{{}}\n{json.dumps(told)}"), ("commits", "v1\n{}"):
        if folder == "offsets" or done:
            (checkpoint / folder).mkdir(parents=True, exist_ok=True)
            (checkpoint / folder / "0").write_text(text)


def make_old(path: Path) -> None:
    """Let a year pass: what was removed was removed a year ago."""
    for file in (path / "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            if "remove" in line:
                line["remove"]["deletionTimestamp"] -= 366 * 86_400_000
        file.write_text("\n".join(map(json.dumps, lines)))


def test_maintain_changes_nothing_unless_it_is_applied(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), "main.silver.events", *BATCHES)
    for arguments in ([], ["--dry-run"]):
        assert steps(tmp_path, *arguments) == [("OPTIMIZE", "WOULD"), ("VACUUM", "NOTHING")]
    assert DeltaTable(path).version() == 7
    assert "pass --apply" in run(tmp_path).stdout
    assert getattr(run(tmp_path, "--apply", "--dry-run").exception, "code", "") == (
        "OPTIONS_CONFLICT"
    )


def test_maintain_joins_files_and_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), "main.silver.events", *BATCHES)
    assert steps(tmp_path, "--apply")[0] == ("OPTIMIZE", "DONE")
    assert (len(DeltaTable(path).file_uris()), count(path)) == (1, 16)
    assert steps(tmp_path, "--apply") == [("OPTIMIZE", "NOTHING"), ("VACUUM", "NOTHING")]
    make_old(path)
    assert steps(tmp_path, "--apply") == [("OPTIMIZE", "NOTHING"), ("VACUUM", "DONE")]
    assert (len(list(path.glob("*.parquet"))), count(path)) == (1, 16)


def test_optimize_and_zorder_change_no_data_so_that_streams_skip_them(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), "main.silver.events", *BATCHES)
    file = tmp_path / "m.yml"
    for text in ("[{table: events}]", "[{table: events, zorder_by: [id]}]"):
        file.write_text(f"version: 1\ntables: {text}")
        assert run(tmp_path, "--file", str(file), "--apply").exit_code == 0
        commit = path / "_delta_log" / f"{DeltaTable(path).version():020}.json"
        lines = [json.loads(line) for line in commit.read_text().splitlines()]
        changes = [each for line in lines for each in line.values() if "dataChange" in each]
        assert {each["dataChange"] for each in changes} == {False}


def test_table_is_sorted_again_only_after_new_rows(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), "main.silver.events", *BATCHES)
    file = tmp_path / "m.yml"
    file.write_text("version: 1\ntables: [{table: '*', zorder_by: [id]}]")
    given = ["--file", str(file), "--apply"]
    assert steps(tmp_path, *given)[0] == ("OPTIMIZE", "DONE")
    assert steps(tmp_path, *given)[0] == ("OPTIMIZE", "NOTHING")
    write_deltalake(path, pa.table({"id": [5]}), mode="append")
    assert steps(tmp_path, *given)[0] == ("OPTIMIZE", "DONE")
    assert not is_sorted(DeltaTable(path).history(), ["other"])


def test_view_is_not_optimized_and_told_to_be_recomputed_after_a_vacuum(tmp_path: Path) -> None:
    target = shop(tmp_path)
    path = make_table(target, "main.silver.v", *BATCHES, kind="MATERIALIZED_VIEW")
    write_deltalake(path, pa.table({"id": [1]}), mode="overwrite")
    make_old(path)
    told = json.loads(run(tmp_path, "--json").stdout)
    assert [each["status"] for each in told] == ["SKIPPED", "WOULD"]
    assert told[1]["wakes"] == ["main.silver.v"]


def test_flows_that_read_the_table_are_told(tmp_path: Path) -> None:
    target = shop(tmp_path)
    path = make_table(target, "main.silver.events", *BATCHES)
    note = target.pipeline_state("flow").standing(TableName("main", "gold", "t"), "t", 0)
    write_standing(note, Standing("d", tables={str(path): "7.json x"}))
    assert json.loads(run(tmp_path, "--json").stdout)[0]["wakes"] == ["main.gold.t"]


def test_table_of_a_running_update_is_held_and_the_others_are_done(tmp_path: Path) -> None:
    target = shop(tmp_path)
    path = make_table(target, "main.silver.events", *BATCHES)
    make_table(target, "main.silver.free", *BATCHES, kind=None)
    with update_lock(target.store.pipeline_path("flow"), "flow"):
        result = run(tmp_path, "--json", "--apply")
        told = [(each["table"], each["status"]) for each in json.loads(result.stdout)]
        assert steps(tmp_path)[0] == ("OPTIMIZE", "WOULD")  # a look needs no lock
    assert told[0] == ("main.silver.events", "HELD")
    assert told[1] == ("main.silver.free", "DONE")
    assert (result.exit_code, DeltaTable(path).version()) == (1, 7)


@pytest.mark.parametrize(("version", "deleted"), [(99, True), (3, False)])
def test_files_that_a_stream_has_still_to_read_stay(
    tmp_path: Path, version: int, deleted: bool
) -> None:
    target = shop(tmp_path)
    path = make_table(target, "main.silver.events", *BATCHES)
    write_checkpoint(target, path, version)
    run(tmp_path, "--apply")
    make_old(path)
    for file in (path / "_delta_log").glob("*.json"):  # the commits are older than the removals
        text = file.read_text().replace('"timestamp": 17', '"timestamp": 15')
        file.write_text(text)
    told = json.loads(run(tmp_path, "--json").stdout)[1]
    assert (told["status"] == "WOULD") is deleted
    assert ("reader of flow" in told["why"]) is not deleted


def test_hours_that_files_stay_for_the_stream_that_is_furthest_behind() -> None:
    now = datetime.fromtimestamp(100 * 3600, timezone.utc)
    history = [{"version": each, "timestamp": each * 3_600_000} for each in (90, 50, 10)]
    near, far = (StreamReader("p", "t", "f", each) for each in (90, 50))
    assert stream_hours([near, far], 90, history, now) == (far, 51.0)
    assert stream_hours([StreamReader("p", "t", "f", 91)], 90, history, now) is None
    gone = StreamReader("p", "t", "f", 5)
    kept = stream_hours([gone], 90, history, now)
    assert kept is not None
    assert kept[1] > 100  # since ever


def test_stream_that_began_no_batch_needs_the_version_it_started_from(tmp_path: Path) -> None:
    target = shop(tmp_path)
    path = make_table(target, "main.silver.events", *BATCHES)
    write_checkpoint(target, path, 4, done=False)
    (found,) = streams_of(target, str(DeltaTable(path).metadata().id))
    assert (found.flow, found.table, found.version) == ("reader", "main.gold.t", 3)
    assert streams_of(target, "another table") == []


def test_property_of_the_table_keeps_files_longer(tmp_path: Path) -> None:
    target = shop(tmp_path)
    path = target.store.table_path(EVENTS)
    kept = {"delta.deletedFileRetentionDuration": "interval 1000 days"}
    write_deltalake(path, pa.table({"id": [1]}), configuration=kept)
    write_deltalake(path, pa.table({"id": [2]}), mode="overwrite")
    make_old(path)
    assert steps(tmp_path)[1] == ("VACUUM", "NOTHING")
    assert steps(tmp_path, "--force")[1] == ("VACUUM", "WOULD")


def test_tables_with_features_that_need_spark_are_left_alone(tmp_path: Path) -> None:
    target = shop(tmp_path)
    path = target.store.table_path(EVENTS)
    for rows in BATCHES:
        write_deltalake(
            path,
            pa.table(rows),
            mode="append",
            configuration={"delta.enableDeletionVectors": "true"},
        )
    told = json.loads(run(tmp_path, "--json", "--apply").stdout)
    assert [each["status"] for each in told] == ["SKIPPED", "SKIPPED"]
    assert 'headwater sql "OPTIMIZE main.silver.events"' in told[0]["why"]


def test_table_of_an_old_writer_that_may_map_columns_is_left_alone(tmp_path: Path) -> None:
    path = make_table(shop(tmp_path), "main.silver.events", *BATCHES)
    first = path / "_delta_log" / f"{0:020}.json"
    old = first.read_text().replace('"minWriterVersion":2', '"minWriterVersion":5')
    first.write_text(old)
    told = json.loads(run(tmp_path, "--json", "--apply").stdout)
    assert [each["status"] for each in told] == ["SKIPPED", "SKIPPED"]
    assert "writer version 5" in told[0]["why"]


def test_memory_of_auto_cdc_is_never_touched(tmp_path: Path) -> None:
    target = shop(tmp_path)
    make_table(target, "main.silver.events", *BATCHES, change={"keys": "id"})
    memory = target.pipeline_state("flow").changes(EVENTS, 0)
    for rows in BATCHES:
        write_deltalake(memory, pa.table(rows), mode="append")
    assert steps(tmp_path, "--apply")[0] == ("OPTIMIZE", "DONE")
    assert DeltaTable(memory).version() == 7


def test_file_of_maintenance_is_read_and_its_first_fitting_entry_counts(tmp_path: Path) -> None:
    file = tmp_path / "m.yml"
    file.write_text(
        dedent("""
        version: 1
        target_file_megabytes: 64
        tables:
          - {table: silver.events, optimize: false, retention_hours: 336}
          - {table: "silver.*", vacuum: false, zorder_by: [id]}
        """)
    )
    found = read_maintenance(file)
    assert found.target_file_bytes == 64 * 2**20
    assert found.care_of(EVENTS) == Care("silver.events", optimize=False, retention_hours=336)
    other = TableName("main", "silver", "other")
    assert found.care_of(other) == Care("silver.*", zorder_by=("id",), vacuum=False)
    assert found.care_of(TableName("main", "gold", "t")) is None


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("tables: [{table: a}]", 1, "at the top"),
        ("version: 1", 1, "tables"),
        ("version: 1\ntables: [{tabel: a}]", 2, "Add 'table:'"),
        ("version: 1\ntables: [{table: a, retention_hours: 5}]", 2, "--force"),
        ("version: 1\ntables: [{table: a, retention_hours: soon}]", 2, "number"),
        ("version: 1\ntables: [{table: a, optimize: 5}]", 2, "true or false"),
        ("version: 1\ntarget_file_megabytes: 0\ntables: []", 1, "128"),
    ],
)
def test_faults_of_a_file_of_maintenance_have_a_line(
    tmp_path: Path, text: str, line: int, hint: str
) -> None:
    file = tmp_path / "m.yml"
    file.write_text(text)
    with pytest.raises(UsageError, match="MAINTENANCE_INVALID") as caught:
        read_maintenance(file)
    assert str(caught.value.where).endswith(f"m.yml:{line}")
    assert hint in f"{caught.value.message} {caught.value.hint}"


def test_own_file_of_the_target_is_found_and_patterns_that_fit_nothing_are_told(
    tmp_path: Path,
) -> None:
    make_table(shop(tmp_path), "main.silver.events", *BATCHES)
    file = tmp_path / "resources" / "maintenance" / "default.yml"
    file.parent.mkdir(parents=True)
    file.write_text("version: 1\ntables: [{table: silver.evnts}]")
    result = run(tmp_path, "--json")
    assert json.loads(result.stdout)[0]["status"] == "SKIPPED"
    assert "silver.evnts" in result.stderr

"""The pure parts of `headwater.testing`."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql.types import (
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    MapType,
    StringType,
    StructType,
    TimestampType,
)

from headwater.errors import SettingError, UsageError
from headwater.events.rows import Event
from headwater.names import TableName
from headwater.sandbox.clock import called, utc
from headwater.testing import plugin, sources, twins
from headwater.testing.definition import empty_definition, source_files
from headwater.testing.kills import Kill, Killed
from headwater.testing.rows import arrow_of, value_as
from headwater.testing.updates import Request

ROWS: list[dict[str, Any]] = [{"id": 1, "at": date(2026, 1, 2)}, {"id": 2, "name": "a,b"}]

DAYS = StructType().add("a", IntegerType()).add("b", DateType())


def step(*sent: str) -> twins.Step:
    return twins.Step(tuple((each, [{"id": 1}]) for each in sent), Request())


def test_reversed_steps_reverse_what_each_sent() -> None:
    found = twins.backwards([step("a", "b"), step("c")])
    assert [[name for name, _ in each.sent] for each in found] == [["c"], ["b", "a"]]


def test_killed_steps_end_with_one_that_goes_through() -> None:
    found = twins.with_kills([step("a"), step("b")], "t")
    assert [each.request.dies_after for each in found] == ["t", "t", None]


def test_replayed_steps_end_with_everything_again() -> None:
    found = twins.started_over([step("a"), step("b", "c")])
    assert [[name for name, _ in each.sent] for each in found] == [
        ["a"],
        ["b", "c"],
        ["a", "b", "c"],
    ]


def test_last_sent_passes_over_updates_without_batches() -> None:
    assert twins.last_sent([step("a"), step("b"), step()]) == step("b").sent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT current_timestamp", "SELECT current_timestamp()"),
        ("select CURRENT_DATE - 1, 'current_date'", "select CURRENT_DATE() - 1, 'current_date'"),
        ("now() < current_timestamp()", "now() < current_timestamp()"),
        ("t.current_date, 1 AS current_date", "t.current_date, 1 AS current_date"),
        ("-- current_date\n`current_date`", "-- current_date\n`current_date`"),
    ],
)
def test_clock_is_called_where_it_is_a_keyword(text: str, expected: str) -> None:
    assert called(text) == expected


def test_time_is_taken_to_utc() -> None:
    assert utc("2026-01-02T03:04:05Z") == datetime(2026, 1, 2, 3, 4, 5)
    assert utc(datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == datetime(
        2026, 1, 1, 22
    )
    with pytest.raises(UsageError) as raised:
        utc("noon")
    assert raised.value.code == "CLOCK_INVALID"


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("2026-01-02T03:04:05+01:00", TimestampType(), datetime(2026, 1, 2, 2, 4, 5)),
        ("2026-01-02", DateType(), date(2026, 1, 2)),
        ("1.5", DecimalType(5, 2), Decimal("1.50")),
        (1, DoubleType(), 1.0),
        ({"b": "2026-01-02"}, DAYS, {"a": None, "b": date(2026, 1, 2)}),
        ([("k", "1")], MapType(StringType(), DecimalType(2, 1)), {"k": Decimal("1.0")}),
        (None, DateType(), None),
    ],
)
def test_value_is_compared_as_its_column_has_it(value: Any, kind: DataType, expected: Any) -> None:
    assert value_as(value, kind) == expected


def folder(path: Path, kind: str) -> sources.Folder:
    (path / "landing").mkdir()
    return sources.Folder(None, path / "landing", kind, None, path)  # type: ignore[arg-type]


def test_batches_become_files_in_their_order(tmp_path: Path) -> None:
    place = folder(tmp_path, "json")
    place.write(ROWS, 1)
    (tmp_path / "given.json").write_text("{}")
    place.write("given.json", 2)
    files = sorted((tmp_path / "landing").iterdir())
    assert [each.name for each in files] == ["batch_0001.json", "batch_0002_given.json"]
    assert json.loads(files[0].read_text().splitlines()[0]) == {"id": 1, "at": "2026-01-02"}
    assert list(tmp_path.glob(".sending*")) == []


@pytest.mark.parametrize(
    ("kind", "batch", "code"),
    [("jsn", ROWS, "SOURCE_FORMAT"), ("json", "nothing.json", "SOURCE_MISSING")],
)
def test_batch_that_can_not_be_written_is_refused(
    tmp_path: Path, kind: str, batch: sources.Batch, code: str
) -> None:
    with pytest.raises(UsageError) as raised:
        folder(tmp_path, kind).write(batch, 1)
    assert raised.value.code == code
    assert list((tmp_path / "landing").iterdir()) == []


@pytest.mark.parametrize("rows", [[], [{"a": None}], [{"a": 1}, {"a": "x"}]])
def test_rows_without_a_type_are_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(UsageError) as raised:
        arrow_of(rows)
    assert raised.value.code == "ROWS_INVALID"


def progress(status: str, dataset: str, level: str = "INFO") -> Event:
    return Event("flow_progress", "", {"status": status}, level, {"dataset_name": dataset})


def test_kill_strikes_when_the_table_is_written_and_ever_after() -> None:
    kill = Kill(TableName("main", "test", "silver"))
    kill.listen(progress("COMPLETED", "main.test.bronze"))
    kill.listen(progress("COMPLETED", "main.test.silver", "METRICS"))
    for event in (progress("COMPLETED", "main.test.silver"), progress("QUEUED", "main.test.gold")):
        with pytest.raises(Killed):
            kill.listen(event)


def test_function_that_declares_takes_what_a_source_file_gets(tmp_path: Path) -> None:
    def right(dp: Any, spark: Any) -> None: ...

    def wrong(dp: Any, sprk: Any) -> None: ...

    empty = empty_definition(tmp_path)
    assert empty.with_function(right).functions == (right,)
    with pytest.raises(UsageError) as raised:
        empty.with_function(wrong)
    assert (raised.value.code, raised.value.hint) == (
        "DEFINITION_PARAMETER",
        "Did you mean 'spark'?",
    )


def test_folder_stands_for_its_source_files(tmp_path: Path) -> None:
    for name in ("b.sql", "a.py", "notes.md"):
        (tmp_path / "pipelines").mkdir(exist_ok=True)
        (tmp_path / "pipelines" / name).touch()
    found = source_files(["pipelines"], tmp_path)
    assert [each.name for each in found] == ["a.py", "b.sql"]
    with pytest.raises(UsageError) as raised:
        source_files(["pipelnes"], tmp_path)
    assert (raised.value.code, raised.value.hint) == ("SOURCE_MISSING", "Did you mean 'pipelines'?")


def test_schema_of_a_definition_is_that_of_its_names(tmp_path: Path) -> None:
    spec = empty_definition(tmp_path).with_spec(schema="gold").bundle.pipeline()
    assert (spec.catalog, spec.schema) == ("main", "gold")


def test_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("session", "pipeline", "tables"):
        monkeypatch.delitem(sys.modules, f"headwater.testing.{name}", raising=False)
        monkeypatch.delattr(f"headwater.testing.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "chispa", None)
    with pytest.raises(SettingError) as raised:
        plugin._room()
    assert (raised.value.code, "chispa" in raised.value.message) == ("TESTING_MISSING", True)

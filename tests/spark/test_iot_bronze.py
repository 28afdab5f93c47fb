"""The pipeline `iot_bronze` on a simulated fleet, which lands in two waves.

The second one brings a column more, a file of the first one again under another name, and the
first files of a feed whose folder was empty until then. The first update refreshes two feeds
only, to save time: the others read both waves in the second one.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headwater.testing.pipeline import Pipeline
from headwater.testing.session import open_pipeline
from iot_analytics.bronze import RULES
from iot_analytics.feeds import CHANGES, FEEDS, IOT_EVENTS, Feed
from iot_analytics.simulator import Options, write_wave
from iot_analytics.simulator.reports import GHOST

ROOT = Path(__file__).parents[2]
LANDING = "/Volumes/iot_streaming_test/test_bronze/landing"
OPTIONS = Options(devices=8, days=2, waves=2, seed=11)
REPEATED = "cdc/orders/001000.json"
EMPTY_AT_FIRST = CHANGES["locations"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """What came of it.

    Attributes:
        truth: what the simulator says has landed, before the file came again.
        lines: of all files, by feed, as texts.
        tables: the rows of each table.
        types: the types of its columns.
        after_waves: how many rows the tables of the first update had after each.
        broken: rows that broke a rule, over all updates, by table and rule.
    """

    truth: dict[str, Any]
    lines: dict[str, list[str]]
    tables: dict[str, list[Row]]
    types: dict[str, dict[str, str]]
    after_waves: list[dict[str, int]]
    broken: Counter[tuple[str, str]]

    def rows(self, feed: Feed) -> list[Row]:
        """The rows of the main table of a feed."""
        return self.tables[feed.table]

    def told(self, feed: Feed) -> dict[str, int]:
        """What the simulator counts for a feed."""
        counts: dict[str, int] = self.truth["total"][feed.name]
        return counts


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    with open_pipeline(spark, tmp_path_factory.mktemp("iot"), ROOT) as pipeline:
        yield _run(pipeline.from_bundle(".", "iot_bronze", target="test"))


def _run(pipeline: Pipeline) -> Made:
    landing = Path(getattr(pipeline.source(LANDING).place, "path"))  # noqa: B009 - a folder here
    first = [IOT_EVENTS, EMPTY_AT_FIRST]
    after_waves: list[dict[str, int]] = []
    broken: Counter[tuple[str, str]] = Counter()
    for number, feeds in ((1, first), (2, FEEDS)):
        truth = write_wave(OPTIONS, number, landing)
        _disturb(landing, number)
        pipeline.run(*_tables(feeds))
        after_waves.append({feed.table: pipeline.table(feed.table).count() for feed in first})
        broken.update(_broken(pipeline, feeds))
    tables = {name: pipeline.table(name) for name in _tables(FEEDS)}
    return Made(
        truth,
        {feed.name: _lines(landing / feed.folder) for feed in FEEDS},
        {name: table.rows() for name, table in tables.items()},
        {name: dict(table.frame.dtypes) for name, table in tables.items()},
        after_waves,
        broken,
    )


def _disturb(landing: Path, number: int) -> None:
    """Take the files of a feed away after the first wave; bring them after the second one."""
    folder, aside = landing / EMPTY_AT_FIRST.folder, landing / "aside"
    if number == 1:
        folder.rename(aside)
        folder.mkdir()
        return
    shutil.copytree(aside, folder, dirs_exist_ok=True)
    shutil.copy(landing / REPEATED, landing / "cdc/orders/again.json")


def _lines(folder: Path) -> list[str]:
    return [line for file in folder.rglob("*.json") for line in file.read_text().splitlines()]


def _tables(feeds: Iterable[Feed]) -> list[str]:
    return [name for feed in feeds for name in (feed.table, feed.rejected_table)]


def _broken(pipeline: Pipeline, feeds: Iterable[Feed]) -> Counter[tuple[str, str]]:
    return Counter(
        {
            (feed.name, rule): pipeline.expectation(feed.table, rule).failed_records
            for feed in feeds
            for rule in (*RULES[feed.name].drop, *RULES[feed.name].warn)
        }
    )


# every line is somewhere


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_lines_are_rows_or_rejected(made: Made, feed: Feed) -> None:
    rows, rejected = made.rows(feed), made.tables[feed.rejected_table]
    assert len(rows) + len(rejected) == len(made.lines[feed.name])
    assert rejected


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_rejected_lines_are_those_of_truth(made: Made, feed: Feed) -> None:
    again = 3 if feed.name == "cdc_orders" else 0
    assert len(made.tables[feed.rejected_table]) == made.told(feed)["rejected"] + again


def test_waves_add_rows(made: Made) -> None:
    waves = [wave["iot_events"] for wave in made.truth["waves"].values()]
    kept = [wave["lines"] - wave["rejected"] for wave in waves]
    assert [each["bronze_iot_events"] for each in made.after_waves] == [kept[0], sum(kept)]


def test_empty_folder_makes_an_empty_table(made: Made) -> None:
    first, last = (each[EMPTY_AT_FIRST.table] for each in made.after_waves)
    assert (first, last > 0) == (0, True)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("device_id_present", "no_device"),
        ("gateway_not_future", "gateway_future"),
        ("event_ts_parses", "bad_time"),
    ],
)
def test_rejected_events_say_why(made: Made, rule: str, fault: str) -> None:
    why = [tuple(each["failed_rules"]) for each in made.tables["bronze_iot_events_rejected"]]
    assert why.count((rule,)) == made.told(IOT_EVENTS)[fault] > 0


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_broken_lines_are_kept_as_they_are(made: Made, feed: Feed) -> None:
    texts = {each["raw_line"] for each in made.tables[feed.rejected_table]}
    broken = [line for line in made.lines[feed.name] if not line.endswith("}")]
    assert set(broken) <= texts
    assert len(broken) >= made.told(feed)["broken"] > 0


def test_other_rejected_lines_tell_what_they_said(made: Made) -> None:
    told = [each["raw_line"] for each in made.tables["bronze_iot_events_rejected"]]
    said = [json.loads(line) for line in told if line.endswith("}")]
    assert any(each.get("_rescued_data") == {"event_ts": "not a time"} for each in said)
    assert all("event_id" in each for each in said)


def test_dropped_rows_are_counted_by_rule(made: Made) -> None:
    for feed in FEEDS:
        rejected = made.tables[feed.rejected_table]
        failed = Counter(rule for each in rejected for rule in each["failed_rules"])
        counted = {rule: made.broken[feed.name, rule] for rule in RULES[feed.name].drop}
        assert +Counter(counted) == failed


# events


def test_events_are_those_of_truth(made: Made) -> None:
    told, rows = made.told(IOT_EVENTS), made.rows(IOT_EVENTS)
    contents: dict[str, Counter[str]] = {}
    for each in rows:
        contents.setdefault(each["event_id"], Counter())[each["record_hash"]] += 1
    assert len(contents) == told["distinct"]
    assert sum(len(each) - 1 for each in contents.values()) == told["conflicting"] > 0
    copies = sum(each.total() - len(each) for each in contents.values())
    assert copies == told["exact_duplicates"] > 0


def events_with(made: Made, is_meant: Callable[[Row], bool]) -> int:
    """Count distinct events."""
    return len({row["event_id"] for row in made.rows(IOT_EVENTS) if is_meant(row)})


def lateness_s(row: Row) -> float:
    late: timedelta = row["gateway_ts"] - row["event_ts"]
    return late.total_seconds()


IMPOSSIBLE = {
    "temperature_c": Decimal("999.9"),
    "humidity_pct": 140,
    "pressure_hpa": 20,
    "vibration_mm_s": 500,
    "signal_dbm": 20,
}
FAULTS: dict[str, Callable[[Row], bool]] = {
    "late": lambda row: 3600 < lateness_s(row) <= 30 * 86_400,
    "too_late": lambda row: lateness_s(row) > 30 * 86_400,
    "skewed": lambda row: lateness_s(row) < -300,
    "unknown_device": lambda row: row["device_id"] == GHOST,
    "drift": lambda row: row["_rescued_data"] is not None,
    "out_of_range": lambda row: any(row[name] == value for name, value in IMPOSSIBLE.items()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_events_are_those_of_truth(made: Made, fault: str) -> None:
    assert events_with(made, FAULTS[fault]) == made.told(IOT_EVENTS)[fault] > 0


def test_text_in_place_of_a_number_costs_one_value(made: Made) -> None:
    drifted = [row for row in made.rows(IOT_EVENTS) if row["_rescued_data"]]
    rescued = [json.loads(row["_rescued_data"]) for row in drifted]
    assert {each["temperature_c"] for each in rescued} == {"ERR"}
    assert all(row["temperature_c"] is None for row in drifted)
    assert any(row["humidity_pct"] is not None for row in drifted)


def test_new_column_is_there_and_empty_in_old_rows(made: Made) -> None:
    assert made.types["bronze_iot_events"]["co2_ppm"] == "string"
    second = datetime(1970, 1, 1) + timedelta(seconds=OPTIONS.wave_bounds(2)[0])
    measured = [row for row in made.rows(IOT_EVENTS) if row["co2_ppm"] is not None]
    files = {row["source_file"] for row in measured}
    assert len(files) == made.told(IOT_EVENTS)["new_column_files"] > 0
    assert all(row["gateway_ts"] >= second for row in measured)


def test_copies_have_one_hash_before_and_after_the_new_column(made: Made) -> None:
    runs: dict[str, set[datetime]] = {}
    for row in made.rows(IOT_EVENTS):
        runs.setdefault(row["record_hash"], set()).add(row["ingested_at"])
    assert any(len(each) == 2 for each in runs.values())


WARNED = {
    "nothing_rescued": ("drift", ["bad_time"]),
    "not_too_late": ("too_late", ["broken", "bad_time", "gateway_future"]),
    "not_from_future": ("skewed", ["broken", "bad_time"]),
}
"""Rule -> the fault that it finds in rows that stay, and in rejected ones."""


@pytest.mark.parametrize("rule", WARNED)
def test_rules_that_warn_count_all_lines(made: Made, rule: str) -> None:
    fault, rejected = WARNED[rule]
    kept = sum(map(FAULTS[fault], made.rows(IOT_EVENTS)))
    told = made.told(IOT_EVENTS)
    assert made.broken["iot_events", rule] == kept + sum(told[each] for each in rejected)


def test_values_out_of_range_are_counted(made: Made) -> None:
    counted = sum(n for (_, rule), n in made.broken.items() if rule.endswith("_physical"))
    assert counted == sum(map(FAULTS["out_of_range"], made.rows(IOT_EVENTS)))


# changes

KINDS = {"I": "inserts", "U": "updates", "D": "deletes"}


def changes(made: Made, feed: Feed) -> dict[tuple[str, int], Row]:
    """Return the changes of a feed, each once."""
    return {(row[feed.key], row["seq"]): row for row in made.rows(feed)}


@pytest.mark.parametrize("feed", CHANGES.values(), ids=CHANGES)
def test_changes_are_those_of_truth(made: Made, feed: Feed) -> None:
    told = made.told(feed)
    kinds = Counter(KINDS[row["op"]] for row in changes(made, feed).values())
    assert kinds == {kind: told[kind] for kind in KINDS.values()}


@pytest.mark.parametrize("feed", CHANGES.values(), ids=CHANGES)
def test_last_changes_leave_the_keys_of_truth(made: Made, feed: Feed) -> None:
    last: dict[str, Row] = {}
    for (key, seq), row in changes(made, feed).items():
        if key not in last or last[key]["seq"] < seq:
            last[key] = row
    assert sum(row["op"] != "D" for row in last.values()) == made.told(feed)["alive"]


@pytest.mark.parametrize("feed", CHANGES.values(), ids=CHANGES)
def test_incomplete_images_are_counted(made: Made, feed: Feed) -> None:
    incomplete = [
        row
        for row in made.rows(feed)
        if row["op"] != "D" and any(row[column] is None for column in feed.required)
    ]
    not_json = sum(not line.endswith("}") for line in made.lines[feed.name])
    assert len({row["seq"] for row in incomplete}) == made.told(feed)["incomplete"] > 0
    assert made.broken[feed.name, "after_image_complete"] == len(incomplete) + not_json


def test_file_that_comes_again_adds_only_copies(made: Made) -> None:
    rows = made.rows(CHANGES["orders"])
    before, again = (
        Counter(row["record_hash"] for row in rows if row["source_file"].endswith(f"/{file}"))
        for file in (REPEATED, "cdc/orders/again.json")
    )
    assert again == before
    assert again


# tables


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_columns_have_the_types_of_the_feed(made: Made, feed: Feed) -> None:
    types = made.types[feed.table]
    wanted = {name: kind.lower() for name, kind in feed.columns.items()}
    assert {name: types[name] for name in wanted} == wanted
    added = types.keys() - wanted.keys() - {"co2_ppm"}
    assert added == {
        "_rescued_data",
        "ingested_at",
        "record_hash",
        "source_file",
        "source_modified_at",
    }


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_rejected_lines_have_the_same_few_columns(made: Made, feed: Feed) -> None:
    assert made.types[feed.rejected_table] == {
        "ingested_at": "timestamp",
        "source_file": "string",
        "source_modified_at": "timestamp",
        "record_hash": "string",
        "failed_rules": "array<string>",
        "raw_line": "string",
    }

"""The simulated fleet: the same bytes each time, faults by their shares, waves in any order."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from iot_analytics.feeds import CHANGES, FEEDS, IOT_EVENTS
from iot_analytics.simulator import OptionError, Options, simulate, write_wave
from iot_analytics.simulator.fleet import fleet
from iot_analytics.simulator.moments import day
from iot_analytics.simulator.options import LEAST_DEVICES
from iot_analytics.simulator.reports import COPIES, GHOST, ODDITIES

Row = dict[str, Any]

SMALL = Options(devices=LEAST_DEVICES, days=2, waves=3, seed=3)
SMALLEST = [Options(devices=LEAST_DEVICES, days=1, waves=2, seed=seed) for seed in range(5)]
LARGER = Options(devices=60, days=4, waves=4, seed=5)
FAULTS_OF_CHANGES = (
    "deletes",
    "delete_before_insert",
    "incomplete",
    "out_of_order",
    "reinserted",
    "rejected",
    "replays",
    "update_after_delete",
)


class Run(NamedTuple):
    """A landing folder, and what its truth.json says."""

    folder: Path
    truth: dict[str, Any]

    def total(self, feed: str = IOT_EVENTS.name) -> dict[str, int]:
        """What has landed of a feed."""
        counts: dict[str, int] = self.truth["total"][feed]
        return counts

    def lines(self, folder: str) -> list[str]:
        """The lines of a feed's files."""
        files = sorted((self.folder / folder).rglob("*.json"))
        return [line for file in files for line in file.read_text().splitlines()]

    def rows(self, folder: str) -> list[Row]:
        """Its lines that are JSON."""
        return [json.loads(line) for line in self.lines(folder) if line.endswith("}")]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("small")
    return Run(folder, simulate(SMALL, folder))


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("larger")
    return Run(folder, simulate(LARGER, folder))


def digests(folder: Path) -> dict[str, str]:
    """Return each file's name and what it holds."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


# files


def test_equal_options_write_equal_bytes_in_any_order_of_waves(small: Run, tmp_path: Path) -> None:
    for number in (3, 1, 2):
        write_wave(SMALL, number, tmp_path)
    assert digests(tmp_path) == digests(small.folder)


def test_wave_that_is_written_again_changes_nothing(small: Run) -> None:
    before = digests(small.folder)
    assert write_wave(SMALL, 2, small.folder) == small.truth
    assert digests(small.folder) == before


def test_other_seeds_write_other_events(small: Run, tmp_path: Path) -> None:
    other = Options(devices=SMALL.devices, days=2, waves=3, seed=4)
    found = Run(tmp_path, simulate(other, tmp_path))
    ids = {row["event_id"] for row in small.rows("iot_events")}
    assert ids.isdisjoint(row["event_id"] for row in found.rows("iot_events"))


def test_folder_with_waves_of_other_options_is_refused(small: Run) -> None:
    with pytest.raises(OptionError, match="other options"):
        write_wave(SMALLEST[0], 1, small.folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"options": 1, "waves": []}'])
def test_folder_with_the_truth_of_another_program_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(OptionError, match="did not write"):
        write_wave(SMALLEST[0], 1, tmp_path)


def test_files_are_as_old_as_the_end_of_their_wave(small: Run) -> None:
    times = {file.stat().st_mtime for file in (small.folder / "iot_events").rglob("*.json")}
    assert times == {SMALL.wave_bounds(number)[1] for number in (1, 2, 3)}


def test_each_feed_has_a_folder_after_each_wave(tmp_path: Path) -> None:
    write_wave(SMALL, 2, tmp_path)
    assert all((tmp_path / feed.folder).is_dir() for feed in FEEDS)


@pytest.mark.parametrize("feed", CHANGES.values(), ids=CHANGES)
def test_changes_have_the_columns_of_their_feed(small: Run, feed: Any) -> None:
    rows = small.rows(feed.folder)
    envelope = {"op", "seq", "ts", feed.key}
    assert {frozenset(row) for row in rows if row["op"] != "D"} == {frozenset(feed.columns)}
    assert {frozenset(row) for row in rows if row["op"] == "D"} == {frozenset(envelope)}


def test_events_have_the_columns_of_their_feed_and_one_that_comes_later(small: Run) -> None:
    columns = {name for row in small.rows("iot_events") for name in row}
    assert columns == {*IOT_EVENTS.columns, "co2_ppm"}
    first = small.truth["waves"]["1"]["iot_events"]["new_column_files"]
    assert first == 0 < small.total()["new_column_files"]


# counts


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_truth_counts_all_lines(small: Run, feed: Any) -> None:
    assert small.total(feed.name)["lines"] == len(small.lines(feed.folder))


def test_lines_of_events_are_events_copies_or_rejected(larger: Run) -> None:
    told = larger.total()
    assert told["lines"] == told["distinct"] + told["rejected"] + sum(told[each] for each in COPIES)


@pytest.mark.parametrize("table", CHANGES)
def test_lines_of_changes_are_changes_replays_or_rejected(small: Run, table: str) -> None:
    told = small.total(f"cdc_{table}")
    parts = ("inserts", "updates", "deletes", "replays", "rejected")
    assert told["lines"] == sum(told[part] for part in parts)


@pytest.mark.parametrize("options", SMALLEST, ids=lambda options: f"seed {options.seed}")
def test_smallest_fleet_has_each_fault(options: Options, tmp_path: Path) -> None:
    run = Run(tmp_path, simulate(options, tmp_path))
    told = run.total()
    assert [name for name in (*ODDITIES, *COPIES) if not told[name]] == []
    missing = [
        (table, name)
        for table in CHANGES
        for name in FAULTS_OF_CHANGES
        if not run.total(f"cdc_{table}").get(name)
    ]
    assert missing == []


@pytest.mark.parametrize("fault", [*ODDITIES, *COPIES])
def test_faults_have_their_shares(larger: Run, fault: str) -> None:
    told, share = larger.total(), {**ODDITIES, **COPIES}[fault]
    wanted = share * told["distinct"]
    assert abs(told[fault] - wanted) <= 4 * wanted**0.5 + 2


def test_copies_are_equal_but_for_those_that_conflict(larger: Run) -> None:
    contents: dict[str, set[str]] = {}
    lines = Counter(line for line in larger.lines("iot_events") if line.endswith("}"))
    for line in lines:
        contents.setdefault(json.loads(line)["event_id"], set()).add(line)
    assert sum(len(each) - 1 for each in contents.values()) == larger.total()["conflicting"]
    copies = sum(count - 1 for count in lines.values())
    assert copies == larger.total()["exact_duplicates"]


@pytest.mark.parametrize("table", CHANGES)
def test_greatest_seq_leaves_the_keys_that_truth_counts(small: Run, table: str) -> None:
    feed = CHANGES[table]
    last: dict[str, Row] = {}
    for row in small.rows(feed.folder):
        key = row[feed.key]
        if key and row["op"] in "IUD" and (key not in last or last[key]["seq"] < row["seq"]):
            last[key] = row
    assert sum(row["op"] != "D" for row in last.values()) == small.total(feed.name)["alive"]


def test_orphans_name_what_no_feed_has(small: Run) -> None:
    customers = {row["customer_id"] for row in small.rows("cdc/customers")}
    devices = {row["device_id"] for row in small.rows("cdc/devices")}
    locations = {row["location_id"] for row in small.rows("cdc/locations")}
    lost = {
        "orders": {r["order_id"] for r in _images(small, "orders", "customer_id", customers)},
        "devices": {r["device_id"] for r in _images(small, "devices", "location_id", locations)},
        "alerts": {r["alert_id"] for r in _images(small, "alerts", "device_id", devices)},
        "alert_thresholds": {
            r["threshold_id"] for r in _images(small, "alert_thresholds", "device_id", devices)
        },
    }
    for table, keys in lost.items():
        assert len(keys) == small.total(f"cdc_{table}")["orphans"] == 1


def _images(run: Run, table: str, column: str, known: set[str]) -> list[Row]:
    rows = run.rows(f"cdc/{table}")
    return [row for row in rows if row.get(column) and row[column] not in known]


# what devices do


def test_gateways_are_never_ahead_of_their_files_but_where_it_is_meant(small: Run) -> None:
    end = f"{datetime.fromtimestamp(SMALL.ends_at).isoformat()}Z"
    ahead = [row for row in small.rows("iot_events") if row["gateway_ts"] > end]
    assert len(ahead) == small.total()["gateway_future"]


def test_sequence_rises_with_time_in_each_boot(small: Run) -> None:
    boots: dict[str, list[tuple[str, int]]] = {}
    for row in small.rows("iot_events"):
        if row["event_ts"].endswith("Z") and row["event_ts"] <= row["gateway_ts"]:
            boots.setdefault(row["boot_id"], []).append((row["event_ts"], row["seq"]))
    for boot, reported in boots.items():
        if "-0-" in boot:
            continue
        places = [seq for _, seq in sorted(set(reported))]
        assert places == sorted(set(places))


def test_batteries_drain_and_are_replaced(small: Run) -> None:
    levels: dict[str, list[tuple[str, float]]] = {}
    for row in small.rows("iot_events"):
        if row["device_id"] and "battery_pct" in row:
            levels.setdefault(row["device_id"], []).append((row["event_ts"], row["battery_pct"]))
    assert "D-000002" not in levels  # on mains power
    first = [level for _, level in sorted(levels["D-000001"])]
    assert any(after - before > 50 for before, after in itertools.pairwise(first))


def test_one_device_falls_silent_and_one_leaves(small: Run) -> None:
    last = Counter[str]()
    for row in small.rows("iot_events"):
        name = str(row["device_id"])
        if row["event_ts"] <= row["gateway_ts"] < "2026":
            last[name] = max(
                last[name], int(row["event_ts"][8:10]) * 100 + int(row["event_ts"][11:13])
            )
    assert last["D-000003"] == 0
    assert last["D-000004"] <= 701
    assert last["D-000008"] == 723


def test_two_devices_move_in_the_last_wave(small: Run, tmp_path: Path) -> None:
    moved = small.truth["moved_devices"]
    owners: dict[str, list[tuple[int, str]]] = {}
    for row in small.rows("cdc/devices"):
        if "customer_id" in row and row["device_id"]:
            owners.setdefault(row["device_id"], []).append((row["seq"], row["customer_id"]))
    assert len(moved) == 2
    for each in moved:
        before, *_, after = (owner for _, owner in sorted(owners[each["device_id"]]))
        assert (before, after) == (each["from"], each["to"])
        assert before != after
    assert write_wave(SMALL, 1, tmp_path)["moved_devices"] == []


def test_readings_leave_their_bounds_in_episodes_alone(larger: Run) -> None:
    found = set()
    for row in larger.rows("iot_events"):
        is_hot = 60 < (_number(row, "temperature_c") or 0) < 125
        is_dry = (_number(row, "humidity_pct") or 50) < 5
        if is_hot or is_dry or 80 <= (_number(row, "vibration_mm_s") or 0) < 200:
            found.add((row["device_id"], row["event_ts"][:10]))
    known = {(each.device.device_id, day(each.from_at)) for each in fleet(LARGER).episodes()}
    assert {each for each in found if each[0] not in (None, GHOST) and each[1] >= "2025"} == known


def _number(row: Row, name: str) -> float | None:
    value = row.get(name)
    return value if isinstance(value, float) else None


def test_alerts_answer_most_episodes(larger: Run) -> None:
    episodes = larger.truth["episodes"]
    assert 0 < episodes["missed"] <= episodes["all"] * 0.06
    assert 0 < episodes["unconfirmed"] <= episodes["all"] * 0.06
    alerts = {row["alert_id"] for row in larger.rows("cdc/alerts") if row["alert_id"]}
    real = {each for each in alerts if "gone" not in each and each != "A-orphan"}
    assert len(real) == episodes["all"] - episodes["missed"] + episodes["unconfirmed"]


def test_times_of_alerts_follow_each_other(larger: Run) -> None:
    for row in larger.rows("cdc/alerts"):
        times = [row.get(name) for name in ("raised_at", "acknowledged_at", "resolved_at")]
        known = [each for each in times if each]
        assert known == sorted(known)


# options and the command


@pytest.mark.parametrize(
    "fields", [{"devices": LEAST_DEVICES - 1}, {"days": 0}, {"waves": 0}, {"days": 1, "waves": 5}]
)
def test_options_out_of_range_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        Options(**fields)  # type: ignore[arg-type] - none of them is the time


def test_wave_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError):
        write_wave(SMALL, 4, tmp_path)


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "iot_analytics.simulator", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_command_writes_a_wave_and_tells_of_it(small: Run, tmp_path: Path) -> None:
    given = ("--devices", SMALL.devices, "--days", 2, "--waves", 3, "--seed", 3)
    done = command("--out", tmp_path, *given, "--wave", 1, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["waves"]["1"] == small.truth["waves"]["1"]
    assert json.loads((tmp_path / "truth.json").read_text()) == json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--devices", "1"), "USAGE"),
        (("--waves", "3", "--wave", "4"), "OPTION_INVALID"),
        (("--start", "yesterday"), "USAGE"),
        (("--start", "9999-12-31"), "OPTION_INVALID"),
    ],
)
def test_command_tells_mistakes_in_two_lines(
    tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    done = command("--out", tmp_path / "out", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: [{code}]")
    assert len(done.stderr.splitlines()) == 2

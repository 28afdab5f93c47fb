"""Updates wave by wave give what one build of everything gives, whatever comes late or twice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from iot_bronze import Bronze, later
from iot_cases import hourly
from iot_dbt import PROJECT, Dbt, drop_schemas
from pyspark.sql import SparkSession

pytestmark = pytest.mark.iot

PREFIX, REVERSED = "waves", "reversed"
LAYERS = {"staging": "silver", "marts": "gold"}
TABLES = sorted(
    f"{schema}.{path.stem}"
    for layer, schema in LAYERS.items()
    for path in (PROJECT / "models" / layer).rglob("*.sql")
)
MOVED = ("d1", "d2")
PLANNED = "2026-03-20"
CROSSED = {"device_id": "crossed", "decommissioned_at": "2026-03-02 20:00"}
"""A device that is first in service for a day, and then not at all."""
EARLIER = '{as_of_ts: "2026-03-05 06:00:00"}'
DAILY = "gold.agg_daily_device_metrics"
Tables = Mapping[str, Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class Wave:
    """What one load brings: events and the changes of each table."""

    events: Sequence[dict[str, Any]]
    changes: Mapping[str, Sequence[dict[str, Any]]]


def _events() -> list[list[dict[str, Any]]]:
    """Return events of three waves: most in time, some in a later wave, some in two."""
    chance = random.Random(7)  # noqa: S311 - the same each time
    waves: list[list[dict[str, Any]]] = [[], [], []]
    for device in ("d1", "d2", "d3", "d4", "late", "never"):
        for event in hourly(device, "2026-03-01", 9 * 24):
            event |= {
                "temperature_c": 20 + chance.randrange(15),
                "battery_pct": chance.randrange(100),
                "quality": chance.choice(["good", "good", "good", "suspect"]),
                "firmware_version": "1",
            }
            day = int(event["event_ts"][8:10])
            wave = (day - 1) // 3
            if chance.random() < 0.1:
                event["gateway_ts"] = later(event["event_ts"], hours=2)
                wave = min(wave + 1, 2)
            waves[wave].append(event)
            if chance.random() < 0.05:
                waves[min(wave + 1, 2)].append({**event, "firmware_version": "2"})
    received = "2026-03-06 12:00"
    for days in (3, 29, 31):
        happened = later(received, days=-days, minutes=20)
        waves[1] += [{**event, "gateway_ts": received} for event in hourly("d1", happened, 1)]
    waves[0] += hourly("crossed", "2026-03-02 06:00", 14)
    return waves


def _waves() -> list[Wave]:
    first, second, third = _events()
    usual = {"customer_id": "c1", "product_id": "p1"}
    return [
        Wave(
            first,
            {
                "customers": [{"customer_id": f"c{n}", "seq": n} for n in (1, 2)],
                "products": [{"product_id": "p1", "seq": 1}],
                "devices": [
                    *({**usual, "device_id": f"d{n}", "seq": 100 + n} for n in range(1, 5)),
                    {**usual, "device_id": "planned", "seq": 105, "decommissioned_at": PLANNED},
                    {**usual, **CROSSED, "installed_at": "2026-03-02 06:00", "seq": 106},
                ],
                "orders": [
                    {
                        **usual,
                        "order_id": f"o{n}",
                        "seq": n,
                        "order_ts": f"2026-02-0{n}",
                        "status": "placed",
                    }
                    for n in (1, 2, 3)
                ],
                "alert_thresholds": [
                    {"threshold_id": "t", "seq": 1, "threshold_value": 30},
                    {
                        "threshold_id": "never",
                        "seq": 2,
                        "device_id": "d1",
                        "threshold_value": 0,
                        "valid_from": None,
                    },
                ],
                "alerts": [
                    {
                        "alert_id": "a",
                        "seq": 1,
                        "device_id": "d1",
                        "threshold_id": "t",
                        "raised_at": "2026-03-02 05:00",
                    }
                ],
            },
        ),
        Wave(
            second,
            {
                # in the log of products this comes before the devices' rows in theirs
                "products": [{"product_id": "p1", "seq": 2, "op": "U", "report_interval_s": 1800}],
                "devices": [
                    {
                        **usual,
                        "device_id": "d3",
                        "seq": 110,
                        "op": "U",
                        "decommissioned_at": "2026-03-02 12:00",
                        "status": "retired",
                    },
                    {"device_id": "d4", "seq": 111, "op": "D"},
                    {**usual, **CROSSED, "installed_at": "2026-03-02 22:00", "seq": 112},
                ],
                "orders": [
                    {**usual, "order_id": "o2", "seq": 5, "op": "U", "order_ts": "2026-02-02"},
                    {"order_id": "o3", "seq": 6, "op": "D"},
                ],
            },
        ),
        Wave(
            third,
            {
                "devices": [
                    *(
                        {**usual, "device_id": name, "seq": 120 + n, "op": "U", "customer_id": "c2"}
                        for n, name in enumerate(MOVED)
                    ),
                    {**usual, "device_id": "late", "seq": 130, "installed_at": "2026-03-02"},
                    {**usual, "device_id": "d4", "seq": 131, "installed_at": "2026-03-04"},
                ],
                "alerts": [
                    {
                        "alert_id": "a",
                        "seq": 2,
                        "op": "U",
                        "device_id": "d1",
                        "threshold_id": "t",
                        "raised_at": "2026-03-02 05:00",
                        "resolved_at": "2026-03-02 07:00",
                        "status": "resolved",
                    }
                ],
            },
        ),
    ]


def _load(bronze: Bronze, wave: Wave, loaded: str) -> None:
    bronze.events(wave.events, loaded=loaded)
    for table, changes in wave.changes.items():
        bronze.changes(table, changes, loaded=loaded)


def _tables(dbt: Dbt, *names: str) -> Tables:
    """Return the rows of all tables, or of some, in an order of their own."""
    found = {}
    for name in names or TABLES:
        frame = dbt.spark.table(dbt.table(name))
        rows = sorted((tuple(row) for row in frame.collect()), key=repr)
        found[name] = [tuple(frame.dtypes), *rows]
    return found


@pytest.fixture(scope="module")
def states(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Tables]]:
    """All tables after each wave, after a replay and after a full refresh.

    The second wave's build is killed after the facts: the next one goes on from there.
    """
    bronze = Bronze(spark, PREFIX)
    dbt = Dbt(spark, PREFIX, tmp_path_factory.mktemp("waves"))
    first, second, third = _waves()
    found = {}
    _load(bronze, Wave([], first.changes), "2026-03-10 00:05")  # no event has come yet
    dbt.run("run", "--select", "+agg_daily_device_metrics")
    found["empty"] = _tables(dbt, DAILY)
    _load(bronze, Wave(first.events, {}), "2026-03-10 00:10")
    dbt.run("run")
    found["first"] = _tables(dbt)
    _load(bronze, second, "2026-03-10 00:20")
    dbt.run("run", "--select", "staging", "fct_iot_events")
    _load(bronze, third, "2026-03-10 02:00")
    dbt.run("run")
    found["third"] = _tables(dbt)
    _load(bronze, second, "2026-03-10 02:10")
    dbt.run("run")
    found["replayed"] = _tables(dbt)
    earlier = ("run", "--select", "agg_daily_device_metrics", "--vars", EARLIER)
    dbt.run(*earlier)
    found["earlier"] = _tables(dbt, DAILY)
    dbt.run(*earlier, "--full-refresh")
    found["earlier refreshed"] = _tables(dbt, DAILY)
    dbt.run("run", "--select", "agg_daily_device_metrics")
    found["now again"] = _tables(dbt, DAILY)
    dbt.run("run", "--full-refresh")
    found["refreshed"] = _tables(dbt)
    yield found
    drop_schemas(spark, PREFIX, ("bronze", "silver", "gold"))


@pytest.mark.parametrize("table", TABLES)
def test_waves_give_what_a_full_refresh_gives(states: dict[str, Tables], table: str) -> None:
    assert states["replayed"][table] == states["refreshed"][table]


@pytest.mark.parametrize("table", TABLES)
def test_replayed_files_change_nothing(states: dict[str, Tables], table: str) -> None:
    assert states["third"][table] == states["replayed"][table]


def test_days_begin_with_the_first_event(states: dict[str, Tables]) -> None:
    _, *rows = states["empty"][DAILY]
    assert rows == []


def test_days_as_of_an_earlier_moment_are_those_of_a_full_refresh(
    states: dict[str, Tables],
) -> None:
    assert states["earlier"][DAILY] == states["earlier refreshed"][DAILY]
    assert len(states["earlier"][DAILY]) < len(states["third"][DAILY])
    assert states["now again"][DAILY] == states["third"][DAILY]


def test_threshold_without_a_start_applies_nowhere(states: dict[str, Tables]) -> None:
    columns, *rows = states["third"]["gold.fct_alerts"]
    device, threshold = (
        [name for name, _ in columns].index(each) for each in ("device_id", "threshold_id")
    )
    assert {row[threshold] for row in rows if row[device] == "d1"} == {"t"}


def test_facts_stay_when_devices_change_hands(states: dict[str, Tables]) -> None:
    before, after = (states[state]["gold.fct_iot_events"] for state in ("first", "third"))
    assert set(before) <= set(after)
    counts = [
        {row[0]: row[2] for row in states[state]["gold.agg_customer_summary"][1:]}
        for state in ("first", "third")
    ]
    assert counts == [{"c1": 6, "c2": 0}, {"c1": 5, "c2": 2}]


def test_waves_in_reverse_give_the_same(
    spark: SparkSession, states: dict[str, Tables], tmp_path_factory: pytest.TempPathFactory
) -> None:
    bronze = Bronze(spark, REVERSED)
    for hour, wave in enumerate(reversed(_waves())):
        _load(bronze, wave, f"2026-03-10 0{hour}:00")
    dbt = Dbt(spark, REVERSED, tmp_path_factory.mktemp("reversed"))
    dbt.run("run")
    found = _tables(dbt)
    drop_schemas(spark, REVERSED, ("bronze", "silver", "gold"))
    for table in TABLES:
        assert _without_arrival(found[table]) == _without_arrival(states["third"][table]), table


def _without_arrival(table: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leave out what tells of the first arrival: of a repeated event the firmware differs."""
    arrival = ("ingested_at", "firmware_version")
    columns, *rows = table
    kept = [place for place, (name, _) in enumerate(columns) if name not in arrival]
    return sorted((tuple(row[place] for place in kept) for row in rows), key=repr)

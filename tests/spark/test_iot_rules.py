"""Bronze rules of the fleet's feeds on a few literals, and what makes two lines the same."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from iot_analytics.bronze import (
    CORRUPT,
    RESCUED,
    RULES,
    rejected,
    what_it_said,
    with_origin,
)
from iot_analytics.feeds import CHANGES

Row = dict[str, Any]

NOON = "TIMESTAMP '2025-01-06 12:00:00'"
EVENT = {
    "event_id": "'e'",
    "device_id": "'d'",
    "event_ts": NOON,
    "gateway_ts": NOON,
    "source_modified_at": NOON,
    "temperature_c": "21.5",
    "humidity_pct": "50",
    "pressure_hpa": "1000",
    "vibration_mm_s": "2",
    "battery_pct": "80",
    "signal_dbm": "-60",
    "quality": "'good'",
    RESCUED: "CAST(NULL AS STRING)",
}
"""Columns of an event that keeps all rules, as SQL."""

CASES = [
    ("event_id_present", "event_id", "NULL", False),
    ("device_id_present", "device_id", "NULL", False),
    ("event_id_present", "event_id", "' '", False),
    ("device_id_present", "device_id", "''", False),
    ("event_ts_parses", "event_ts", "CAST(NULL AS TIMESTAMP)", False),
    ("gateway_ts_parses", "gateway_ts", "CAST(NULL AS TIMESTAMP)", False),
    ("gateway_not_future", "gateway_ts", f"{NOON} + INTERVAL 300 SECONDS", True),
    ("gateway_not_future", "gateway_ts", f"{NOON} + INTERVAL 301 SECONDS", False),
    ("temperature_physical", "temperature_c", "-60", True),
    ("temperature_physical", "temperature_c", "125.001", False),
    ("temperature_physical", "temperature_c", "CAST(NULL AS DECIMAL(10,3))", True),
    ("humidity_physical", "humidity_pct", "-0.001", False),
    ("pressure_physical", "pressure_hpa", "299.9", False),
    ("vibration_physical", "vibration_mm_s", "200.5", False),
    ("battery_physical", "battery_pct", "100.01", False),
    ("battery_physical", "battery_pct", "CAST(NULL AS DECIMAL(5,2))", True),
    ("signal_physical", "signal_dbm", "-131", False),
    ("quality_known", "quality", "'fine'", False),
    ("quality_known", "quality", "CAST(NULL AS STRING)", False),
    ("not_from_future", "event_ts", f"{NOON} + INTERVAL 300 SECONDS", True),
    ("not_from_future", "event_ts", f"{NOON} + INTERVAL 301 SECONDS", False),
    ("not_too_late", "event_ts", f"{NOON} - INTERVAL 30 DAYS", True),
    ("not_too_late", "event_ts", f"{NOON} - INTERVAL 2592001 SECONDS", False),
    ("nothing_rescued", RESCUED, "'{}'", False),
]
"""Rule, column, its value as SQL, and whether the rule holds."""


@pytest.fixture(scope="module")
def broken(spark: SparkSession) -> list[set[str]]:
    """Return which rules each case breaks."""
    rules = {**RULES["iot_events"].drop, **RULES["iot_events"].warn}
    flags = ", ".join(f"({sql}) IS TRUE AS {name}" for name, sql in rules.items())
    rows = [_event({column: value}) for _, column, value, _ in CASES]
    found = spark.sql(f"SELECT {flags} FROM ({' UNION ALL '.join(rows)})").collect()
    return [{name for name, holds in row.asDict().items() if not holds} for row in found]


def _event(fields: dict[str, str]) -> str:
    columns = {**EVENT, **fields}
    return "SELECT " + ", ".join(f"{value} AS {name}" for name, value in columns.items())


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda each: CASES[each][0])
def test_rule_of_events_holds(broken: list[set[str]], number: int) -> None:
    rule, *_, holds = CASES[number]
    assert (rule not in broken[number]) == holds


def test_rejected_lines_name_all_rules_that_they_break(spark: SparkSession) -> None:
    origin = "NOW() AS ingested_at, 'f' AS source_file, 'h' AS record_hash, '{}' AS raw_line"
    lines = spark.sql(
        f"SELECT *, {origin} FROM ({_event({})} UNION ALL"
        f" {_event({'event_id': 'NULL', 'gateway_ts': 'CAST(NULL AS TIMESTAMP)'})})"
    )
    failed = [row["failed_rules"] for row in rejected(lines, RULES["iot_events"]).collect()]
    assert failed == [["event_id_present", "gateway_ts_parses", "gateway_not_future"]]


def test_rules_of_changes_hold_for_deletes_without_an_image(spark: SparkSession) -> None:
    rules = RULES["cdc_products"]
    sql = " AND ".join(f"({each})" for each in (*rules.drop.values(), *rules.warn.values()))
    nothing = ", ".join(f"CAST(NULL AS STRING) AS {name}" for name in CHANGES["products"].required)
    row = f"'D' AS op, 1L AS seq, NOW() AS ts, 'p' AS product_id, NULL AS {RESCUED}, {nothing}"
    assert spark.sql(f"SELECT {sql} AS holds FROM (SELECT {row})").first() == (True,)
    blank = row.replace("'p'", "'  '")
    assert spark.sql(f"SELECT ({sql}) AS holds FROM (SELECT {blank})").first() == (False,)
    change = row.replace("'D'", "'U'")
    assert spark.sql(f"SELECT ({sql}) AS holds FROM (SELECT {change})").first() == (False,)


# what a line said


def said(spark: SparkSession, columns: str, **fields: Any) -> str:
    """Return what a line said, which Auto Loader has read into columns."""
    row = {RESCUED: None, CORRUPT: None, **fields}
    line = spark.createDataFrame([row], f"{columns}, {RESCUED} STRING, {CORRUPT} STRING")
    (found,) = line.select(what_it_said(line.columns)).first() or [""]
    return str(found)


def rescued(file: str, value: str = "ERR") -> str:
    return f'{{"t":"{value}","_file_path":"{file}"}}'


def test_line_says_the_same_in_another_file_and_beside_empty_columns(spark: SparkSession) -> None:
    one = said(spark, "b STRING, t INT", b="x", **{RESCUED: rescued("a")})
    other = said(spark, "t INT, n STRING, b STRING", b="x", **{RESCUED: rescued("c")})
    assert one == other == '{"b":"x","_rescued_data":{"t":"ERR"}}'


def test_line_with_another_rescued_value_says_something_else(spark: SparkSession) -> None:
    one, other = (said(spark, "t INT", **{RESCUED: rescued("a", each)}) for each in "EF")
    assert one != other


def test_line_tells_moments_of_one_second_apart(spark: SparkSession) -> None:
    assert said(spark, "at TIMESTAMP", at=datetime(2025, 1, 6, 1, 2, 3, 4)) == (
        '{"at":"2025-01-06T01:02:03.000004Z"}'
    )


def test_line_that_is_no_json_is_kept_as_it_is(spark: SparkSession) -> None:
    assert said(spark, "b STRING", **{CORRUPT: '{"b":'}) == '{"b":'


def test_fields_called_as_a_column_of_bronze_are_rescued(
    spark: SparkSession, tmp_path: Path
) -> None:
    lines: list[Row] = [
        {"event_id": "a", "source_file": "edge.log", "Record_Hash": 1.5},
        {"event_id": "b", "source_file": "edge.log", RESCUED: '{"temperature_c":"ERR"}'},
        {"event_id": "c", RESCUED: '{"temperature_c":"ERR"}'},
        {"event_id": "d"},
    ]
    (tmp_path / "f.json").write_text("\n".join(map(json.dumps, lines)))
    columns = f"event_id STRING, source_file STRING, Record_Hash DOUBLE, {RESCUED} STRING"
    landed = spark.read.schema(f"{columns}, {CORRUPT} STRING").json(str(tmp_path))
    found = with_origin(landed).orderBy("event_id").collect()
    rescued = [row[RESCUED] and json.loads(row[RESCUED]) for row in found]
    assert rescued == [
        {"source_file": "edge.log", "Record_Hash": 1.5},
        {"temperature_c": "ERR", "source_file": "edge.log"},
        {"temperature_c": "ERR"},
        None,
    ]
    assert all(row["source_file"].endswith("/f.json") for row in found)
    assert json.loads(found[0]["raw_line"])["source_file"] == "edge.log"
    assert len({row["record_hash"] for row in found}) == 4

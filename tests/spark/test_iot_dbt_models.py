"""What the models of IoT make of cases that are worked out by hand: see iot_cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from iot_bronze import Bronze, moment
from iot_cases import load_cases
from iot_dbt import Dbt, drop_schemas
from pyspark.sql import SparkSession

pytestmark = pytest.mark.iot

PREFIX = "cases"


@pytest.fixture(scope="module")
def dbt(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """The project, built from the cases."""
    load_cases(Bronze(spark, PREFIX))
    built = Dbt(spark, PREFIX, tmp_path_factory.mktemp("dbt"))
    built.run("build", "--select", "staging", "marts")
    yield built
    drop_schemas(spark, PREFIX, ("bronze", "silver", "gold"))


@pytest.fixture(scope="module")
def staged(dbt: Dbt) -> dict[str, Any]:
    return dbt.rows("silver.stg_iot_events", "event_id")


@pytest.fixture(scope="module")
def days(dbt: Dbt) -> dict[Any, Any]:
    return dbt.rows("gold.agg_daily_device_metrics", "device_id", "event_date")


@pytest.fixture(scope="module")
def devices(dbt: Dbt) -> dict[str, Any]:
    return dbt.rows("gold.dim_devices", "device_id")


@pytest.fixture(scope="module")
def alerts(dbt: Dbt) -> dict[str, Any]:
    return dbt.rows("gold.fct_alerts", "alert_key")


def test_first_arrival_of_an_event_counts(staged: dict[str, Any]) -> None:
    assert staged["twice"].temperature_c == 1


def test_value_outside_its_range_is_null_and_makes_the_event_bad(staged: dict[str, Any]) -> None:
    hot = staged["hot"]
    assert (hot.temperature_c, hot.humidity_pct) == (None, 100)
    assert (hot.invalid_metrics, hot.quality, hot.is_usable) == (["temperature_c"], "bad", False)


def test_unknown_quality_is_suspect(staged: dict[str, Any]) -> None:
    assert {staged[name].quality for name in ("odd quality", "no quality")} == {"suspect"}


def test_clock_ahead_is_not_believed(staged: dict[str, Any]) -> None:
    ahead, little = staged["ahead"], staged["a little ahead"]
    assert (ahead.clock_skewed, ahead.effective_ts, ahead.lateness_s) == (True, ahead.gateway_ts, 0)
    assert (little.clock_skewed, little.effective_ts, little.lateness_s) == (
        False,
        little.event_ts,
        0,
    )


def test_lateness_has_two_limits(dbt: Dbt, staged: dict[str, Any]) -> None:
    names = ("an hour", "late", "30 days", "too late")
    assert [staged[name].is_late for name in names] == [False, True, True, True]
    assert [staged[name].is_too_late for name in names] == [False, False, False, True]
    facts = dbt.rows("gold.fct_iot_events", "event_id")
    assert set(staged) - set(facts) == {"too late"}


def test_new_column_is_cast_and_judged(staged: dict[str, Any]) -> None:
    assert (staged["co2"].co2_ppm, staged["hot"].co2_ppm) == (Decimal("412.500"), None)
    for name in ("no number", "much co2"):
        assert (staged[name].co2_ppm, staged[name].invalid_metrics) == (None, ["co2_ppm"])


def test_latest_change_counts_in_any_order(dbt: Dbt) -> None:
    customers = dbt.rows("silver.stg_customers", "customer_id")
    names = {key: row.customer_name for key, row in customers.items()}
    assert names["late update"] == "newest"
    assert names["back again"] == "back"
    assert names["repeated"] == "same"
    assert not names.keys() & {"deleted", "deleted first", "tied delete"}


def test_equal_positions_are_decided_by_the_hash(dbt: Dbt) -> None:
    changes = dbt.spark.table(dbt.table("bronze.bronze_cdc_customers"))
    tied = changes.where("customer_id = 'tied'").collect()
    winner = max(tied, key=lambda change: change.record_hash)
    assert dbt.rows("silver.stg_customers", "customer_id")["tied"].customer_name == winner.name


def test_text_is_trimmed_and_what_does_not_fit_is_null(dbt: Dbt) -> None:
    customers = dbt.rows("silver.stg_customers", "customer_id")
    bare = customers["bare"]
    assert (bare.customer_name, bare.email, bare.city) == ("Bare", None, None)
    assert (customers["worked"].email, customers["worked"].country) == ("ann@example.com", "DE")
    hall = dbt.rows("silver.stg_locations", "location_id")["hall"]
    assert (hall.latitude, hall.longitude) == (None, Decimal("12.5"))
    assert dbt.rows("silver.stg_products", "product_id")["plain"].report_interval_s == 300


def test_discount_is_rounded_half_up_and_one_amount_has_the_net(dbt: Dbt) -> None:
    orders = dbt.rows("gold.fct_orders", "order_id")
    rounded = orders["rounded"]  # half of 100.05
    assert (rounded.discount_amount, rounded.net_amount) == (Decimal("50.03"), Decimal("50.02"))
    amounts = ("recognised_revenue", "open_amount", "cancelled_amount", "returned_amount")
    for order, amount in {
        "worked": "recognised_revenue",
        "rounded": "open_amount",
        "cancelled": "cancelled_amount",
        "returned 0": "returned_amount",
    }.items():
        row = orders[order]
        assert {name for name in amounts if row[name]} == {amount}
        assert row[amount] == row.net_amount


def _breaches(alerts: dict[str, Any], device: str) -> list[tuple[Any, ...]]:
    found = [row for row in alerts.values() if row.device_id == device and row.breach_id]
    return sorted(
        (f"{row.first_violation_at:%H:%M}", row.threshold_id, row.match_status, row.alert_id)
        for row in found
    )


def test_breaches_end_at_good_readings_and_gaps_and_match_the_nearest_alert(
    alerts: dict[str, Any],
) -> None:
    assert _breaches(alerts, "hot") == [
        ("08:00", "all", "matched", "first"),
        ("08:10", "all", "matched", "before gap"),
        ("08:16", "all", "matched", "after gap"),
        ("09:00", "all", "missed", None),
        ("09:00", "all critical", "missed", None),
    ]


def test_alerts_without_breach_are_unconfirmed(alerts: dict[str, Any]) -> None:
    unconfirmed = {key for key, row in alerts.items() if row.match_status == "unconfirmed"}
    assert {"taken", "too late"} <= unconfirmed
    assert alerts["taken"].breach_id is None


def test_breach_tells_how_long_and_how_far(alerts: dict[str, Any]) -> None:
    first = alerts["first"]
    assert (first.breach_duration_s, first.violating_readings) == (180, 4)
    assert (first.peak_value, first.detection_delay_s) == (31, 120)
    [cold] = [row for row in alerts.values() if row.device_id == "cold"]
    assert (cold.peak_value, cold.violating_readings) == (-7, 2)


def test_most_specific_threshold_applies(alerts: dict[str, Any]) -> None:
    assert _breaches(alerts, "baked") == [("09:00", "oven", "missed", None)]
    assert _breaches(alerts, "own") == [
        ("05:00", "oven", "missed", None),
        ("08:00", "own", "missed", None),
    ]


def test_day_describes_usable_readings(days: dict[Any, Any]) -> None:
    day = days["metrics", date(2026, 3, 5)]
    assert (day.event_count, day.usable_count, day.suspect_count) == (25, 24, 1)
    assert (day.temperature_c_min, day.temperature_c_max) == (20, 90)
    # 20, 21, 22 six times each, 23 five times, 90
    assert (day.temperature_c_p05, day.temperature_c_p50) == (20, Decimal("21.5"))
    assert day.temperature_c_p95 == 23
    assert day.temperature_c_avg == Decimal("24.292")
    assert (day.signal_avg_dbm, day.signal_min_dbm) == (Decimal("-70.80"), -90)


def test_anomalies_need_spread(days: dict[Any, Any]) -> None:
    day = days["metrics", date(2026, 3, 5)]
    assert (day.temperature_c_anomalies, day.humidity_pct_anomalies, day.anomaly_count) == (1, 0, 1)


def test_battery_drains_unless_it_was_replaced(days: dict[Any, Any]) -> None:
    drained, replaced = (days["battery", date(2026, 3, day)] for day in (5, 6))
    assert (drained.battery_first, drained.battery_min, drained.battery_last) == (50, 48, 49)
    assert (drained.battery_replaced, drained.battery_drain) == (False, 1)
    assert (replaced.battery_replaced, replaced.battery_drain) == (True, None)


def test_slots_are_counted_not_events(days: dict[Any, Any]) -> None:
    slots = [
        (day.expected_slots, day.received_slots, day.uptime_pct)
        for (device, _), day in sorted(days.items())
        if device == "worked"
    ]
    assert [expected for expected, _, _ in slots] == [16, 24, 24, 24, 12]
    assert sum(received for _, received, _ in slots) == 98
    assert slots[0][2] == Decimal("93.75")


def test_days_go_from_first_to_last_in_service(days: dict[Any, Any]) -> None:
    gone = {day: row for (device, day), row in days.items() if device == "gone"}
    assert sorted(gone) == [date(2026, 3, day) for day in range(1, 9)]
    last = gone[date(2026, 3, 8)]
    assert (last.expected_slots, last.event_count, last.out_of_service_count) == (6, 1, 1)
    assert gone[date(2026, 3, 7)].uptime_pct == 0
    assert days["new", date(2026, 3, 10)].uptime_pct is None


@pytest.mark.parametrize(
    ("device", "score", "band"),
    [
        ("worked", "84.7", "healthy"),
        ("burning", "59", "degraded"),  # 30 + 25 + 20 + 15, an open critical alert
        ("silent", "39", "critical"),
        ("mute", "25", "critical"),  # no event: only alerts count
        ("new", None, None),
        ("spare", None, None),  # not active
        ("-1", None, None),
    ],
)
def test_health(devices: dict[str, Any], device: str, score: str | None, band: str | None) -> None:
    found = devices[device]
    assert found.health_score == (Decimal(score) if score else None)
    assert found.health_band == band


def test_device_tells_what_its_health_comes_from(devices: dict[str, Any]) -> None:
    worked = devices["worked"]
    assert (worked.uptime_7d_pct, worked.usable_7d_pct) == (98, 95)
    assert (worked.last_battery_pct, worked.open_warning) == (30, 1)
    assert (worked.days_in_service, worked.is_silent) == (4, False)
    assert worked.last_event_at == moment("2026-03-10 11:15")
    assert (devices["silent"].is_silent, devices["mute"].is_silent) == (True, True)
    assert devices["battery"].battery_days_left == 94  # one percent a day


def test_customer_score(dbt: Dbt) -> None:
    customers = dbt.rows("gold.agg_customer_summary", "customer_id")
    worked = customers["worked"]
    assert (worked.customer_score, worked.grade) == (Decimal("80.3"), "A")
    assert (worked.avg_device_health, worked.uptime_30d_pct) == (Decimal("84.70"), 97)
    assert (worked.alerts_90d, worked.alerts_in_sla_pct, worked.open_warning) == (5, 75, 1)
    assert not worked.churn_risk
    bare = customers["bare"]  # no device, and no order for a year: R and C at equal weights
    assert (bare.customer_score, bare.churn_risk) == (50, True)
    returner = customers["returner"]  # C is 100 - 30
    assert (returner.customer_score, returner.return_rate_365d) == (85, 80)
    assert customers["late update"].customer_score == 100  # nothing but R
    churned = customers["churned"]  # D 25, U 0, R 100
    assert (churned.customer_score, churned.churn_risk) == (Decimal("37.5"), True)


def test_dimensions_count_what_they_have(dbt: Dbt) -> None:
    hall, yard = (dbt.rows("gold.dim_locations", "location_id")[name] for name in ("hall", "yard"))
    assert (hall.device_count, hall.active_device_count, hall.avg_device_health) == (2, 2, 49)
    assert (yard.device_count, yard.avg_device_health) == (0, None)
    customers = dbt.rows("gold.dim_customers", "customer_id")
    assert customers["worked"].email_domain == "example.com"
    assert (customers["bare"].order_count, customers["bare"].lifetime_revenue) == (2, 0)
    assert {"-1"} == customers.keys() - dbt.rows("silver.stg_customers", "customer_id").keys()


def test_calendar_has_sixteen_years(dbt: Dbt) -> None:
    calendar = dbt.rows("gold.dim_date", "date_key")
    assert len(calendar) == 5844
    sunday = calendar[20270103]
    assert (sunday.iso_week, sunday.day_of_week, sunday.is_weekend) == (53, 7, True)
    assert (sunday.month_name, sunday.month_end) == ("January", date(2027, 1, 31))


def test_tables_fit_together_and_data_quality_is_measured(dbt: Dbt) -> None:
    results = dbt.run("test", "--select", "data_quality", "integration", succeeds=False)
    found = {name: (str(result.status), result.failures) for name, result in results.items()}
    assert {name: result for name, result in found.items() if result != ("pass", 0)} == {
        "conflict_count": ("fail", 1),
        "events_out_of_service": ("warn", 1),
        "missed_breaches": ("fail", 7),
        "orphan_events": ("warn", 13),
        "orphan_orders": ("warn", 1),
        "silent_devices": ("fail", 9),
        "too_late": ("warn", 1),
        "unconfirmed_alerts": ("fail", 4),
    }


def test_every_column_is_described(dbt: Dbt) -> None:
    manifest = json.loads((dbt.folder / "target" / "manifest.json").read_text())
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["config"]["materialized"] != "ephemeral":
            table = dbt.spark.table(f"{node['schema']}.{node['name']}")
            assert list(node["columns"]) == table.columns
            assert all(column["description"] for column in node["columns"].values()), node["name"]

"""Events and changes whose results are worked out by hand, as of 2026-03-10 12:00.

Each device is one case; what is expected of it is in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iot_bronze import Bronze, later

AS_OF = "2026-03-10 12:00"
FIRST, SECOND = "2026-03-10 12:10", "2026-03-10 12:20"  # two loads, minutes apart


def hourly(device: str, start: str, count: int, **values: Any) -> Iterator[dict[str, Any]]:
    """Return events ten minutes into each hour."""
    return every(device, later(start, minutes=10), count, seconds=3600, **values)


def every(
    device: str, start: str, count: int, *, seconds: int, **values: Any
) -> Iterator[dict[str, Any]]:
    for number in range(count):
        moment = later(start, seconds=number * seconds)
        yield {
            "event_id": f"{device} {moment}",
            "device_id": device,
            "seq": number,
            "event_ts": moment,
            **values,
        }


def readings(device: str, *runs: tuple[str, int, float]) -> Iterator[dict[str, Any]]:
    """Return readings a minute apart: from when on 9 March, how many, and which temperature."""
    for start, count, temperature in runs:
        start = f"2026-03-09 {start}"
        yield from every(device, start, count, seconds=60, temperature_c=temperature)


def load_cases(bronze: Bronze) -> None:
    """Bring all cases into bronze, in two loads."""
    _load_master_data(bronze)
    _load_orders(bronze)
    _load_alerts(bronze)
    bronze.events(
        [*_staging(), *_health(), *_daily(), *_breaches()],
        loaded=FIRST,
    )
    bronze.events(_second_load(), loaded=SECOND, more=", co2_ppm STRING")


def _load_master_data(bronze: Bronze) -> None:
    customers = [
        {"customer_id": "worked", "seq": 1, "email": " Ann@Example.COM ", "country": "de"},
        {"customer_id": "bare", "seq": 2, "name": " Bare ", "email": "nobody", "city": " "},
        {"customer_id": "churned", "seq": 3, "status": "churned"},
        {"customer_id": "returner", "seq": 4},
        {"customer_id": " ", "seq": 5},
        *_any_order(),
    ]
    products = [
        {"product_id": "hour", "seq": 1},
        {"product_id": "mains", "seq": 2, "mains_powered": True},
        {"product_id": "minute", "seq": 3, "report_interval_s": 60},
        {"product_id": "oven", "seq": 4, "report_interval_s": 60},
        {"product_id": "plain", "seq": 5, "report_interval_s": None},
    ]
    bronze.changes("customers", customers, loaded=FIRST)
    bronze.changes("products", products, loaded=FIRST)
    bronze.changes(
        "locations",
        [
            {"location_id": "hall", "seq": 1, "latitude": 91, "longitude": 12.5},
            {"location_id": "yard", "seq": 2},
        ],
        loaded=FIRST,
    )
    devices = {
        "worked": {"installed_at": "2026-03-06 08:00", "customer_id": "worked"},
        "spare": {
            "installed_at": "2026-03-06 08:00",
            "customer_id": "worked",
            "status": "inactive",
        },
        "burning": {"product_id": "mains", "location_id": "hall"},
        "silent": {"product_id": "mains", "location_id": "hall"},
        "mute": {"product_id": "mains", "customer_id": "churned"},
        "new": {"installed_at": "2026-03-10 11:30"},
        "metrics": {"installed_at": "2026-03-05"},
        "battery": {"installed_at": "2026-03-05"},
        "gone": {"decommissioned_at": "2026-03-08 06:00", "status": "retired"},
        "hot": {"product_id": "minute"},
        "cold": {"product_id": "minute"},
        "baked": {"product_id": "oven"},
        "own": {"product_id": "oven"},
    }
    rows = [
        {"device_id": name, "seq": seq, "product_id": "hour", **values}
        for seq, (name, values) in enumerate(devices.items(), start=1)
    ]
    bronze.changes("devices", rows, loaded=FIRST)


def _any_order() -> Iterator[dict[str, Any]]:
    """Return changes in the wrong order, repeated, deleted and inserted again."""
    for key, *changes in (
        ("late update", (11, "I", "old"), (13, "U", "newest"), (12, "U", "older")),
        ("deleted", (21, "I", "x"), (23, "D", None), (22, "U", "resurrected?")),
        ("deleted first", (32, "D", None), (31, "I", "x")),
        ("back again", (43, "I", "back"), (41, "I", "x"), (42, "D", None)),
        ("repeated", (51, "I", "same"), (51, "I", "same")),
        ("tied delete", (61, "D", None), (61, "U", "x")),
        ("tied", (71, "U", "one"), (71, "U", "two")),
        ("tied", (71, "U", "one")),
    ):
        for seq, op, name in changes:
            yield {"customer_id": key, "seq": seq, "op": op} | ({"name": name} if name else {})


def _load_orders(bronze: Bronze) -> None:
    orders = [
        {"order_id": "worked", "customer_id": "worked", "order_ts": "2025-11-20"},
        {
            "order_id": "rounded",
            "customer_id": "bare",
            "order_ts": "2024-01-01",
            "quantity": 3,
            "unit_price": "33.35",
            "discount_pct": 50,
            "status": "placed",
        },
        {"order_id": "euro", "customer_id": "bare", "order_ts": "2024-01-02", "currency": "EUR"},
        {"order_id": "orphan", "customer_id": "nobody", "order_ts": "2026-03-09"},
        {"order_id": "cancelled", "customer_id": "returner", "status": "cancelled"},
        *(
            {"order_id": f"returned {n}", "customer_id": "returner", "status": "returned"}
            for n in range(4)
        ),
    ]
    rows = [
        {"seq": seq, "product_id": "hour", "order_ts": "2026-03-01", **order}
        for seq, order in enumerate(orders)
    ]
    bronze.changes("orders", rows, loaded=FIRST)


def _load_alerts(bronze: Bronze) -> None:
    thresholds = {
        "all": {"threshold_value": 30, "min_duration_s": 120},
        "all critical": {"threshold_value": 60, "severity": "critical"},
        "oven": {"threshold_value": 40, "product_id": "oven"},
        "own": {"threshold_value": 50, "device_id": "own", "valid_from": "2026-03-09 06:00"},
        "off": {"threshold_value": 0, "device_id": "hot", "is_enabled": False},
        "cold": {"threshold_value": -5, "operator": "lte", "severity": "info", "device_id": "cold"},
    }
    rows = [
        {"threshold_id": name, "seq": seq, **values}
        for seq, (name, values) in enumerate(thresholds.items(), start=1)
    ]
    bronze.changes("alert_thresholds", rows, loaded=FIRST)
    day = "2026-03-09"
    alerts = {
        "first": {"device_id": "hot", "threshold_id": "all", "raised_at": f"{day} 08:02"},
        "before gap": {"device_id": "hot", "threshold_id": "all", "raised_at": f"{day} 08:14"},
        "after gap": {"device_id": "hot", "threshold_id": "all", "raised_at": f"{day} 08:20"},
        "taken": {"device_id": "hot", "threshold_id": "all", "raised_at": f"{day} 08:21"},
        "too late": {"device_id": "hot", "threshold_id": "all", "raised_at": f"{day} 09:18"},
        "worked open": {"device_id": "worked", "raised_at": "2026-03-10 11:00"},
        "burning": {
            "device_id": "burning",
            "severity": "critical",
            "raised_at": "2026-03-10 11:00",
        },
    }
    hours = {"a": 1, "b": 23, "c": 24, "d": 25}
    for name, taken in hours.items():
        alerts[f"worked {name}"] = {
            "device_id": "worked",
            "raised_at": "2026-03-01",
            "acknowledged_at": "2026-03-01 00:01",
            "resolved_at": later("2026-03-01", hours=taken),
            "status": "resolved",
        }
    rows = [
        {"alert_id": name, "seq": seq, **values}
        for seq, (name, values) in enumerate(alerts.items(), start=1)
    ]
    bronze.changes("alerts", rows, loaded=FIRST)


def _staging() -> Iterator[dict[str, Any]]:
    usual = {"device_id": "stranger", "event_ts": "2026-03-10 10:00"}
    yield {**usual, "event_id": "twice", "temperature_c": 2, "source_file": "b.json"}
    yield {**usual, "event_id": "twice", "temperature_c": 1, "source_file": "a.json"}
    yield {**usual, "event_id": "twice", "temperature_c": 1, "source_file": "a.json"}
    yield {**usual, "event_id": "hot", "temperature_c": "125.001", "humidity_pct": 100}
    yield {**usual, "event_id": "odd quality", "quality": "odd"}
    yield {**usual, "event_id": "no quality", "quality": None}
    for name, received in {
        "ahead": "2026-03-10 09:54",
        "a little ahead": "2026-03-10 09:55",
        "an hour": "2026-03-10 11:00",
        "late": "2026-03-10 11:00:01",
    }.items():
        yield {**usual, "event_id": name, "gateway_ts": received}
    for name, happened in {
        "30 days": later(AS_OF, days=-30),
        "too late": later(AS_OF, days=-30, seconds=-1),
    }.items():
        yield {**usual, "event_id": name, "event_ts": happened, "gateway_ts": AS_OF}


def _health() -> Iterator[dict[str, Any]]:
    worked = list(hourly("worked", "2026-03-06 08:00", 100, battery_pct=30))
    del worked[10], worked[20]
    for number, event in enumerate(worked[:5]):
        event["quality"] = "suspect"
        again = worked[-number - 1]
        yield event
        if number < 2:  # the same slot once more
            moment = later(again["event_ts"], minutes=5)
            yield {**again, "event_id": f"again {number}", "event_ts": moment}
    yield from worked[5:]
    yield from hourly("spare", "2026-03-06 08:00", 96)
    yield from hourly("burning", "2026-03-01", 228)
    yield from hourly("silent", "2026-03-01", 228 - 24)


def _daily() -> Iterator[dict[str, Any]]:
    for number, event in enumerate(hourly("metrics", "2026-03-05", 24, signal_dbm=-70)):
        temperature = 90 if number == 7 else 20 + number % 4
        yield {**event, "temperature_c": temperature, "humidity_pct": 90 if number == 7 else 50}
    yield {
        "event_id": "suspect",
        "device_id": "metrics",
        "event_ts": "2026-03-05 01:30",
        "temperature_c": 1,
        "signal_dbm": -90,
        "quality": "suspect",
    }
    for day, levels in {"2026-03-05": (50, 48, 49), "2026-03-06": (20, 95, 94)}.items():
        for hour, level in enumerate(levels):
            yield from hourly("battery", later(day, hours=hour), 1, battery_pct=level)
    for moment in ("2026-03-08 05:10", "2026-03-08 06:00", "2026-03-09 01:00"):
        yield from every("gone", moment, 1, seconds=1)


def _breaches() -> Iterator[dict[str, Any]]:
    yield from readings(
        "hot",
        ("08:00", 4, 31),  # 3 minutes
        ("08:04", 1, 30),
        ("08:05", 2, 31),  # too short
        ("08:07", 1, 30),
        ("08:10", 3, 32),
        ("08:16", 3, 33),  # after a gap of four minutes
        ("08:19", 1, 30),
        ("09:00", 3, 61),  # beyond two thresholds
    )
    yield {
        "event_id": "unusable",
        "device_id": "hot",
        "event_ts": "2026-03-09 08:02:30",
        "temperature_c": 0,
        "quality": "suspect",
    }
    yield from readings("cold", ("08:00", 1, -5), ("08:03", 1, -7))  # a gap of three minutes
    yield from readings("baked", ("08:00", 4, 35), ("09:00", 4, 45))
    yield from readings("own", ("05:00", 4, 45), ("07:00", 4, 45), ("08:00", 4, 55))


def _second_load() -> Iterator[dict[str, Any]]:
    usual = {"device_id": "stranger", "event_ts": "2026-03-10 10:00"}
    yield {**usual, "event_id": "twice", "temperature_c": 3}
    yield {**usual, "event_id": "co2", "co2_ppm": "412.5"}
    yield {**usual, "event_id": "no number", "co2_ppm": "n/a"}
    yield {**usual, "event_id": "much co2", "co2_ppm": "10000.5"}

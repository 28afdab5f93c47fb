"""The histories of all tables but alerts: customers, products, orders, devices and so on.

What does not live here: alerts (`alerts`), what goes wrong when changes are sent (`deliveries`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from iot_analytics.simulator.alerts import alerts
from iot_analytics.simulator.changes import History, counted, inserted, updated
from iot_analytics.simulator.dice import dice
from iot_analytics.simulator.fleet import (
    PRODUCTS,
    Device,
    Fleet,
    Threshold,
    customer_count,
    location_count,
)
from iot_analytics.simulator.moments import DAY, HOUR, text
from iot_analytics.simulator.reports import GHOST

_CITIES = (
    ("Berlin", "Berlin", "DE", 52.52, 13.405, "Europe/Berlin"),
    ("Lyon", "Rhône", "FR", 45.764, 4.8357, "Europe/Paris"),
    ("Porto", "Norte", "PT", 41.1579, -8.6291, "Europe/Lisbon"),
    ("Austin", "Texas", "US", 30.2672, -97.7431, "America/Chicago"),
    ("Osaka", "Kansai", "JP", 34.6937, 135.5023, "Asia/Tokyo"),
)
_SEGMENTS = ("consumer", "smb", "enterprise")
_SITES = ("warehouse", "plant", "office", "field")
_STEPS = (("paid", HOUR), ("shipped", DAY), ("delivered", 4 * DAY))
_MOST_ORDERS = 6
_ORDERS_SINCE = 400 * DAY
_FOREIGN = 15
UNKNOWN_CUSTOMER = "C-unknown"


def customer_id(number: int) -> str:
    """Name a customer by its number, which counts from 0."""
    return f"C-{number:05d}"


def location_id(number: int) -> str:
    """Name a location by its number, which counts from 0."""
    return f"L-{number:05d}"


def moved_devices(fleet: Fleet) -> list[Device]:
    """Return the two devices that move to other customers in the last wave."""
    return list(fleet.devices[:2])


def moved_to(fleet: Fleet, device: Device) -> str:
    """Return to which customer a device moves."""
    return customer_id((device.customer_number + 1) % (customer_count(fleet.options) - 1))


def _customers(fleet: Fleet) -> Iterator[History]:
    start = fleet.options.starts_at
    for number in range(customer_count(fleet.options)):
        chance = dice(fleet.options.seed, "customer", number)
        city, _, country, *_ = chance.choice(_CITIES)
        ts = start - chance.randint(450, 800) * DAY
        image = {
            "name": f"Customer {number}",
            "email": "no address" if number == 3 else f" Customer{number}@Example.com",
            "phone": f"+1555{number:07d}",
            "segment": chance.choice(_SEGMENTS),
            "country": country.lower(),
            "city": city,
            "created_at": text(ts),
            "status": "active",
        }
        history = inserted(ts, customer_id(number), image)
        if number % 7 == 6:
            history = updated(history, start + HOUR, status="suspended")
        yield history


def _products(fleet: Fleet) -> Iterator[History]:
    ts = fleet.options.starts_at - 900 * DAY
    for each in PRODUCTS:
        image = {
            "sku": f"SKU-{each.product_id}",
            "name": each.name,
            "category": each.category,
            "unit_price": (each.cents - 500) / 100,
            "currency": "USD",
            "report_interval_s": each.interval_s,
            "mains_powered": each.mains_powered,
            "is_active": True,
        }
        history = inserted(ts, each.product_id, image)
        yield updated(history, fleet.options.starts_at + 2 * HOUR, unit_price=each.cents / 100)


def _locations(fleet: Fleet) -> Iterator[History]:
    for number in range(location_count(fleet.options)):
        city, region, country, latitude, longitude, timezone = _CITIES[number % len(_CITIES)]
        image = {
            "name": f"Site {number}",
            "city": city,
            "region": region,
            "country": country,
            "latitude": round(latitude + number / 10_000, 6),
            "longitude": longitude,
            "timezone": timezone,
            "site_type": _SITES[number % len(_SITES)],
        }
        yield inserted(fleet.options.starts_at - 850 * DAY, location_id(number), image)


def _devices(fleet: Fleet) -> Iterator[History]:
    start, end = fleet.options.starts_at, fleet.options.ends_at
    moves_at = fleet.options.wave_bounds(fleet.options.waves)[0] + HOUR
    moving = moved_devices(fleet)
    for each in fleet.devices:
        lost = each.number == 7
        image = {
            "customer_id": customer_id(each.customer_number),
            "product_id": each.product.product_id,
            "location_id": "L-unknown" if lost else location_id(each.location_number),
            "serial_number": f"SN{each.number:08d}",
            "firmware_version": "1.0.0",
            "installed_at": text(each.installed_at),
            "decommissioned_at": None,
            "status": "active",
        }
        history = inserted(each.installed_at, each.device_id, image)
        if lost:
            history = [counted(history[0], "orphans")]
        since = max(each.installed_at, start)
        history = updated(history, since + 60, firmware_version=f"2.{each.number % 4}.0")
        if each.decommissioned_at:
            gone = text(each.decommissioned_at)
            history = updated(
                history, each.decommissioned_at, status="retired", decommissioned_at=gone
            )
        elif each.status != "active":
            history = updated(history, since + 120, status=each.status)
        if each in moving:
            history = updated(history, min(moves_at, end - 1), customer_id=moved_to(fleet, each))
        yield history


def _thresholds(fleet: Fleet) -> Iterator[History]:
    for each in fleet.thresholds:
        yield inserted(each.valid_from, each.threshold_id, _bound(each))
    lost = Threshold("T-lost", "temperature_c", "gt", 40, "info", 60, GHOST)
    image = {**_bound(lost), "valid_from": text(fleet.options.starts_at)}
    yield [counted(inserted(fleet.options.starts_at, lost.threshold_id, image)[0], "orphans")]


def _bound(threshold: Threshold) -> dict[str, Any]:
    ended = threshold.valid_to
    return {
        "device_id": threshold.device_id,
        "product_id": threshold.product_id,
        "metric": threshold.metric,
        "operator": threshold.operator,
        "threshold_value": threshold.value,
        "severity": threshold.severity,
        "min_duration_s": threshold.min_duration_s,
        "valid_from": text(threshold.valid_from),
        "valid_to": None if ended is None else text(ended),
        "is_enabled": threshold.is_enabled,
    }


def _orders(fleet: Fleet) -> Iterator[History]:
    count = customer_count(fleet.options)
    number = 0
    for customer in range(1, count):  # the first has never ordered
        chance = dice(fleet.options.seed, "orders", customer)
        for _ in range(chance.randint(2, _MOST_ORDERS)):
            number += 1
            yield _order(fleet, number, customer_id(customer), chance)
    chance = dice(fleet.options.seed, "orphan")
    history = _order(fleet, number + 1, UNKNOWN_CUSTOMER, chance)
    yield [counted(history[0], "orphans"), *history[1:]]


def _order(fleet: Fleet, number: int, customer: str, chance: random.Random) -> History:
    end = fleet.options.ends_at
    ts = chance.randint(fleet.options.starts_at - _ORDERS_SINCE, end - 1)
    product = chance.choice(PRODUCTS)
    image = {
        "customer_id": customer,
        "product_id": product.product_id,
        "quantity": chance.randint(1, 12),
        "unit_price": (product.cents - chance.choice([0, 0, 500])) / 100,
        "discount_pct": chance.choice([None, None, 5, 10, 12.5]),
        "currency": "EUR" if number % _FOREIGN == _FOREIGN // 3 else "USD",
        "order_ts": text(ts),
        "status": "placed",
    }
    history = inserted(ts, f"O-{number:07d}", image)
    for status, after in _steps(chance.random()):
        if ts + after < end:
            history = updated(history, ts + after, status=status)
    return history


def _steps(luck: float) -> tuple[tuple[str, int], ...]:
    """Return which way an order goes after it was placed, and how long after."""
    if luck < 0.08:
        return (("cancelled", HOUR),)
    return (*_STEPS, ("returned", 12 * DAY)) if luck > 0.95 else _STEPS


HISTORIES: dict[str, Callable[[Fleet], Iterator[History]]] = {
    "customers": _customers,
    "products": _products,
    "orders": _orders,
    "devices": _devices,
    "locations": _locations,
    "alerts": alerts,
    "alert_thresholds": _thresholds,
}
"""By name of the table."""

"""The fleet: products, thresholds, devices, and when a reading of a device leaves its bounds.

What does not live here: what devices report (`reports`), how tables change (`histories`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from iot_analytics.simulator.dice import dice
from iot_analytics.simulator.moments import DAY, HOUR
from iot_analytics.simulator.options import Options

_DEVICES_OF_A_GATEWAY = 25
_ROLES = 20
_SILENT, _RETIRED, _NEW, _IN_MAINTENANCE = 3, 4, 5, 6
_OLDEST_DAYS, _NEWEST_DAYS = 90, 45
"""How long before the start devices are installed: what is 40 days late is within their service."""


@dataclass(frozen=True, slots=True)
class Product:
    """A kind of device; `cents` is its price."""

    product_id: str
    name: str
    category: str
    cents: int
    interval_s: int
    mains_powered: bool = False


PRODUCTS = (
    Product("P-1", "Cold room sensor", "climate", 8_900, 300),
    Product("P-2", "Hall sensor", "climate", 12_950, 300, mains_powered=True),
    Product("P-3", "Pump monitor", "machine", 24_900, 600),
    Product("P-4", "Field sensor", "outdoor", 19_999, 900),
    Product("P-5", "Motor monitor", "machine", 31_000, 300),
    Product("P-6", "Meter", "energy", 5_450, 600),
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound of a metric, of a device, a product, or all devices."""

    threshold_id: str
    metric: str
    operator: str
    value: int
    severity: str
    min_duration_s: int
    device_id: str | None = None
    product_id: str | None = None
    valid_from: int = 0
    valid_to: int | None = None
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class Device:
    """A device; `number` counts from 1. It reports from `first_at` until before `last_at`."""

    number: int
    device_id: str
    customer_number: int
    product: Product
    location_number: int
    gateway_id: str
    installed_at: int
    decommissioned_at: int | None
    status: str
    first_at: int
    last_at: int
    battery_days: float

    @property
    def measures_co2(self) -> bool:
        """Whether it has the sensor that comes later."""
        return self.number % 2 == 0


@dataclass(frozen=True, slots=True)
class Episode:
    """A time in which a metric of a device violates a threshold: from `from_at` until `to_at`."""

    device: Device
    threshold: Threshold
    from_at: int
    to_at: int


@dataclass(frozen=True)
class Fleet:
    """All devices, and the bounds of what they measure."""

    options: Options
    devices: tuple[Device, ...]
    thresholds: tuple[Threshold, ...]

    def episode(self, device: Device, day: int) -> Episode | None:
        """Return when a device leaves its bounds on a day of the simulation; the first is 0."""
        begins = self.options.starts_at + day * DAY
        is_there = device.first_at <= begins and device.last_at >= begins + DAY
        if (device.number + day) % 2 or not is_there:
            return None
        chance = dice(self.options.seed, "episode", device.number, day)
        metric = chance.choice(["temperature_c", "temperature_c", "vibration_mm_s", "humidity_pct"])
        threshold = self._threshold(device, metric)
        interval = device.product.interval_s
        slots = -(-threshold.min_duration_s // interval) + chance.randint(4, 8)
        from_at = begins + chance.randint(DAY // 5, DAY // 2) // interval * interval
        return Episode(device, threshold, from_at, from_at + slots * interval)

    def episodes(self) -> Iterator[Episode]:
        """Return all episodes, in the same order each time."""
        for device in self.devices:
            for day in range(self.options.days):
                episode = self.episode(device, day)
                if episode is not None:
                    yield episode

    def _threshold(self, device: Device, metric: str) -> Threshold:
        """Return the most specific threshold of a device and metric."""
        levels = (device.device_id, device.product.product_id, None)
        return next(self._bounds[of, metric] for of in levels if (of, metric) in self._bounds)

    @cached_property
    def _bounds(self) -> dict[tuple[str | None, str], Threshold]:
        """The thresholds that hold, by device or product, and metric."""
        return {
            (each.device_id or each.product_id, each.metric): each
            for each in self.thresholds
            if each.is_enabled and each.valid_to is None
        }


def fleet(options: Options) -> Fleet:
    """Make the fleet."""
    devices = tuple(_device(options, number) for number in range(1, options.devices + 1))
    return Fleet(options, devices, tuple(_thresholds(options, devices)))


def customer_count(options: Options) -> int:
    """Return how many customers there are; the last has no device."""
    return max(6, options.devices // 5)


def location_count(options: Options) -> int:
    """Return how many locations there are."""
    return max(6, options.devices // 10)


def _device(options: Options, number: int) -> Device:
    chance = dice(options.seed, "device", number)
    start, end, role = options.starts_at, options.ends_at, number % _ROLES
    installed_at = start - chance.randint(_NEWEST_DAYS * DAY, _OLDEST_DAYS * DAY)
    status, decommissioned_at, first_at, last_at = "active", None, start, end
    if role == _SILENT:
        last_at = start + options.days * 2 // 5 * DAY
    elif role == _RETIRED:
        status = "retired"
        decommissioned_at = start + options.days * DAY // 2
        last_at = decommissioned_at + HOUR  # some reports after the end of its service
    elif role == _NEW:
        installed_at = first_at = start + options.days * DAY // 2
    elif role == _IN_MAINTENANCE:
        status = "maintenance"
    return Device(
        number,
        f"D-{number:06d}",
        number % (customer_count(options) - 1),
        PRODUCTS[(number - 1) % len(PRODUCTS)],
        number % location_count(options),
        f"gw-{(number - 1) // _DEVICES_OF_A_GATEWAY + 1:04d}",
        installed_at,
        decommissioned_at,
        status,
        first_at,
        last_at,
        0.9 if number % _ROLES == 1 else chance.uniform(10, 120),
    )


def _thresholds(options: Options, devices: tuple[Device, ...]) -> Iterator[Threshold]:
    since = options.starts_at - 200 * DAY
    ended = options.starts_at - 20 * DAY
    heat = ("temperature_c", "gt")
    yield Threshold("T-G1", *heat, 60, "warning", 600, valid_from=since)
    yield Threshold("T-G2", "vibration_mm_s", "gte", 80, "critical", 300, valid_from=since)
    yield Threshold("T-G3", "humidity_pct", "lt", 5, "info", 900, valid_from=since)
    yield Threshold(
        "T-G4", "pressure_hpa", "lte", 1100, "info", 0, valid_from=since, is_enabled=False
    )
    for number, product in enumerate(PRODUCTS[1:], 1):
        of = product.product_id
        name = f"T-{of}"
        yield Threshold(name, *heat, 61 + number, "warning", 600, product_id=of, valid_from=since)
    for each in devices[3::4]:
        of = each.device_id
        name = f"T-{of}"
        yield Threshold(name, *heat, 70, "warning", 900, device_id=of, valid_from=since)
    of = devices[0].device_id
    yield Threshold(
        "T-ended", *heat, 5, "warning", 0, device_id=of, valid_from=since, valid_to=ended
    )

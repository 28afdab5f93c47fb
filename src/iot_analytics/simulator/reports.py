"""What a device reports on a day, and what goes wrong with it on the way.

A report lands when its gateway has it. Some land late, some twice: within a day, so that what lands
in a wave was reported in it or on the day before. What does not live here: files (`files`).
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from iot_analytics.simulator.dice import dice
from iot_analytics.simulator.fleet import Device, Episode, Fleet
from iot_analytics.simulator.moments import DAY, HOUR, text

ODDITIES = {
    "late": 0.03,
    "skewed": 0.005,
    "out_of_range": 0.003,
    "unknown_device": 0.002,
    "too_late": 0.001,
    "no_device": 0.001,
    "drift": 0.001,
    "broken": 0.0005,
    "gateway_future": 0.0002,
    "bad_time": 0.0002,
}
"""What is wrong with a report, and with which share of them; a report has one fault at most."""

REJECTED = frozenset({"no_device", "broken", "gateway_future", "bad_time"})
"""The faults that bronze rejects."""

COPIES = {"exact_duplicates": 0.02, "conflicting": 0.0005}
"""How a report comes again, and the share of those that are not rejected."""

GHOST = "D-unknown"
"""A device of which no table knows."""

_LOST = 0.005
_LONGEST_HOLD = 12 * HOUR  # with the longest wait of a copy less than a day
_LONGEST_WAIT = 11 * HOUR
_TWENTY_YEARS = 20 * 365 * DAY
_DAYS_OF_A_BOOT = 5
_FIRST_FORCED = 24
_HEARTBEAT = 12
_IMPOSSIBLE = {
    "temperature_c": 999.9,
    "humidity_pct": 140.0,
    "pressure_hpa": 20.0,
    "vibration_mm_s": 500.0,
}
_READINGS = tuple(_IMPOSSIBLE)


@dataclass(frozen=True, slots=True)
class Line:
    """A line, when it lands, and what truth counts it as."""

    lands_at: int
    text: str
    counted_as: tuple[str, ...]
    has_co2: bool


def _forced() -> dict[int, str]:
    """Say which reports of the first day have which fault whatever the dice say."""
    slots = [each for each in range(_FIRST_FORCED, 60) if each % _HEARTBEAT != _HEARTBEAT - 1]
    return dict(zip(slots, (*ODDITIES, *COPIES), strict=False))


_FORCED = _forced()


def reports(fleet: Fleet, device: Device, day: int, co2_from: int) -> Iterator[Line]:
    """Return the lines that come of what a device measures on a day of the simulation.

    Args:
        day: the first is 0.
        co2_from: from when on a column more is reported.
    """
    return _Day(fleet, device, day, co2_from).lines()


class _Day:
    """A day of a device; all that is drawn is drawn from its dice."""

    def __init__(self, fleet: Fleet, device: Device, day: int, co2_from: int) -> None:
        self.device, self.day, self.co2_from = device, day, co2_from
        self.dice = dice(fleet.options.seed, device.number, day)
        self.begins = fleet.options.starts_at + day * DAY
        self.slots = DAY // device.product.interval_s
        self.episode = fleet.episode(device, day)
        self.usual = 15 + device.number % 15
        booted = (day + device.number) % _DAYS_OF_A_BOOT
        self.boot_id = f"{device.device_id}-{day - booted + 1000:04d}"
        self.first_seq = booted * self.slots + 1
        self.forced = _FORCED if (device.number, day) == (1, 0) else {}
        self.leftovers = 0

    def lines(self) -> Iterator[Line]:
        interval, draw = self.device.product.interval_s, self.dice.random
        for slot in range(self.slots):
            at = self.begins + slot * interval + int(draw() * interval / 10)
            is_lost = draw() < _LOST and slot not in self.forced
            if self.device.first_at <= at < self.device.last_at and not is_lost:
                yield from self._reported(slot, at)

    def _reported(self, slot: int, at: int) -> Iterator[Line]:
        forced = self.forced.get(slot)
        fault = "" if forced in COPIES else forced or self._drawn(ODDITIES)
        event = self._measured(slot, at)
        lands_at = self._spoil(event, fault, at)
        line = json.dumps(event, separators=(",", ":"))
        co2 = "co2_ppm" in event
        if fault in REJECTED:
            told = line[: len(line) * 2 // 3] if fault == "broken" else line
            yield Line(lands_at, told, ("rejected", fault), co2)
            return
        yield Line(lands_at, line, ("distinct", fault) if fault else ("distinct",), co2)
        copy = forced if forced in COPIES else self._drawn(COPIES)
        if copy:
            if copy == "conflicting":
                event["signal_dbm"] = -99 if event["signal_dbm"] != -99 else -98
                line = json.dumps(event, separators=(",", ":"))
            yield Line(lands_at + 1 + int(self.dice.random() * _LONGEST_WAIT), line, (copy,), co2)

    def _drawn(self, shares: dict[str, float]) -> str:
        """Draw a name by its share; '' for the rest."""
        drawn = self.dice.random()
        for name, share in shares.items():
            drawn -= share
            if drawn < 0:
                return name
        return ""

    def _measured(self, slot: int, at: int) -> dict[str, Any]:
        """Return what the device measures, before anything goes wrong."""
        draw = self.dice.random
        kind = "status" if slot == 0 else "telemetry"
        kind = "heartbeat" if slot % _HEARTBEAT == _HEARTBEAT - 1 else kind
        event: dict[str, Any] = {
            "event_id": _uuid(self.dice),
            "device_id": self.device.device_id,
            "boot_id": self.boot_id,
            "seq": self.first_seq + slot,
            "event_type": kind,
            "event_ts": text(at),
            "gateway_ts": text(at + int(draw() * 5)),
            "gateway_id": self.device.gateway_id,
            "firmware_version": f"2.{self.device.number % 4}.0",
        }
        if kind == "telemetry":
            event.update(self._readings(at))
            if self.device.measures_co2 and at >= self.co2_from:
                event["co2_ppm"] = round(420 + 300 * draw(), 3)
        if not self.device.product.mains_powered:
            event["battery_pct"] = round(self._battery(at), 2)
        event["signal_dbm"] = -60 - int(draw() * 35)
        luck = draw()
        event["quality"] = "good" if luck < 0.97 else "suspect" if luck < 0.99 else "bad"
        return event

    def _readings(self, at: int) -> dict[str, float]:
        draw = self.dice.random
        heat = 4 * math.sin(math.tau * (at % DAY) / DAY)
        found = {
            "temperature_c": self.usual + heat + 2 * draw(),
            "humidity_pct": 50 - heat + 5 * draw(),
            "pressure_hpa": 1008 + 8 * draw(),
            "vibration_mm_s": 2 + 3 * draw(),
        }
        episode = self.episode
        if episode is not None and episode.from_at <= at < episode.to_at:
            found[episode.threshold.metric] = violating(episode) + 2 * draw()
        return {name: round(value, 3) for name, value in found.items()}

    def _battery(self, at: int) -> float:
        """Return a level that falls to 12 % and rises to 100 % when the battery is replaced."""
        cycle = self.device.battery_days * DAY
        used = (at + self.device.number * 7 * HOUR) % cycle / cycle
        return 100 - 88 * used

    def _spoil(self, event: dict[str, Any], fault: str, at: int) -> int:
        """Put a fault into an event, and return when it lands."""
        draw = self.dice.random
        if fault == "late":
            lands_at = at + HOUR + 60 + int(draw() * (_LONGEST_HOLD - HOUR - 120))
            event["gateway_ts"] = text(lands_at)
            return lands_at
        if fault == "skewed":
            event["event_ts"] = text(at + 400 + int(draw() * 2 * HOUR))
        elif fault == "too_late":
            self._make_leftover(event, at)
        elif fault == "gateway_future":
            event["gateway_ts"] = text(at + _TWENTY_YEARS)
        elif fault == "bad_time":
            event["event_ts"] = "not a time"
        elif fault == "no_device":
            event["device_id"] = None
        elif fault == "unknown_device":
            event["device_id"] = GHOST
        elif fault == "drift":
            event["temperature_c"] = "ERR"
        elif fault == "out_of_range":
            self._make_impossible(event)
        return at + 5

    def _make_leftover(self, event: dict[str, Any], at: int) -> None:
        """Let an event be one that the gateway found when it came back after weeks."""
        self.leftovers += 1
        event["boot_id"] = f"{self.device.device_id}-0-{self.day:04d}"
        event["seq"] = self.leftovers
        event["event_ts"] = text(at - 31 * DAY - int(self.dice.random() * DAY))

    def _make_impossible(self, event: dict[str, Any]) -> None:
        if event["event_type"] == "telemetry":
            name = self.dice.choice(_READINGS)
            event[name] = _IMPOSSIBLE[name]
        else:
            event["signal_dbm"] = 20


def violating(episode: Episode) -> int:
    """Return a value that violates the threshold of an episode, by 2 at least."""
    threshold = episode.threshold
    return threshold.value + 6 if threshold.operator.startswith("g") else threshold.value - 4


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    parts = (digits[:8], digits[8:12], f"4{digits[13:16]}", f"8{digits[17:20]}", digits[20:])
    return "-".join(parts)

"""Waves of files: events by gateway and day, changes by table; and what each wave holds."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from iot_analytics.feeds import CHANGES, IOT_EVENTS
from iot_analytics.simulator import moments
from iot_analytics.simulator.deliveries import Sent, sent
from iot_analytics.simulator.files import Files
from iot_analytics.simulator.fleet import Device, Fleet, fleet
from iot_analytics.simulator.histories import HISTORIES
from iot_analytics.simulator.moments import DAY
from iot_analytics.simulator.options import Options
from iot_analytics.simulator.reports import ODDITIES, Line, reports
from iot_analytics.simulator.truth import landed_waves, write_truth

_LINES_OF_A_FILE = 20_000
_OF_EVENTS = ("distinct", "exact_duplicates", "conflicting", "rejected", *ODDITIES)


def simulate(options: Options, folder: Path) -> dict[str, Any]:
    """Write all waves into a folder, and return what `truth.json` says.

    Raises:
        OptionError: the folder holds waves of other options.
        OSError: the folder can't be written.

    Example:
        >>> simulate(Options(devices=8, days=1, waves=1), Path("landing"))["moved_devices"]
    """
    truth: dict[str, Any] = {}
    for number in range(1, options.waves + 1):
        truth = write_wave(options, number, folder)
    return truth


def write_wave(options: Options, number: int, folder: Path) -> dict[str, Any]:
    """Write one wave into a folder, whatever waves it holds; return what `truth.json` says then.

    Rows go to disk as they are made. The same wave again writes the same bytes into the same files.
    Files get the time at which their wave ends.

    Args:
        number: of the wave; the first is 1.
        folder: the landing folder; is made, with a folder for each feed.

    Raises:
        OptionError: there is no such wave; the folder holds waves of other options.
        OSError: the folder can't be written.
    """
    _, ends_at = options.wave_bounds(number)
    waves = landed_waves(options, folder)
    whole = fleet(options)
    changes = {table: sent(whole, table) for table in HISTORIES}
    waves[number] = {IOT_EVENTS.name: _write_events(whole, number, folder)}
    for table, lines in changes.items():
        landing = [each for each in lines if _lands_in(options, number, each.lands_at)]
        path = folder / CHANGES[table].folder
        path.mkdir(parents=True, exist_ok=True)
        waves[number][CHANGES[table].name] = _write_changes(landing, path, number, ends_at)
    return write_truth(whole, folder, waves, changes)


def _lands_in(options: Options, number: int, moment: int) -> bool:
    low, high = options.wave_bounds(number)
    return low <= moment < high


def _write_changes(lines: list[Sent], folder: Path, number: int, ends_at: int) -> dict[str, int]:
    counts = Counter(lines=len(lines))
    with Files(folder, ends_at) as files:
        for place, each in enumerate(lines):
            part = place // _LINES_OF_A_FILE
            files.write(f"{number:03d}{part:03d}.json", each.text)
            counts.update(each.counted_as)
    counts["files"] = files.count
    return dict(sorted(counts.items()))


def _write_events(whole: Fleet, number: int, landing: Path) -> dict[str, int]:
    folder = landing / IOT_EVENTS.folder
    folder.mkdir(parents=True, exist_ok=True)
    _, ends_at = whole.options.wave_bounds(number)
    counts = Counter(dict.fromkeys(("lines", "files", "new_column_files", *_OF_EVENTS), 0))
    for gateway, devices in itertools.groupby(whole.devices, lambda each: each.gateway_id):
        with_co2 = set()
        with Files(folder, ends_at) as files:
            for line in _landing(whole, number, devices):
                day = moments.day(line.lands_at).replace("-", "/")
                name = f"{day}/{gateway}-{number:03d}.json"
                files.write(name, line.text)
                counts["lines"] += 1
                counts.update(line.counted_as)
                if line.has_co2:
                    with_co2.add(name)
        counts["files"] += files.count
        counts["new_column_files"] += len(with_co2)
    return dict(sorted(counts.items()))


def _landing(whole: Fleet, number: int, devices: Iterable[Device]) -> Iterator[Line]:
    """Return the lines of devices that land in a wave: of its days, and of the day before."""
    options = whole.options
    low, high = options.wave_bounds(number)
    first = max(0, (low - options.starts_at) // DAY - 1)
    last = (high - 1 - options.starts_at) // DAY
    for device, day in itertools.product(devices, range(first, last + 1)):
        for line in reports(whole, device, day, _co2_from(options)):
            if low <= line.lands_at < high:
                yield line


def _co2_from(options: Options) -> int:
    """Return when a column more is reported: from the second wave on."""
    if options.waves == 1:
        return options.starts_at + options.days * DAY // 2
    return options.wave_bounds(2)[0]

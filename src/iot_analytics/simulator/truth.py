"""`truth.json`: what the waves that have landed in a folder hold, wave by wave and in total."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from iot_analytics.feeds import CHANGES
from iot_analytics.simulator.alerts import is_missed, is_unconfirmed
from iot_analytics.simulator.deliveries import Sent, alive
from iot_analytics.simulator.fleet import Fleet
from iot_analytics.simulator.histories import customer_id, moved_devices, moved_to
from iot_analytics.simulator.options import OptionError, Options

FILE = "truth.json"

Counts = dict[str, dict[str, int]]
"""By name of the feed, then of what is counted."""


def landed_waves(options: Options, folder: Path) -> dict[int, Counts]:
    """Return what a folder holds already, by the number of the wave.

    Raises:
        OptionError: these are waves of other options, or the file is another program's.
    """
    file = folder / FILE
    if not file.exists():
        return {}
    try:
        known = json.loads(file.read_text())
        landed = {int(number): counts for number, counts in known["waves"].items()}
        given = known["options"]
    except (AttributeError, KeyError, TypeError, ValueError):
        raise OptionError(
            f"The folder holds a {FILE} that this simulator did not write", "Name an empty folder."
        ) from None
    if given != _shown(options):
        raise OptionError(
            "The folder holds waves that were simulated with other options",
            "Name an empty folder, or give the options of its truth.json.",
        )
    return landed


def write_truth(
    fleet: Fleet, folder: Path, waves: Mapping[int, Counts], sent: Mapping[str, list[Sent]]
) -> dict[str, Any]:
    """Write and return what has landed.

    Args:
        sent: all lines of each table's feed, landed or not.
    """
    truth = {
        "options": _shown(fleet.options),
        "waves": {str(number): waves[number] for number in sorted(waves)},
        "total": _total(fleet, waves, sent),
        "episodes": _episodes(fleet),
        "moved_devices": _moves(fleet) if fleet.options.waves in waves else [],
    }
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{FILE}"
    unfinished.write_text(json.dumps(truth, indent=2) + "\n")
    unfinished.replace(folder / FILE)
    return truth


def _total(fleet: Fleet, waves: Mapping[int, Counts], sent: Mapping[str, list[Sent]]) -> Counts:
    total: Counts = {}
    for counts in waves.values():
        for feed, found in counts.items():
            known = Counter(total.get(feed, {}))
            known.update(found)
            total[feed] = dict(sorted(known.items()))
    bounds = [fleet.options.wave_bounds(number) for number in waves]
    for table, lines in sent.items():
        landed = [
            each for each in lines if any(low <= each.lands_at < high for low, high in bounds)
        ]
        total[CHANGES[table].name]["alive"] = alive(landed)
    return total


def _episodes(fleet: Fleet) -> dict[str, int]:
    """Count the episodes of the whole simulation, whatever has landed of it."""
    count = sum(1 for _ in fleet.episodes())
    return {
        "all": count,
        "missed": sum(map(is_missed, range(count))),
        "unconfirmed": sum(map(is_unconfirmed, range(count))),
    }


def _moves(fleet: Fleet) -> list[dict[str, str]]:
    return [
        {
            "device_id": each.device_id,
            "from": customer_id(each.customer_number),
            "to": moved_to(fleet, each),
        }
        for each in moved_devices(fleet)
    ]


def _shown(options: Options) -> dict[str, Any]:
    return {**asdict(options), "start": options.start.isoformat()}

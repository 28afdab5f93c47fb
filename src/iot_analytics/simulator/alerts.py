"""The alerts of the fleet: most episodes raise one, some raise none, some come of nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from iot_analytics.simulator.changes import History, counted, inserted, updated
from iot_analytics.simulator.dice import dice
from iot_analytics.simulator.fleet import Episode, Fleet
from iot_analytics.simulator.moments import HOUR, text
from iot_analytics.simulator.reports import GHOST, violating

_EVERY = 20
_MISSED, _UNCONFIRMED = 1, 2  # which of every 20 episodes


def is_missed(number: int) -> bool:
    """Tell whether the episode of a number, from 0, raises no alert."""
    return number % _EVERY == _MISSED


def is_unconfirmed(number: int) -> bool:
    """Tell whether an alert without reason follows the episode of a number."""
    return number % _EVERY == _UNCONFIRMED


def alerts(fleet: Fleet) -> Iterator[History]:
    """Return the history of each alert; each is raised before the fleet stops reporting."""
    chance = dice(fleet.options.seed, "alerts")
    first = None
    for number, episode in enumerate(fleet.episodes()):
        first = first or episode
        name = f"A-{number:07d}"
        if not is_missed(number):
            raised_at = episode.from_at + episode.threshold.min_duration_s + chance.randint(5, 90)
            yield _alert(fleet, name, episode, raised_at, chance)
        if is_unconfirmed(number):
            later = episode.to_at + 6 * HOUR
            yield _alert(fleet, f"{name}-again", episode, later, chance)
    if first is not None:
        history = _alert(fleet, "A-orphan", first, first.from_at, chance)
        lost = [replace(each, image={**each.image, "device_id": GHOST}) for each in history]
        yield [counted(lost[0], "orphans"), *lost[1:]]


def _alert(
    fleet: Fleet, name: str, episode: Episode, raised_at: int, chance: random.Random
) -> History:
    image = {
        "device_id": episode.device.device_id,
        "threshold_id": episode.threshold.threshold_id,
        "metric": episode.threshold.metric,
        "severity": episode.threshold.severity,
        "observed_value": violating(episode),
        "raised_at": text(raised_at),
        "acknowledged_at": None,
        "resolved_at": None,
        "status": "open",
    }
    history = inserted(raised_at, name, image)
    luck, acknowledged = chance.random(), raised_at + chance.randint(300, HOUR)
    resolved = acknowledged + chance.randint(600, 5 * HOUR)
    if luck > 0.1 and acknowledged < fleet.options.ends_at:
        history = updated(
            history, acknowledged, status="acknowledged", acknowledged_at=text(acknowledged)
        )
        if luck > 0.15 and resolved < fleet.options.ends_at:
            history = updated(history, resolved, status="resolved", resolved_at=text(resolved))
    return history

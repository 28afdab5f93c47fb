"""Chance that is the same each time."""

from __future__ import annotations

import random


def dice(seed: int, *names: object) -> random.Random:
    """Return dice that fall the same for one seed and the same names."""
    key = "/".join(map(str, (seed, *names)))
    return random.Random(key)  # noqa: S311 - a simulated fleet, no secrets

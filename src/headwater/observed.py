"""The numbers that Spark observed while it ran a batch, which it delivers just after it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pyspark.sql import Observation

TIMEOUT_SECONDS = 10.0


def observed(observation: Observation, deadline: float | None = None) -> Mapping[str, Any] | None:
    """Return what was observed; None if a part never ran, or Spark lost the numbers under load.

    Args:
        deadline: as `time.monotonic` counts; `TIMEOUT_SECONDS` from now when not given.
    """
    end = time.monotonic() + TIMEOUT_SECONDS if deadline is None else deadline
    future: Any = observation._jo.future()  # type: ignore[union-attr]
    while not future.isCompleted() and time.monotonic() < end:
        time.sleep(0.01)
    return observation.get if future.isCompleted() else None

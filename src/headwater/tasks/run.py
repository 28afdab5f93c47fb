"""Run a task and say how long it took and what it counted: the frame of scripts and notebooks."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from headwater.tasks.parameters import Function


def run_task(function: Function, spark: Any, parameters: Mapping[str, str]) -> str:
    """Run the function of a task; return what it counted, and its seconds, as JSON."""
    started = time.monotonic()
    counts = function(spark, parameters)
    told = json.dumps({**counts, "seconds": round(time.monotonic() - started, 1)})
    print(told)  # noqa: T201 - the output of the task
    return told

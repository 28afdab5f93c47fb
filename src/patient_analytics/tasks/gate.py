"""Let the tables of a target pass on, or fail the job: the gate as a task."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from headwater.errors import UpdateError
from headwater.quality.limits import read_limits
from headwater.quality.session import judge_in_session
from patient_analytics.tasks.parameters import LIMITS, TABLE

PARAMETERS = (LIMITS, TABLE)
PIPELINE = "patient_flow"


def check_limits(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Judge the last update by the limits of the target; only reads.

    Raises:
        UpdateError: GATE_BREACHED, with each limit that does not hold.
        UsageError: of the file of limits.
    """
    limits = read_limits(Path(parameters["limits"]))[PIPELINE]
    catalog, schema, _ = parameters["table"].split(".")
    verdicts = judge_in_session(
        spark,
        limits,
        table=parameters["table"],
        home=(catalog, schema),
        now=datetime.now(timezone.utc),
    )
    broken = [
        f"{each.measure} of {each.subject} is {each.measured}, allowed {each.allowed}"
        for each in verdicts
        if not each.holds
    ]
    if broken:
        raise UpdateError(
            "GATE_BREACHED",
            "Limits do not hold: " + "; ".join(broken),
            hint="Look at the event log; change a limit only in a reviewed commit.",
        )
    return {"limits": len(verdicts)}

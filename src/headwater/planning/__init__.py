"""What an update would do, before it does it: `headwater plan`. Reads only."""

from headwater.planning.build import plan_update
from headwater.planning.plan import (
    Loss,
    PlannedFlow,
    PlannedTable,
    UpdatePlan,
    Waiting,
)

__all__ = [
    "Loss",
    "PlannedFlow",
    "PlannedTable",
    "UpdatePlan",
    "Waiting",
    "plan_update",
]

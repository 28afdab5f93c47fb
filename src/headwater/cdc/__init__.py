"""Auto CDC: apply streams of changes to Delta tables, as SCD type 1 or 2.

`check_change` and `target_schema` look at a definition, `apply_batch` writes one batch of
events; `snapshots` does the same for snapshots of a whole table. How rows are derived is in `rows`
(SCD1) and `versions` (SCD2), what is remembered beside a target in `memory`. What does not live
here: streams, checkpoints and the creation of tables.
"""

from headwater.cdc.batch import apply_batch
from headwater.cdc.checks import check_change
from headwater.cdc.columns import END, INTERVALS, START, SYSTEM_START
from headwater.cdc.computed import ChangeCounts
from headwater.cdc.drift import check_drift, describe_change
from headwater.cdc.events import inside_where, narrowed, removes
from headwater.cdc.partial import PartialTarget, apply_partial, check_partial
from headwater.cdc.plan import target_schema
from headwater.cdc.snapshots import (
    SnapshotTarget,
    apply_snapshot,
    check_snapshots,
    describe_snapshots,
    snapshot_schema,
)
from headwater.cdc.target import ChangeTarget

__all__ = [
    "END",
    "INTERVALS",
    "START",
    "SYSTEM_START",
    "ChangeCounts",
    "ChangeTarget",
    "PartialTarget",
    "SnapshotTarget",
    "apply_batch",
    "apply_partial",
    "apply_snapshot",
    "check_change",
    "check_drift",
    "check_partial",
    "check_snapshots",
    "describe_change",
    "describe_snapshots",
    "inside_where",
    "narrowed",
    "removes",
    "snapshot_schema",
    "target_schema",
]

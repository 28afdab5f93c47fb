"""Apply snapshots of a whole table to a target: what has changed since the one before.

Versions rise from snapshot to snapshot, so that the target's current rows and the snapshot are all
that is needed: nothing is remembered of rows, and nothing arrives late. What does not live here:
which snapshot comes next, and what was done with the ones before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from headwater.cdc.checks import check_change
from headwater.cdc.computed import ChangeCounts
from headwater.cdc.differences import NULL_KEYS, REPEATED, differences, write_differences
from headwater.cdc.drift import describe_change
from headwater.cdc.plan import plan_change, target_schema
from headwater.cdc.target import TargetTable, lacking
from headwater.errors import Location, UpdateError
from headwater.graph.model import AutoCdc, SnapshotCdc


@dataclass(frozen=True)
class SnapshotTarget:
    """The target of a flow of snapshots.

    Attributes:
        path: folder of the target's Delta table, which exists with `snapshot_schema`.
        name: the dataset, for messages.
        snapshots: what the flow was told.
        settings: of the session, while the snapshot's rows are committed.
        generated: see `TargetTable`.
    """

    path: str
    name: str
    snapshots: SnapshotCdc
    settings: Mapping[str, str] = field(default_factory=dict)
    generated: Mapping[str, Column] = field(default_factory=dict)


def check_snapshots(
    source: DataFrame, snapshots: SnapshotCdc, *, name: str, where: Location
) -> None:
    """Check a specification against the columns of a snapshot, by analysis only.

    Raises:
        DefinitionError: what `check_change` raises.
    """
    check_change(source, _change(snapshots), name=name, where=where)


def snapshot_schema(source: DataFrame, snapshots: SnapshotCdc) -> StructType:
    """Return the target's columns: those of the snapshot and, in SCD type 2, the interval's."""
    return target_schema(source, _change(snapshots))


def describe_snapshots(source: DataFrame, snapshots: SnapshotCdc) -> dict[str, str]:
    """Return the facts of a checked specification that can't change without a full refresh."""
    facts = describe_change(source, _change(snapshots))
    asked = "snapshots of a function" if snapshots.is_asked else "snapshots of a table"
    typed = snapshots.version_type if snapshots.scd_type == 2 else ""
    return facts | {"remembered": asked, "sequence_type": typed}


def _change(snapshots: SnapshotCdc) -> AutoCdc:
    """Return the specification in terms of changes, whose sequence is a constant."""
    return AutoCdc(
        keys=snapshots.keys,
        sequence_by=F.lit(None).cast(snapshots.version_type),
        scd_type=snapshots.scd_type,
        track_history_columns=snapshots.track_history_columns,
        track_history_except=snapshots.track_history_except,
    )


def apply_snapshot(snapshot: DataFrame, version: Any, target: SnapshotTarget) -> ChangeCounts:
    """Bring a target to a snapshot: add new keys, change what differs, take out missing keys.

    SCD type 2 closes and opens versions at `version`, which must be above all earlier ones. Rows
    change in one commit, and in none when the snapshot equals the target; a column that is new
    gets one before. The snapshot's query runs once.

    Args:
        snapshot: all rows, with a key of its own each.
        version: of the snapshot, a value of the specification's `version_type`.
        target: where it goes.

    Raises:
        UpdateError: SNAPSHOT_NULL_KEY, SNAPSHOT_DUPLICATE_KEY; no row was written.
    """
    change = _change(target.snapshots)
    spark = snapshot.sparkSession
    table = TargetTable(spark, target.path, target.settings, target.generated)
    have = table.read().schema
    new = lacking(have, target_schema(snapshot, change))
    if new:
        table.add_columns(new)
        have = table.read().schema
    plan = plan_change(snapshot, change, have)
    with differences(snapshot, table.read(), plan) as (changes, counts):
        _check_keys(counts, target.name)
        at = F.lit(version).cast(target.snapshots.version_type)
        return write_differences(changes, counts, table, plan, at)


def _check_keys(counts: Mapping[int | str, int], name: str) -> None:
    if counts[NULL_KEYS]:
        raise _refused("SNAPSHOT_NULL_KEY", "rows have a NULL in a key", counts[NULL_KEYS], name)
    if counts[REPEATED]:
        what = "keys stand in several rows"
        raise _refused("SNAPSHOT_DUPLICATE_KEY", what, counts[REPEATED], name)


def _refused(code: str, what: str, count: int, name: str) -> UpdateError:
    return UpdateError(
        code,
        f"{count} {what} of the snapshot; nothing of it was written",
        where=name,
        hint="Give each row a key of its own: add columns to `keys`, or clean the source before.",
        count=count,
    )

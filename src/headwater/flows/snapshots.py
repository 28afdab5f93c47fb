"""Take snapshots: of a table once in an update, of a function until it has no next one.

A snapshot is begun in `state.snapshots`, and committed to the target under its number; so after a
kill at any moment the next update goes on behind the last one that was committed. What does not
live here: what a snapshot changes (`cdc.snapshots`).
"""

from __future__ import annotations

from headwater import cdc
from headwater.analysis.schemas import generated_columns
from headwater.errors import UpdateError
from headwater.flows.flow import FlowRun
from headwater.graph.model import SnapshotCdc
from headwater.sandbox.snapshots import Snapshot
from headwater.state.snapshots import Taken, is_next, version_type


def take_snapshots(run: FlowRun, snapshots: SnapshotCdc) -> None:
    """Take all snapshots that there are now, in order; stop between two when the update stops.

    Safe to kill and to repeat: each is committed once.

    Raises:
        HeadwaterError: what the function did wrong, SNAPSHOT_VERSION_CHANGED, and what
            `cdc.apply_snapshot` raises.
    """
    if not snapshots.is_asked:
        latest = run.snapshots.latest()
        number = latest.number + 1 if latest else 0
        _take(run, snapshots, Taken(number, number), Snapshot(run.query(), number))
        return
    while not run.context.stopping.is_set():
        step = run.again()
        latest = step.snapshots.latest()
        found = step.reads.next_snapshot(step.resolved.flow, latest.version if latest else None)
        if found is None or not _is_next(step, snapshots, found, latest):
            return
        taken = Taken(latest.number + 1 if latest else 0, found.version)
        _take(step, snapshots, taken, found)
        step.snapshots.finish(taken)


def _is_next(run: FlowRun, snapshots: SnapshotCdc, found: Snapshot, latest: Taken | None) -> bool:
    """Whether a snapshot comes after the latest; one that comes late is passed over."""
    name = run.dataset.name
    try:
        if snapshots.scd_type == 2 and version_type(found.version) != snapshots.version_type:
            raise TypeError(snapshots.version_type)
        comes_next = is_next(found.version, latest)
    except TypeError:
        raise UpdateError(
            "SNAPSHOT_VERSION_CHANGED",
            "A snapshot's version is of another type than those before",
            where=str(name),
            hint=f"Return versions of one type, or run once with --full-refresh {name}.",
        ) from None
    if not comes_next:
        text = f"Flow '{run.resolved.flow.name}' passed over a snapshot: its version does not rise."
        run.context.journal.status(run.resolved, "RUNNING", text)
    return comes_next


def _take(run: FlowRun, snapshots: SnapshotCdc, taken: Taken, found: Snapshot) -> None:
    rows = run.ruled(found.frame)
    target = cdc.SnapshotTarget(
        path=str(run.places.table),
        name=str(run.dataset.name),
        snapshots=snapshots,
        settings=run.snapshots.begin(taken),
        generated=generated_columns(run.dataset, cdc.snapshot_schema(rows, snapshots)),
    )

    def write() -> cdc.ChangeCounts:
        with run.lock:
            return cdc.apply_snapshot(rows, taken.version, target)

    run.batch(write, taken.number if snapshots.is_asked else None)

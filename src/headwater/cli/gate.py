"""`headwater gate`: let a target's tables pass on, or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.cli.lazy import LazyModule
from headwater.cli.render import print_json, print_rows
from headwater.errors import UsageError, nearest
from headwater.operations.measured import limits_file, limits_of, rows_of, updates_of
from headwater.quality.gate import Rows, Verdict, judge
from headwater.quality.limits import Limits
from headwater.quality.measures import MeasuredUpdate
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.operations import warehouse as warehouses
    from headwater.operations import workspace as workspaces
else:
    warehouses = LazyModule("headwater.operations.warehouse")
    workspaces = LazyModule("headwater.operations.workspace")


Measures = Callable[[Target, str], tuple[Sequence[MeasuredUpdate], Rows]]
"""Returns the updates of a pipeline, the last one first, and what counts rows of its tables."""


def _in_state(target: Target, pipeline: str) -> tuple[Sequence[MeasuredUpdate], Rows]:
    """Measure a pipeline in the target's state folder."""
    return updates_of(target, pipeline), rows_of(target, pipeline)


def measures_of(*, workspace: bool, profile: str | None, warehouse: str | None) -> Measures:
    """Return what measures pipelines: in the state folder, or by a warehouse of a workspace.

    Raises:
        UsageError: WAREHOUSE_MISSING, OPTION_WITHOUT_EFFECT.
    """
    if not workspace:
        if warehouse:
            raise UsageError(
                "OPTION_WITHOUT_EFFECT",
                "--warehouse has no effect on a state folder",
                hint="Pass --workspace too, or leave --warehouse out.",
            )
        return _in_state
    if warehouse is None:
        raise UsageError(
            "WAREHOUSE_MISSING",
            "In a workspace the event log is read by a SQL warehouse",
            hint="Name one: --warehouse ID, from the page of the warehouse.",
        )
    client = workspaces.open_workspace(profile)
    return partial(warehouses.measured_in, client, warehouse)


def check_gate(
    target: Target,
    pipeline: str | None,
    file: Path | None,
    measures: Measures,
    *,
    as_json: bool,
) -> int:
    """Judge pipelines by the limits of a file; return the exit status.

    Raises:
        UsageError: of the file of limits; LIMITS_MISSING for a pipeline that it does not have.
        SettingError, WorkspaceError: of a workspace.
    """
    path = file or limits_file(target)
    limits = limits_of(target, path)
    now = datetime.now(timezone.utc)
    found = {
        key: judge(each, *measures(target, key), now)
        for key, each in _chosen(target, pipeline, limits, path)
    }
    breaches = sum(not each.holds for verdicts in found.values() for each in verdicts)
    if as_json:
        print_json(
            {
                "target": target.bundle.target,
                "passed": breaches == 0,
                "pipelines": {
                    key: [each.as_dict() for each in verdicts] for key, verdicts in found.items()
                },
            }
        )
    else:
        for key, verdicts in found.items():
            _print(key, verdicts)
        told = f"{breaches} breach{'' if breaches == 1 else 'es'}" if breaches else "passed"
        click.echo(f"Gate of target '{target.bundle.target}': {told}.")
    return 1 if breaches else 0


def _chosen(
    target: Target, pipeline: str | None, limits: Mapping[str, Limits], file: Path
) -> Iterator[tuple[str, Limits]]:
    """Name the pipelines to judge; all must be known to the bundle."""
    if pipeline is not None:
        key = target.bundle.pipeline(pipeline).key
        if key not in limits:
            raise UsageError(
                "LIMITS_MISSING",
                f"{file.name} has no limits of '{key}'",
                where=str(file),
                hint=nearest(key, limits) or "Add them under 'pipelines:'.",
            )
        yield key, limits[key]
        return
    for key, each in limits.items():
        yield target.bundle.pipeline(key).key, each


def _print(key: str, verdicts: list[Verdict]) -> None:
    click.echo(f"{key}:")
    print_rows([each.as_dict() for each in verdicts])

"""`headwater gate`: let a target's tables pass on, or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

import click
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater.cli.render import print_json, print_rows
from headwater.cli.tables import find_table
from headwater.errors import UsageError, nearest
from headwater.events.query import read_events
from headwater.quality.gate import Rows, Verdict, judge
from headwater.quality.limits import Limits, read_limits
from headwater.quality.measures import MeasuredUpdate, measured_updates
from headwater.state.target import Target


def check_gate(target: Target, pipeline: str | None, file: Path | None, *, as_json: bool) -> int:
    """Judge pipelines by the limits of a file; return the exit status.

    Raises:
        UsageError: of the file of limits; LIMITS_MISSING for a pipeline that it does not have.
    """
    path = file or target.bundle.root / "resources" / "limits" / f"{target.bundle.target}.yml"
    limits = read_limits(path)
    now = datetime.now(timezone.utc)
    found = {
        key: judge(each, _updates(target, key), _rows(target, key), now)
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


def _updates(target: Target, key: str) -> list[MeasuredUpdate]:
    path = target.event_log(key)
    return measured_updates(read_events(path)) if (path / "_delta_log").is_dir() else []


def _rows(target: Target, key: str) -> Rows:
    """Count rows of tables; names are those that the pipeline itself would write."""
    spec = target.bundle.pipeline(key)
    home = spec.catalog, spec.schema

    def rows(name: str, at: datetime | None) -> int | None:
        try:
            table = DeltaTable(target.store.table_path(find_table(target, name, home)))
            if at is not None:
                table.load_as_version(at)
            return int(table.count())
        except (UsageError, DeltaError):  # there is no such table, or was none
            return None

    return rows


def _print(key: str, verdicts: list[Verdict]) -> None:
    click.echo(f"{key}:")
    print_rows([each.as_dict() for each in verdicts])

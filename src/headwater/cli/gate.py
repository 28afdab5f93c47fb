"""`headwater gate`: let a target's tables pass on, or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

import click

from headwater.cli.render import print_json, print_rows
from headwater.errors import UsageError, nearest
from headwater.operations.measured import limits_file, rows_of, updates_of
from headwater.quality.gate import Verdict, judge
from headwater.quality.limits import Limits, read_limits
from headwater.state.target import Target


def check_gate(target: Target, pipeline: str | None, file: Path | None, *, as_json: bool) -> int:
    """Judge pipelines by the limits of a file; return the exit status.

    Raises:
        UsageError: of the file of limits; LIMITS_MISSING for a pipeline that it does not have.
    """
    path = file or limits_file(target)
    limits = read_limits(path)
    now = datetime.now(timezone.utc)
    found = {
        key: judge(each, updates_of(target, key), rows_of(target, key), now)
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

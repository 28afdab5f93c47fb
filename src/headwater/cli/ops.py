"""`headwater ops ...`: operate a target: health, maintenance, rollback, backups, reports, costs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.groups import Commands
from headwater.cli.lazy import LazyModule
from headwater.cli.options import target_options
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.cli import healths
else:
    healths = LazyModule("headwater.cli.healths")

Command = Callable[..., Any]

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_limits = click.option(
    "--limits",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of limits (resources/limits/TARGET.yml, where there is one).",
)


def _reads_only(command: Command) -> Command:
    """Add --json, and a --dry-run that changes nothing: all `ops` commands can be called alike."""
    dry = click.option(
        "--dry-run",
        is_flag=True,
        expose_value=False,
        help="Accepted by all ops commands; this one changes nothing anyway.",
    )
    return _json(dry(command))


@click.group(cls=Commands)
def ops() -> None:
    """Operate a target: health, maintenance, rollback, backups, reports, costs.

    Nothing here starts a JVM (docs/operations.md).

    \b
    Example:
      headwater ops health patient_flow
      headwater ops maintain --apply
    """


@ops.command()
@click.argument("pipeline", required=False)
@target_options
@_limits
@click.option(
    "--max-age-hours",
    type=click.FloatRange(min=0),
    metavar="N",
    help="The last success may be that old (as in the limits).",
)
@click.option(
    "--serve",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Answer GET /health on 127.0.0.1 until stopped; 0 takes a free port.",
)
@_reads_only
def health(
    pipeline: str | None,
    target: Target,
    limits: Path | None,
    max_age_hours: float | None,
    port: int | None,
    as_json: bool,
) -> None:
    """Check PIPELINE, or all of the bundle: last success, age of the rows, limits of the gate.

    Exit status: 0 when all is well, 1 when something is not.

    \b
    Examples:
      headwater ops health patient_flow --max-age-hours 24
      headwater ops health --serve 8085
    """
    question = healths.Question(target, pipeline, limits, max_age_hours)
    if port is None:
        sys.exit(healths.print_health(question, as_json=as_json))
    healths.serve_health(question, port, as_json=as_json)

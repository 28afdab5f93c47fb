"""`headwater ops estimate-cost`: print what a month costs, and what that rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headwater.cli.endings import warn
from headwater.cli.render import print_json, print_rows
from headwater.operations.costs import CostLine, Estimate
from headwater.operations.costs_file import read_estimate


def print_estimate(file: Path, *, as_json: bool) -> None:
    """Print the estimate of a file."""
    found = read_estimate(file)
    if as_json:
        print_json(found.as_dict())
        return
    for warning in found.warnings:
        warn(warning)
    print_rows([_row(each, found.currency) for each in found.lines])
    click.echo(f"A month: {found.cost_per_month:,.2f} {found.currency}, estimated.")
    _print_basis(found)


def _row(line: CostLine, currency: str) -> dict[str, Any]:
    return {
        "name": line.name,
        "runs a month": _shown(line.runs_per_month, 0),
        "minutes a run": _shown(line.minutes_per_run, 1),
        f"{currency} a run": _shown(line.cost_per_run, 4),
        f"{currency} a month": _shown(line.cost_per_month, 2),
    }


def _shown(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _print_basis(found: Estimate) -> None:
    others = len(found.figures) - len(found.assumptions)
    click.echo(f"{len(found.assumptions)} figures are assumptions, {others} measured or quoted:")
    print_rows([each.as_dict() for each in found.figures])

"""`headwater ops deploy-environment`: show what the volume of a target lacks, or put it there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from headwater.cli.output import error_json, print_cause, print_json
from headwater.errors import shown
from headwater.operations.environment import (
    EnvironmentOutcome,
    apply_environment,
    environment_volume,
    plan_environment,
)
from headwater.operations.environment_files import environment_files
from headwater.operations.metadata import seen_tree
from headwater.operations.workspace import open_workspace
from headwater.state.target import Target


def deploy(
    target: Target,
    variables: Mapping[str, str],
    profile: str | None,
    *,
    apply: bool,
    as_json: bool,
) -> int:
    """Show or do what the volume lacks; return the exit status.

    Raises:
        UsageError, DeploymentError, SettingError, WorkspaceError: before anything is written.
    """
    volume = environment_volume(target)
    client = open_workspace(profile)
    files = environment_files(seen_tree(target, variables), volume.path)
    steps = plan_environment(client, volume, files)
    planned = (EnvironmentOutcome(each, each.action) for each in steps)
    outcomes = []
    for each in apply_environment(client, volume, steps) if apply else planned:
        outcomes.append(each)
        if not as_json:
            _print(each)
    if as_json:
        told = [_as_dict(each) for each in outcomes]
        print_json({"target": target.bundle.target, "applied": apply, "steps": told})
    elif not apply:
        click.echo("Nothing is written without --apply.")
    return 1 if any(each.error for each in outcomes) else 0


def _print(outcome: EnvironmentOutcome) -> None:
    click.echo(f"{outcome.result} {shown(outcome.step.path)}")
    if outcome.error:
        print_cause(outcome.error)


def _as_dict(outcome: EnvironmentOutcome) -> dict[str, Any]:
    file = outcome.step.file
    return {
        "path": outcome.step.path,
        "result": outcome.result,
        "sha256": file.sha256 if file else None,
        "error": error_json(outcome.error),
    }

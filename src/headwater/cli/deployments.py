"""`headwater ops validate-deployment`: print what a deployment has, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from headwater.cli.endings import warn
from headwater.cli.lazy import LazyModule
from headwater.cli.render import print_json, print_rows
from headwater.errors import UsageError
from headwater.operations.deployment import as_dict, local_checks
from headwater.operations.metadata import resolved_tree
from headwater.quality.gate import Verdict
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.operations import workspace as workspaces
    from headwater.operations import workspace_deployment as remote
else:
    workspaces = LazyModule("headwater.operations.workspace")
    remote = LazyModule("headwater.operations.workspace_deployment")


def validate(
    target: Target,
    variables: Mapping[str, str],
    *,
    workspace: bool,
    profile: str | None,
    warehouse: str | None,
    as_json: bool,
) -> int:
    """Check a deployment and print the verdicts; return the exit status.

    Raises:
        UsageError: OPTION_WITHOUT_EFFECT.
        SettingError, WorkspaceError: of a workspace.
    """
    if warehouse and not workspace:
        raise UsageError(
            "OPTION_WITHOUT_EFFECT",
            "--warehouse has no effect on a state folder",
            hint="Pass --workspace too, or leave --warehouse out.",
        )
    tree = resolved_tree(target, variables, warn)
    found: list[Verdict]
    if workspace:
        client = workspaces.open_workspace(profile)
        found = list(remote.workspace_checks(client, target, tree, warehouse))
    else:
        found = list(local_checks(target, tree))
    origin = "workspace" if workspace else "state folder"
    if as_json:
        print_json(as_dict(target, origin, found))
    else:
        _print(target, origin, found)
    return 0 if all(each.holds for each in found) else 1


def _print(target: Target, origin: str, found: list[Verdict]) -> None:
    print_rows([each.as_dict() for each in found])
    faults = sum(not each.holds for each in found)
    told = f"{faults} of {len(found)} checks do not hold" if faults else "all checks hold"
    click.echo(f"Target '{target.bundle.target}', {origin}: {told}. They are our own checks.")

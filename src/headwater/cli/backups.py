"""`headwater ops backup-metadata`: write metadata into a dated folder, and say what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.endings import warn
from headwater.cli.lazy import LazyModule
from headwater.cli.render import print_json
from headwater.operations.backup import backup_folder, write_backup
from headwater.operations.metadata import Metadata, local_metadata
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.operations import workspace as workspaces
else:
    workspaces = LazyModule("headwater.operations.workspace")


def back_up(
    target: Target,
    variables: Mapping[str, str],
    folder: Path | None,
    *,
    workspace: bool,
    profile: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Write a backup; return the exit status: 1 if something could not be read.

    Raises:
        UsageError: BACKUP_EXISTS, BACKUP_NOT_WRITTEN.
        SettingError, WorkspaceError: of a workspace; then nothing is written.
    """
    now = datetime.now(timezone.utc)
    place = folder or target.bundle.root / "backups"
    found = _gathered(target, variables, workspace=workspace, profile=profile)
    name = target.bundle.target
    written = backup_folder(place, name, now) if dry_run else write_backup(found, place, name, now)
    if as_json:
        print_json(_as_dict(found, written, dry_run=dry_run))
    else:
        counts = ", ".join(f"{len(entries)} {part}" for part, entries in found.parts.items())
        click.echo(f"{'Would write' if dry_run else 'Wrote'} {counts} to {written}.")
        for each in found.missing:
            warn(f"[{each.code}] not in the backup: {each.subject}")
    return 1 if found.missing else 0


def _gathered(
    target: Target, variables: Mapping[str, str], *, workspace: bool, profile: str | None
) -> Metadata:
    if not workspace:
        return local_metadata(target, variables)
    return workspaces.workspace_metadata(workspaces.open_workspace(profile), target)


def _as_dict(found: Metadata, written: Path, *, dry_run: bool) -> dict[str, Any]:
    return {
        "folder": str(written),
        "written": not dry_run,
        "origin": found.origin,
        "entries": {part: len(entries) for part, entries in found.parts.items()},
        "missing": [vars(each) for each in found.missing],
    }

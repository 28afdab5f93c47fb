"""`headwater ops export-jobs`: write the jobs of a target as files, and say what changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from headwater.cli.render import print_json
from headwater.operations.job_files import FOLDER, file_changes, write_files
from headwater.operations.metadata import seen_tree
from headwater.state.target import Target


def export(
    target: Target,
    variables: Mapping[str, str],
    out: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Write the files; return the exit status: 1 if a dry run finds that they would change.

    Raises:
        BundleError, UsageError: as `file_changes` and `write_files`.
    """
    seen = seen_tree(target, variables)
    folder = out or target.bundle.root / FOLDER
    changes = file_changes(seen, folder)
    if not dry_run:
        write_files(changes)
    differing = [each for each in changes if each.action != "nothing"]
    if as_json:
        told = [{"file": str(each.file), "action": each.action} for each in changes]
        print_json({"target": seen.target, "written": not dry_run, "files": told})
    else:
        for each in differing:
            click.echo(f"{each.action} {each.file.name}")
        does = "would change" if dry_run else "changed"
        click.echo(f"{folder / seen.target}: {len(differing)} of {len(changes)} files {does}.")
    return 1 if dry_run and differing else 0

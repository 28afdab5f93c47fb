"""`headwater ops rollback`: print what a rollback would do, or did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import click

from headwater.cli.render import print_json, print_rows
from headwater.errors import UsageError
from headwater.operations.bundle_tag import TaggedBundle, bundle_at
from headwater.operations.rollback import Aim, Outcome, Rollback, Size, roll_back
from headwater.operations.tables import tables_on_disk
from headwater.state.target import Target


def aim_of(version: int | None, time: str | None) -> Aim:
    """Read where to go back to.

    Raises:
        UsageError: ROLLBACK_AIM, TIME_INVALID.
    """
    if (version is None) == (time is None):
        raise UsageError(
            "ROLLBACK_AIM",
            "A rollback needs either --to-version or --to-time",
            hint='Pass one of them; `headwater sql "DESCRIBE HISTORY t"` lists versions.',
        )
    if time is None:
        return Aim(version)
    try:
        at = datetime.fromisoformat(time.strip().replace("Z", "+00:00"))
        at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        at.timestamp()
    except (ValueError, OverflowError) as error:
        raise UsageError(
            "TIME_INVALID", "Not a time", hint="Write 2026-11-26T08:00:00, which is UTC."
        ) from error
    return Aim(time=at)


def roll_back_tables(
    target: Target,
    names: Sequence[str],
    version: int | None,
    time: str | None,
    tag: str | None,
    *,
    apply: bool,
    as_json: bool,
) -> int:
    """Roll tables back and print what was done; return the exit status.

    Raises:
        UsageError: ROLLBACK_TABLES, ROLLBACK_AIM and others for a wrong call.
        UpdateInProgress: an update of a table's pipeline runs.
    """
    bundle = None if tag is None else bundle_at(target.bundle.root, tag, target.bundle.target)
    found: list[Rollback] = []
    if names:
        aim = aim_of(version, time)
        found = roll_back(target, tables_on_disk(target, names), aim, apply=apply, told=_tell)
    elif bundle is None or version is not None or time is not None:
        raise UsageError(
            "ROLLBACK_TABLES", "No table is named", hint="Name the tables to take back."
        )
    if as_json:
        told = None if bundle is None else asdict(bundle)
        print_json({"tables": [each.as_dict() for each in found], "bundle": told})
    else:
        _print(found, apply=apply)
        _print_bundle(bundle)
    bad = (Outcome.REFUSED, Outcome.FAILED, Outcome.NOT_DONE)
    return 1 if any(each.outcome in bad for each in found) else 0


def _tell(done: Rollback) -> None:
    line = f"{done.outcome.value} {done.table}: version {done.version} -> {done.to_version}"
    click.echo(line, err=True)


def _print(found: Sequence[Rollback], *, apply: bool) -> None:
    if found:
        print_rows([_row(each) for each in found])
    for each in found:
        for effect in each.effects:
            click.echo(f"{each.table}: {effect}")
        if each.note:
            click.echo(f"{each.table}: {each.code and f'[{each.code}] '}{each.note}")
    if apply and any(each.outcome is Outcome.REFUSED for each in found):
        click.echo("No table was changed.")
    if not apply and any(each.outcome is Outcome.WOULD for each in found):
        click.echo("Nothing was changed: pass --apply to do it.")


def _row(found: Rollback) -> dict[str, Any]:
    return {
        "table": found.table,
        "outcome": found.outcome.value,
        "version": found.version,
        "to": found.to_version,
        "files": _change(found, "files"),
        "rows": _change(found, "rows"),
        "bytes": _change(found, "bytes"),
    }


def _change(found: Rollback, name: str) -> str:
    return f"{_number(found.before, name)} -> {_number(found.after, name)}"


def _number(size: Size | None, name: str) -> str:
    value = None if size is None else getattr(size, name)
    return "?" if value is None else f"{value:,}"


def _print_bundle(bundle: TaggedBundle | None) -> None:
    if bundle is None:
        return
    click.echo(f"Tag {bundle.tag} is commit {bundle.commit[:12]}. To deploy the bundle as it was:")
    for command in bundle.commands:
        click.echo(f"  {command}")

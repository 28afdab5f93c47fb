"""`headwater ops tune` and `headwater ops maintain`: print advice, and what maintenance did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from headwater.cli.endings import warn
from headwater.cli.render import print_json, print_rows
from headwater.errors import UsageError
from headwater.operations.maintenance import Status, Step, maintain
from headwater.operations.maintenance_file import Maintenance, read_maintenance, unmatched
from headwater.operations.tables import facts_of, tables_on_disk
from headwater.operations.tuning import MEGABYTE, Advice, advice_of
from headwater.state.target import Target


def print_advice(
    target: Target, names: Sequence[str], target_file_mb: int, *, as_json: bool
) -> None:
    """Print what would make tables faster to read; a table that can't be read is a warning."""
    found: list[Advice] = []
    tables = tables_on_disk(target, names)
    for table in tables:
        try:
            found += advice_of(facts_of(table), target_file_mb * MEGABYTE)
        except UsageError as error:
            warn(error)
    if as_json:
        print_json([each.as_dict() for each in found])
        return
    for each in found:
        click.echo(f"{each.table}: {each.code}")
        click.echo(f"  {each.reason}.")
        click.echo(f"  do: {each.action}")
    told = f"{len(found)} pieces of advice" if found else "nothing to do"
    click.echo(f"Looked at {len(tables)} tables: {told}.")


def maintain_tables(
    target: Target,
    names: Sequence[str],
    file: Path | None,
    *,
    force: bool,
    apply: bool,
    as_json: bool,
) -> int:
    """Maintain tables and print what was done, step by step; return the exit status."""
    tables = tables_on_disk(target, names)
    maintenance = _read(target, file, force)
    if not names:
        for pattern in unmatched(maintenance, [each.known.name for each in tables]):
            warn(f"no table fits '{pattern}' of the file of maintenance")
    found: list[Step] = []
    for step in maintain(target, tables, maintenance, apply=apply, force=force):
        found.append(step)
        if apply:  # an interrupt must not hide what is done
            line = f"{step.status.value:<8} {step.operation:<8} {step.table}: {step.why}"
            click.echo(line, err=as_json)
    if as_json:
        print_json([each.as_dict() for each in found])
    else:
        _print(found, apply=apply)
    return 1 if any(each.status in (Status.HELD, Status.FAILED) for each in found) else 0


def _read(target: Target, file: Path | None, force: bool) -> Maintenance:
    own = target.bundle.root / "resources" / "maintenance" / f"{target.bundle.target}.yml"
    path = file or (own if own.is_file() else None)
    return Maintenance() if path is None else read_maintenance(path, force=force)


def _print(found: Sequence[Step], *, apply: bool) -> None:
    if not apply:
        columns = ("table", "operation", "status", "why")
        print_rows([each.as_dict() for each in found], columns)
    woken = sorted({name for each in found for name in each.wakes})
    if woken:
        told = "looks" if apply else "would look"
        click.echo(f"The next update {told} again at: {', '.join(woken)}.")
    counts = Counter(each.status.value for each in found)
    click.echo(", ".join(f"{count} {status}" for status, count in counts.items()) or "no tables")
    if counts[Status.WOULD.value]:
        click.echo("Nothing was changed: pass --apply to do it.")

"""`headwater ops quality-report`: print the report, or write it into a file."""

from __future__ import annotations

from pathlib import Path

import click

from headwater.cli.render import print_json
from headwater.errors import UsageError
from headwater.files import write_atomic
from headwater.operations.measured import updates_of
from headwater.operations.quality_report import as_html, as_markdown, quality_report
from headwater.state.target import Target

_WRITERS = {"html": as_html, "markdown": as_markdown}


def write_report(
    target: Target,
    pipeline: str | None,
    *,
    form: str,
    update: str | None,
    baseline: str | None,
    output: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write the report of an update.

    Raises:
        UsageError: UPDATE_UNKNOWN, UPDATE_MISSING; REPORT_NOT_WRITTEN.
    """
    key = target.bundle.pipeline(pipeline).key
    report = quality_report(
        key,
        target.bundle.target,
        updates_of(target, key),
        update_id=update,
        baseline_id=baseline,
    )
    if as_json:
        print_json(report.as_dict())
    elif output is None:
        click.echo(_WRITERS[form](report), nl=False)
    elif dry_run:
        click.echo(f"Would write {len(report.results)} rules to {output}.")
    if output is None or dry_run:
        return
    try:
        write_atomic(output, _WRITERS[form](report))
    except OSError as error:
        raise UsageError(
            "REPORT_NOT_WRITTEN",
            f"The report can't be written: {error.strerror}",
            where=str(output),
            hint="Name a file in a folder that you may write to.",
        ) from error
    click.echo(f"Wrote {len(report.results)} rules to {output}.", err=as_json)

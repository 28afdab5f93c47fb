"""`headwater ops ...`: operate a target: health, maintenance, rollback, backups, costs, jobs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.cli.deploy import deploy_environment, deploy_jobs, export_jobs
from headwater.cli.groups import Commands
from headwater.cli.lazy import LazyModule
from headwater.cli.options import (
    json_option,
    reads_only,
    reads_workspace,
    target_options,
    variable_values,
    writes_if_applied,
)
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.cli import backups, costs, deployments, healths, reports, rollbacks, upkeep
else:
    backups, costs, deployments, healths, reports, rollbacks, upkeep = (
        LazyModule(f"headwater.cli.{name}")
        for name in (
            "backups",
            "costs",
            "deployments",
            "healths",
            "reports",
            "rollbacks",
            "upkeep",
        )
    )

_limits = click.option(
    "--limits",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of limits (resources/limits/TARGET.yml, where there is one).",
)


@click.group(cls=Commands)
def ops() -> None:
    """Operate a target: health, maintenance, rollback, backups, reports, costs, deployment.

    Nothing here starts a JVM (docs/operations.md).

    \b
    Example:
      headwater ops health patient_flow
      headwater ops maintain --apply
      headwater ops deploy-jobs -t test
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
@reads_only
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


@ops.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@target_options
@click.option(
    "--target-file-mb",
    type=click.IntRange(1),
    default=128,
    show_default=True,
    metavar="N",
    help="Size that files should have, in megabytes.",
)
@reads_only
def tune(tables: tuple[str, ...], target: Target, target_file_mb: int, as_json: bool) -> None:
    """Find what would make TABLE, or all tables, faster to read, and why.

    Small files, skew, deletion vectors, columns to cluster by: from Delta's log, no rows are read.

    \b
    Example:
      headwater ops tune -t prod silver.patient_events
    """
    upkeep.print_advice(target, tables, target_file_mb, as_json=as_json)


@ops.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@target_options
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="What to do with which table (resources/maintenance/TARGET.yml, where there is one).",
)
@click.option("--force", is_flag=True, help="Take a retention below 7 days.")
@writes_if_applied
def maintain(
    tables: tuple[str, ...],
    target: Target,
    file: Path | None,
    force: bool,
    apply: bool,
    as_json: bool,
) -> None:
    """Join small files (OPTIMIZE) and delete old ones (VACUUM) of TABLE, or of all tables.

    Shows what it would do and why; --apply does it. Exit status: 1 if a table failed, or was held
    by an update that runs.

    \b
    Examples:
      headwater ops maintain
      headwater ops maintain -t prod silver.patient_events --apply
      headwater ops maintain --file nightly.yml --apply
    """
    sys.exit(
        upkeep.maintain_tables(target, tables, file, force=force, apply=apply, as_json=as_json)
    )


@ops.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@target_options
@click.option("--to-version", type=click.IntRange(0), metavar="N", help="Version to go back to.")
@click.option("--to-time", metavar="T", help="Time to go back to; UTC unless it says otherwise.")
@click.option(
    "--bundle-tag",
    metavar="TAG",
    help="Show how to deploy the bundle of a git tag; git is only asked.",
)
@writes_if_applied
def rollback(
    tables: tuple[str, ...],
    target: Target,
    to_version: int | None,
    to_time: str | None,
    bundle_tag: str | None,
    apply: bool,
    as_json: bool,
) -> None:
    """Take TABLE back to an earlier version (Delta RESTORE), or show how to take the bundle back.

    Shows rows and files before and after, and what it means for flows; --apply does it. Refused
    when history or files are gone: then no table is changed. Exit status: 1 if a table is refused.

    \b
    Examples:
      headwater ops rollback -t prod silver.patient_events --to-version 12
      headwater ops rollback gold.report --to-time 2026-11-26T08:00:00 --apply
      headwater ops rollback --bundle-tag v1.2
    """
    sys.exit(
        rollbacks.roll_back_tables(
            target, tables, to_version, to_time, bundle_tag, apply=apply, as_json=as_json
        )
    )


@ops.command("quality-report")
@click.argument("pipeline", required=False)
@target_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown"]),
    default="markdown",
    show_default=True,
    help="Output format.",
)
@click.option("--update", metavar="ID", help="Update (the last one whose rules saw rows).")
@click.option(
    "--baseline", metavar="ID", help="Update to compare with (the last COMPLETED one before)."
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file.")
@click.option("--dry-run", is_flag=True, help="Do not write the file.")
@json_option
def report_quality(
    pipeline: str | None,
    target: Target,
    form: str,
    update: str | None,
    baseline: str | None,
    output: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Report how many rows broke which rule of PIPELINE, against a baseline.

    HTML is one page that loads nothing. Names and counts only, no values of rows.

    \b
    Examples:
      headwater ops quality-report patient_flow
      headwater ops quality-report patient_flow --format html --output quality.html
    """
    reports.write_report(
        target,
        pipeline,
        form=form,
        update=update,
        baseline=baseline,
        output=output,
        dry_run=dry_run,
        as_json=as_json,
    )


@ops.command("estimate-cost")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    required=True,
    help="Volume, compute, duration, frequency and prices, as YAML.",
)
@reads_only
def estimate_cost(file: Path, as_json: bool) -> None:
    """Estimate what a month costs, and show which figures are assumptions.

    \b
    Example:
      headwater ops estimate-cost --file resources/costs/example.yml
    """
    costs.print_estimate(file, as_json=as_json)


@ops.command("backup-metadata")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@target_options
@reads_workspace
@click.option("--dry-run", is_flag=True, help="Show what would be written.")
@json_option
@click.pass_context
def backup_metadata(
    context: click.Context,
    folder: Path | None,
    target: Target,
    workspace: bool,
    profile: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write schemas, tables, grants, jobs and pipelines into a dated folder in FOLDER (backups).

    Metadata only, no rows; secrets in plain text are masked. Exit status: 1 if something could not
    be read: the manifest names it.

    \b
    Examples:
      headwater ops backup-metadata
      headwater ops backup-metadata /mnt/backups -t prod --workspace --profile prod
    """
    variables = variable_values(context.params["variables"])
    sys.exit(
        backups.back_up(
            target,
            variables,
            folder,
            workspace=workspace,
            profile=profile,
            dry_run=dry_run,
            as_json=as_json,
        )
    )


@ops.command("validate-deployment")
@target_options
@reads_workspace
@click.option("--warehouse", metavar="ID", help="SQL warehouse that counts rows and tries queries.")
@reads_only
@click.pass_context
def validate_deployment(
    context: click.Context,
    target: Target,
    workspace: bool,
    profile: str | None,
    warehouse: str | None,
    as_json: bool,
) -> None:
    """Check that what the bundle defines is there: updates, tables, columns, rows, dashboards.

    Exit status: 0 when all is there, 1 when something is not.

    \b
    Examples:
      headwater ops validate-deployment -t test
      headwater ops validate-deployment -t prod --workspace --warehouse 1234abcd
    """
    variables = variable_values(context.params["variables"])
    sys.exit(
        deployments.validate(
            target,
            variables,
            workspace=workspace,
            profile=profile,
            warehouse=warehouse,
            as_json=as_json,
        )
    )


for each in (deploy_environment, deploy_jobs, export_jobs):
    ops.add_command(each)

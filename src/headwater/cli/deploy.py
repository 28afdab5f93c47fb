"""`headwater ops export-jobs|deploy-jobs|deploy-environment`: deploy without the Databricks CLI."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.cli.lazy import LazyModule
from headwater.cli.options import (
    json_option,
    profile_option,
    target_options,
    variable_values,
    writes_if_applied,
)
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.cli import deployed_jobs, environments, job_files
else:
    deployed_jobs, environments, job_files = (
        LazyModule(f"headwater.cli.{name}")
        for name in ("deployed_jobs", "environments", "job_files")
    )


@click.command("export-jobs")
@target_options
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder of all targets (api_jobs beside databricks.yml).",
)
@click.option("--dry-run", is_flag=True, help="Write nothing; exit with 1 if a file would change.")
@json_option
@click.pass_context
def export_jobs(
    context: click.Context, target: Target, out: Path | None, dry_run: bool, as_json: bool
) -> None:
    """Write each job of a target as the Jobs API takes it: api_jobs/TARGET/JOB.json.

    What only a deployment knows stays as the bundle writes it, such as ${resources.pipelines.x.id}.

    \b
    Examples:
      headwater ops export-jobs -t test
      headwater ops export-jobs -t test --dry-run
    """
    variables = variable_values(context.params["variables"])
    sys.exit(job_files.export(target, variables, out, dry_run=dry_run, as_json=as_json))


@click.command("deploy-jobs")
@target_options
@click.option(
    "--files",
    metavar="PATH",
    help="Folder of the workspace with the bundle's files, such as a Git folder.",
)
@profile_option
@writes_if_applied
@click.pass_context
def deploy_jobs(
    context: click.Context,
    target: Target,
    files: str | None,
    profile: str | None,
    apply: bool,
    as_json: bool,
) -> None:
    """Make the jobs of a target in a workspace, or change them to what the bundle says.

    A job is found again by its tag, whatever it is called. Shows what it would do, setting by
    setting; --apply does it. Exit status: 1 if a job is refused or failed.

    \b
    Examples:
      headwater ops deploy-jobs -t test
      headwater ops deploy-jobs -t test --files /Workspace/Shared/headwater --apply
    """
    variables = variable_values(context.params["variables"])
    sys.exit(deployed_jobs.deploy(target, variables, files, profile, apply=apply, as_json=as_json))


@click.command("deploy-environment")
@target_options
@profile_option
@writes_if_applied
@click.pass_context
def deploy_environment(
    context: click.Context, target: Target, profile: str | None, apply: bool, as_json: bool
) -> None:
    """Put requirements.txt and wheels into the volume admin_configs of a target.

    Builds the wheels of the bundle and of infrastructure/external_libs, and uploads what differs.
    Shows what it would do; --apply does it. Exit status: 1 if something failed.

    \b
    Examples:
      headwater ops deploy-environment -t test
      headwater ops deploy-environment -t test --apply
    """
    variables = variable_values(context.params["variables"])
    sys.exit(environments.deploy(target, variables, profile, apply=apply, as_json=as_json))

"""Commands that bring jobs in step with their metadata: plan, apply, run, monitor."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.lazy import LazyModule
from headwater.cli.output import print_json
from lakeflow_job_meta.cli.options import (
    Place,
    json_option,
    open_orchestrator,
    open_session,
    open_workspace,
    place_options,
    refuse_given,
)
from lakeflow_job_meta.cli.render import print_plan, print_results, print_run, print_task
from lakeflow_job_meta.main import log_to_stderr, stop_on_signals
from lakeflow_job_meta.metadata_manager import MetadataManager
from lakeflow_job_meta.monitor import MetadataMonitor
from lakeflow_job_meta.plan import Action
from lakeflow_job_meta.session import check_extra

if TYPE_CHECKING:
    from lakeflow_job_meta import local_runs
else:  # it needs headwater[local]
    local_runs = LazyModule("lakeflow_job_meta.local_runs")


@click.command()
@place_options(has_workspace=True)
@json_option
def plan(place: Place, as_json: bool) -> None:
    """Show what `apply` would create and update; write nothing. Status 1 if a module is invalid.

    \b
    Example:
      lakeflow-job-meta plan --control-table main.ops.etl_control --json
    """
    with open_orchestrator(place) as orchestrator:
        made = orchestrator.plan()
    print_json(made.as_dict()) if as_json else print_plan(made)
    sys.exit(1 if made.of(Action.INVALID) or made.faults else 0)


@click.command()
@place_options(has_workspace=True)
@click.option("--yaml", "path", type=click.Path(path_type=Path), help="Load this first: a file.")
@click.option("--delete-orphans", is_flag=True, help="Delete jobs without an active source.")
@click.option("--auto-run", is_flag=True, help="Start a run of every job.")
@json_option
def apply(
    path: Path | None, delete_orphans: bool, auto_run: bool, place: Place, as_json: bool
) -> None:
    """Create and update the jobs of all modules. Status 1 if one of them went wrong.

    \b
    Example:
      lakeflow-job-meta apply --control-table main.ops.etl_control --yaml metadata.yaml
    """
    with open_orchestrator(place) as orchestrator:
        if path:
            orchestrator.metadata.load_yaml(str(path))
        results = orchestrator.run_all_modules(auto_run=auto_run)
        if delete_orphans:
            results += orchestrator.delete_orphans(confirm=True)
    print_json([vars(each) for each in results]) if as_json else print_results(results)
    sys.exit(0 if all(each.is_fine for each in results) else 1)


@click.command()
@click.argument("module")
@place_options(has_workspace=True)
@click.option("--local", "is_local", is_flag=True, help="Run the tasks here, on local Spark.")
@click.option("--yaml", "path", type=click.Path(path_type=Path), help="Load this first: a file.")
@click.option(
    "--root",
    default=".",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder that the files of tasks are found in (the current one).",
)
@click.option("--skip-unsupported", is_flag=True, help="Pass over tasks that can't run locally.")
@click.option(
    "--max-parallel",
    default=4,
    show_default=True,
    type=click.IntRange(1),
    help="Tasks that run here at one time.",
)
@json_option
def run(module: str, is_local: bool, **options: Any) -> None:
    """Run MODULE: start its job, or run its tasks here with --local.

    \b
    Example:
      lakeflow-job-meta run sales --local --control-table main.ops.etl_control
    """
    if is_local:
        refuse_given(("profile", "name_prefix"), "with --local", "They are about the job.")
        _run_here(module, **options)
    else:
        refuse_given(
            ("root", "skip_unsupported", "max_parallel"), "without --local", "Add --local."
        )
        _run_there(module, **options)


def _run_here(
    module: str,
    path: Path | None,
    root: Path,
    skip_unsupported: bool,
    max_parallel: int,
    place: Place,
    as_json: bool,
) -> None:
    check_extra()

    with open_session(place, is_local=True) as spark:
        manager = MetadataManager(place.control_table, spark=spark)
        if path:
            manager.load_yaml(str(path))
        done = local_runs.run_module(
            manager.module_sources(module),
            control_table=place.control_table,
            spark=spark,
            root=root,
            skip_unsupported=skip_unsupported,
            max_parallel=max_parallel,
            target=place.target,
            on_result=None if as_json else print_task,
        )
    print_json(asdict(done)) if as_json else print_run(done)
    sys.exit(0 if done.succeeded else 1)


def _run_there(module: str, path: Path | None, place: Place, as_json: bool, **_: Any) -> None:
    with open_orchestrator(place) as orchestrator:
        if path:
            orchestrator.metadata.load_yaml(str(path))
        result = orchestrator.run_module(module)
    print_json(vars(result)) if as_json else print_results([result])


@click.command()
@place_options(has_workspace=True)
@click.option("--volume-path", metavar="DIR", help="Folder of YAML files to keep loaded.")
@click.option(
    "--check-interval-seconds",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Time between two passes.",
)
@click.option("--max-iterations", type=click.IntRange(1), help="Passes to make; no end without.")
@click.option("--json", "as_json", is_flag=True, hidden=True, help="Lines are JSON anyway.")
def monitor(
    volume_path: str | None,
    check_interval_seconds: float,
    max_iterations: int | None,
    place: Place,
    as_json: bool,
) -> None:
    """Watch the metadata, and keep all jobs in step, until SIGTERM or Ctrl-C.

    Logs a JSON line per module and per pass, on standard error.

    \b
    Example:
      lakeflow-job-meta monitor --control-table main.ops.etl_control --max-iterations 1
    """
    del as_json
    log_to_stderr()
    client = open_workspace(place.profile)
    with open_session(place) as spark:
        watching = MetadataMonitor(
            place.control_table,
            check_interval_seconds,
            volume_path,
            workspace_client=client,
            spark=spark,
            name_prefix=place.name_prefix,
        )
        stop_on_signals(watching)
        watching.run_continuous(max_iterations)

"""What commands print for people, a line per thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from headwater.cli.output import task_line
from headwater.errors import shown
from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.plan import Action, Plan
from lakeflow_job_meta.results import ModuleResult

if TYPE_CHECKING:  # what runs here needs headwater[local]
    from lakeflow_job_meta.local_runs import RunResult, TaskResult


def print_faults(faults: Iterable[Fault]) -> None:
    """Print a line per fault."""
    for fault in faults:
        click.echo(f"  {shown(str(fault))}")


def print_plan(plan: Plan) -> None:
    """Print what would be done, a line per module."""
    width = max((len(shown(step.module_name)) for step in plan.steps), default=0)
    for step in plan.steps:
        job = f"job {step.job_id}" if step.job_id else ""
        name = shown(step.module_name)
        line = f"{step.action.value:<9}  {name:<{width}}  {job:<20}  {step.reason}"
        click.echo(line.rstrip())
        print_faults(step.faults)
    print_faults(plan.faults)
    click.echo(", ".join(f"{len(plan.of(action))} {action.value}" for action in Action))


def print_results(results: Sequence[ModuleResult]) -> None:
    """Print what became of each module."""
    width = max((len(shown(each.module_name)) for each in results), default=0)
    for each in results:
        job = f"job {each.job_id}" if each.job_id else ""
        run = f"run {each.run_id}" if each.run_id else ""
        name, error = shown(each.module_name), shown(each.error)
        line = f"{each.result:<9}  {name:<{width}}  {job:<20}  {run:<20}  {error}"
        click.echo(line.rstrip())
    wrong = sum(not each.is_fine for each in results)
    click.echo(f"{len(results) - wrong} fine, {wrong} wrong")


def print_task(done: TaskResult) -> None:
    """Print what became of a task that ran here."""
    click.echo(
        task_line(done.source_id, done.task_type, done.state, done.seconds, done.rows, done.message)
    )


def print_run(done: RunResult) -> None:
    """Print the end of a run, after its tasks."""
    click.echo(f"{shown(done.module_name)}: {'succeeded' if done.succeeded else 'failed'}")

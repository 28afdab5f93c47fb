"""`headwater ops deploy-jobs`: show what would become of each job, or do it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from headwater.cli.output import error_json, print_cause, print_json
from headwater.errors import shown
from headwater.operations.deployed_jobs import JobStep, group_of, plan_jobs
from headwater.operations.job_deployment import Outcome, apply_jobs
from headwater.operations.metadata import seen_tree
from headwater.operations.workspace import TIMEOUT_SECONDS, open_workspace
from headwater.state.target import Target
from headwater.tagged_jobs.api import JobsApi


def deploy(
    target: Target,
    variables: Mapping[str, str],
    files: str | None,
    profile: str | None,
    *,
    apply: bool,
    as_json: bool,
) -> int:
    """Show or do what brings the jobs in step; return the exit status.

    Raises:
        BundleError, SettingError, WorkspaceError, DeploymentError: as `plan_jobs`; then nothing is
            written.
    """
    seen = seen_tree(target, variables)
    client = open_workspace(profile)
    api = JobsApi(client, retry_seconds=TIMEOUT_SECONDS)
    steps = plan_jobs(client, api, seen, files)
    outcomes = []
    done = apply_jobs(api, steps, group_of(seen)) if apply else map(_planned, steps)
    for each in done:
        outcomes.append(each)
        if not as_json:
            _print(each)
    if as_json:
        told = [_as_dict(each) for each in outcomes]
        print_json({"target": seen.target, "applied": apply, "jobs": told})
    else:
        click.echo(_summary(outcomes, apply=apply))
    return 0 if all(each.is_fine for each in outcomes) else 1


def _planned(step: JobStep) -> Outcome:
    return Outcome(step, step.action, step.job_id, step.error)


def _print(outcome: Outcome) -> None:
    job_id = f" (job {outcome.job_id})" if outcome.job_id else ""
    click.echo(f"{outcome.result} {shown(outcome.step.key)}{job_id}")
    for each in outcome.step.changes:
        click.echo(f"  {shown(each.path)}: {_value(each.before)} -> {_value(each.after)}")
    if outcome.error:
        print_cause(outcome.error)
    if outcome.result == "left":
        click.echo("  the bundle has it no more: delete it by hand if nobody needs it")


def _value(value: object) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _summary(outcomes: list[Outcome], *, apply: bool) -> str:
    counts: dict[str, int] = {}
    for each in outcomes:
        counts[each.result] = counts.get(each.result, 0) + 1
    told = ", ".join(f"{count} {result}" for result, count in counts.items()) or "no jobs"
    return f"{told}." if apply else f"{told}. Nothing is written without --apply."


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    step = outcome.step
    return {
        "job": step.key,
        "name": step.name,
        "result": outcome.result,
        "job_id": outcome.job_id,
        "changes": [vars(each) for each in step.changes],
        "error": error_json(outcome.error),
    }

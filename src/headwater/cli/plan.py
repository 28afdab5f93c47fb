"""`headwater plan`: show what an update would do."""

from __future__ import annotations

import click

from headwater.cli.endings import warn
from headwater.cli.render import print_errors, print_json, print_rows
from headwater.cli.updates import looking
from headwater.engine.request import UpdateRequest
from headwater.planning import PlannedFlow, PlannedTable, UpdatePlan, Waiting, plan_update
from headwater.state.target import Target

DESTRUCTIVE = 3
"""Exit status of a plan that would destroy something, when that was to fail."""


def show_plan(
    target: Target,
    pipeline: str | None,
    request: UpdateRequest,
    *,
    fails_on_destructive: bool,
    as_json: bool,
) -> int:
    """Show what an update would do; return the exit status.

    1 when the update would be refused, 3 when it would destroy something and that is to fail.
    """
    spec = target.bundle.pipeline(pipeline)
    with looking(target, pipeline) as updater:
        plan = plan_update(updater, request)
    if as_json:
        print_json({"pipeline": spec.key, "target": target.bundle.target, **plan.as_dict()})
    else:
        click.echo(f"An update of '{spec.key}' in target '{target.bundle.target}' would do this:")
        _print(plan)
    if plan.refusals:
        return 1
    return DESTRUCTIVE if plan.losses and fails_on_destructive else 0


def _print(plan: UpdatePlan) -> None:
    print_rows([_table_row(each) for each in plan.tables])
    print_rows([_flow_row(each) for each in plan.flows])
    for warning in plan.warnings:
        warn(warning)
    for loss in plan.losses:
        click.echo(f"destructive: [{loss.code}] {loss.table}: {loss.message}")
        click.echo(f"  instead: {loss.hint}")
    print_errors(plan.refusals)
    runs = sum(each.action == "RUN" for each in plan.flows)
    ends = ""
    if plan.refusals:
        ends = " The update would be refused."
    elif plan.losses:
        ends = f" Destructive: {len(plan.losses)}."
    click.echo(f"{runs} of {len(plan.flows)} flows would run.{ends} Nothing was written.")


def _table_row(table: PlannedTable) -> dict[str, str]:
    return {
        "table": table.name,
        "kind": table.kind,
        "action": table.action,
        "changes": "; ".join([*map(str, table.columns), *table.settings]),
    }


def _flow_row(flow: PlannedFlow) -> dict[str, str]:
    return {
        "flow": flow.name,
        "table": flow.table,
        "action": flow.action,
        "from": "the beginning" if flow.starts_over else "",
        "why": flow.reason,
        "waiting": "; ".join(map(_waiting, flow.waiting)),
    }


def _waiting(each: Waiting) -> str:
    if each.files is None or each.bytes is None:
        return f"{each.source}: unknown"
    rows = "" if each.rows is None else f", {each.rows:,} row{'' if each.rows == 1 else 's'}"
    files = f"{each.files:,} file{'' if each.files == 1 else 's'}"
    return f"{each.source}: {files}, {each.bytes:,} bytes{rows}"

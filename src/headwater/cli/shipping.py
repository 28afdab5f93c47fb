"""`headwater plan|compare|gate`: what is asked before a change ships."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.cli.lazy import LazyModule
from headwater.cli.options import full_refresh_option, names, reads_workspace, target_options
from headwater.engine.request import UpdateRequest
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.cli import compare as compares
    from headwater.cli import gate as gates
    from headwater.cli import plan as plans
else:
    compares, gates, plans = (
        LazyModule(f"headwater.cli.{name}") for name in ("compare", "gate", "plan")
    )


@click.command()
@click.argument("pipeline", required=False)
@target_options
@full_refresh_option
@click.option("--refresh", metavar="T,...", help="Refresh only these tables.")
@click.option(
    "--reset-checkpoints", metavar="F,...", help="Let these flows read all source rows again."
)
@click.option(
    "--fail-on-destructive",
    is_flag=True,
    help="Exit with 3 if rows or columns would be lost, or rows written twice.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan(
    pipeline: str | None,
    target: Target,
    full_refresh: str | None,
    refresh: str | None,
    reset_checkpoints: str | None,
    fail_on_destructive: bool,
    as_json: bool,
) -> None:
    """Show what an update of PIPELINE would do: tables, flows, what waits; writes nothing.

    Exit status: 0, 1 when the update would be refused, 2 for a wrong call, 3 by
    --fail-on-destructive.

    \b
    Examples:
      headwater plan patient_flow -t test
      headwater plan patient_flow -t prod --full-refresh=silver.patient_events
    """
    request = UpdateRequest(
        full_refresh=names(full_refresh),
        refresh=names(refresh),
        reset_checkpoints=names(reset_checkpoints),
    )
    sys.exit(
        plans.show_plan(
            target, pipeline, request, fails_on_destructive=fail_on_destructive, as_json=as_json
        )
    )


@click.command()
@target_options
@click.option("--base", required=True, metavar="REF", help="Commit, branch or tag to compare with.")
@click.option("--on", "pipeline", metavar="PIPELINE", help="Pipeline (the only one).")
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Read at most N files of each folder of a volume.",
)
@click.option(
    "--key", "keys", multiple=True, metavar="T=C,...", help="Columns that identify rows of a table."
)
@click.option("--ignore", metavar="C,...", help="Columns that may differ.")
@click.option("--show-values", is_flag=True, help="Show values of rows, and not hashes of keys.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, not Markdown.")
@click.pass_context
def compare(
    context: click.Context,
    target: Target,
    base: str,
    pipeline: str | None,
    sample: int | None,
    keys: tuple[str, ...],
    ignore: str | None,
    show_values: bool,
    as_json: bool,
) -> None:
    """Show what the changes since REF do to the tables of a pipeline.

    Runs it as it was and as it is on the input of the target, both in folders of their own.

    Exit status: 0 when nothing differs, 1 when something does.

    \b
    Examples:
      headwater compare --base main --on patient_flow
      headwater compare --base v1.2 --on patient_flow --key fact_admissions=event_id
    """
    request = compares.request_of(base, sample, keys, ignore, context.params["variables"])
    sys.exit(
        compares.show_comparison(
            target, pipeline, request, shows_values=show_values, as_json=as_json
        )
    )


@click.command()
@click.argument("pipeline", required=False)
@target_options
@click.option(
    "--limits",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File of limits (resources/limits/TARGET.yml).",
)
@reads_workspace
@click.option("--warehouse", metavar="ID", help="SQL warehouse, of a workspace.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gate(
    pipeline: str | None,
    target: Target,
    limits: Path | None,
    workspace: bool,
    profile: str | None,
    warehouse: str | None,
    as_json: bool,
) -> None:
    """Check the last update and the tables of PIPELINE, or of all, against limits.

    Exit status: 0 when all limits hold, 1 when one does not or can't be measured; starts no JVM.

    \b
    Examples:
      headwater gate -t test
      headwater gate -t prod --workspace --warehouse 1234abcd
    """
    measures = gates.measures_of(workspace=workspace, profile=profile, warehouse=warehouse)
    sys.exit(gates.check_gate(target, pipeline, limits, measures, as_json=as_json))

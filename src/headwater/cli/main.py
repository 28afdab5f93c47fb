"""The `headwater` command: each subcommand parses, makes one library call and renders it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from headwater.cli.bundle import bundle
from headwater.cli.dev import dev
from headwater.cli.endings import run_program
from headwater.cli.groups import Commands
from headwater.cli.job import job
from headwater.cli.land import land
from headwater.cli.lazy import LazyModule
from headwater.cli.ops import ops
from headwater.cli.options import full_refresh_option, key_values, names, target_options
from headwater.cli.shipping import compare, gate, plan
from headwater.engine.request import UpdateRequest
from headwater.errors import UsageError
from headwater.projects import TEMPLATES, create_project
from headwater.settings import read_settings
from headwater.state.target import Target

if TYPE_CHECKING:
    from headwater.cli import dbt_commands, graphs, machine, queries, tables, updates
else:
    dbt_commands, graphs, machine, queries, tables, updates = (
        LazyModule(f"headwater.cli.{name}")
        for name in ("dbt_commands", "graphs", "machine", "queries", "tables", "updates")
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headwater")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Run Lakeflow (DLT) pipelines, unchanged, on open-source Spark and Delta.

    \b
    Example:
      headwater run patient_flow -t dev
    """
    del debug  # `main` looks for it, so that it also counts for errors while parsing


@cli.command()
@click.argument("pipeline", required=False)
@target_options
@click.option("--validate", is_flag=True, help="Check everything, write nothing.")
@click.option("--strict", is_flag=True, help="Treat warnings as errors (docs/lint.md).")
@full_refresh_option
@click.option("--refresh", metavar="T,...", help="Refresh only these tables.")
@click.option(
    "--refresh-failed", is_flag=True, help="Refresh only the tables that failed last time."
)
@click.option(
    "--reset-checkpoints",
    metavar="F,...",
    help="Let these flows read all source rows again; their tables keep their rows.",
)
@click.option(
    "--replace-where",
    metavar="F=PREDICATE",
    multiple=True,
    help="Let a REPLACE WHERE flow replace other rows, in this update alone.",
)
@click.option(
    "--continuous", is_flag=True, help="Go on with what is new until stopped by Ctrl-C or SIGTERM."
)
@click.option("--master", help="Spark master (local[*]).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(
    pipeline: str | None,
    target: Target,
    validate: bool,
    strict: bool,
    full_refresh: str | None,
    refresh: str | None,
    refresh_failed: bool,
    reset_checkpoints: str | None,
    replace_where: tuple[str, ...],
    continuous: bool,
    master: str | None,
    as_json: bool,
) -> None:
    """Run an update of PIPELINE (optional if the bundle has only one).

    \b
    Examples:
      headwater run patient_flow
      headwater run patient_flow -t prod --full-refresh=silver.patient_events --json
      headwater run patient_flow --validate --strict
      headwater run patient_flow --continuous
    """
    request = UpdateRequest(
        validate_only=validate,
        full_refresh=names(full_refresh),
        refresh=names(refresh),
        run_as=read_settings().user_name,
        strict=strict,
        refresh_failed=refresh_failed,
        reset_checkpoints=names(reset_checkpoints),
        replace_where=tuple(key_values(replace_where, "--replace-where").items()),
        continuous=continuous,
    )
    status = updates.run_pipeline(target, pipeline, request, master=master, as_json=as_json)
    sys.exit(status)


@cli.command()
@click.argument("statements", required=False)
@target_options
@click.option("-f", "--file", type=click.Path(path_type=Path), help="Read the SQL from a file.")
@click.option("--master", help="Spark master (local[*]).")
@click.option("--json", "as_json", is_flag=True, help="Print the last result as JSON.")
def sql(
    statements: str | None,
    target: Target,
    file: Path | None,
    master: str | None,
    as_json: bool,
) -> None:
    """Run SQL STATEMENTS against the target's tables; the last result is printed.

    Of a result with more than 1,000 rows a table shows the first, and --json prints all.

    \b
    Examples:
      headwater sql "SELECT count(*) FROM fact_admissions"
      headwater sql --json "SELECT event_type, count(*) FROM event_log('patient_flow') GROUP BY 1"
      headwater sql "SELECT path, commit_time FROM cloud_files_state(TABLE(patient_events))"
    """
    text = queries.sql_text(statements, file)
    queries.run_sql(target, text, file=file, master=master, as_json=as_json)


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@target_options
@click.option(
    "--project-dir",
    type=click.Path(path_type=Path),
    help="Folder of dbt_project.yml (this folder's, or the only one of the bundle).",
)
@click.argument("arguments", metavar="COMMAND ...", nargs=-1, type=click.UNPROCESSED)
def dbt(target: Target, project_dir: Path | None, arguments: tuple[str, ...]) -> None:
    """Run a dbt COMMAND on the target's tables; everything after it is passed to dbt.

    \b
    Examples:
      headwater dbt build --select staging
      headwater dbt -t test test --select tag:nightly
      headwater dbt docs generate
    """
    sys.exit(dbt_commands.run(target, project_dir, arguments))


@cli.command()
@click.argument("table")
@target_options
@click.option("-n", "--rows", default=20, show_default=True, help="Number of rows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(
    table: str,
    target: Target,
    rows: int,
    as_json: bool,
) -> None:
    """Show the first rows of TABLE; starts no JVM.

    \b
    Example:
      headwater show gold.dim_patient -n 5
    """
    tables.show_table(target, table, rows, as_json=as_json)


@cli.command("tables")
@target_options
@click.option(
    "--inactive", is_flag=True, help="Only tables that are gone from their pipeline's source."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_tables(
    target: Target,
    inactive: bool,
    as_json: bool,
) -> None:
    """List the target's tables, and which pipeline made them; starts no JVM.

    \b
    Examples:
      headwater tables
      headwater tables --inactive --json
    """
    tables.show_tables(target, inactive=inactive, as_json=as_json)


@cli.command()
@click.argument("pipeline", required=False)
@target_options
@click.option("--update", default="latest", show_default=True, help="Id of an update, or all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def events(
    pipeline: str | None,
    target: Target,
    update: str,
    as_json: bool,
) -> None:
    """Show the event log of PIPELINE; starts no JVM.

    \b
    Example:
      headwater events patient_flow --json
    """
    tables.show_events(target, pipeline, update, as_json=as_json)


@cli.command()
@click.argument("pipeline", required=False)
@target_options
@click.option(
    "--format",
    "shape",
    type=click.Choice(["text", "mermaid"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@click.option("--all", "whole", is_flag=True, help="All pipelines and dbt projects as one graph.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def graph(
    pipeline: str | None,
    target: Target,
    shape: str,
    whole: bool,
    as_json: bool,
) -> None:
    """Show which dataset of PIPELINE reads which.

    \b
    Examples:
      headwater graph patient_flow --format mermaid
      headwater graph --all
    """
    show = graphs.show_whole_graph if whole else graphs.show_graph
    show(target, pipeline, shape, as_json=as_json)


@cli.command()
@click.argument("name", required=False)
@click.option(
    "--template",
    type=click.Choice(TEMPLATES),
    default=TEMPLATES[0],
    show_default=True,
    help="What it is written in.",
)
def init(name: str | None, template: str) -> None:
    """Make a new project in the folder NAME, or in this folder, under its name.

    \b
    Examples:
      headwater init shop
      headwater init shop --template sql
      headwater init shop --template dbt
    """
    if name is not None and not name.strip():
        raise UsageError("PROJECT_NAME_INVALID", "NAME is empty", hint="Name a folder to make.")
    folder = Path(name) if name else Path.cwd()
    files = create_project(folder, folder.resolve().name, template, read_settings())
    click.echo(f"Made {len(files)} files in {folder}. Next:")
    for line in ([f"cd {shlex.quote(str(folder))}"] if name else []) + ["headwater run", "pytest"]:
        click.echo(f"  {line}")


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check the machine: Java, Spark, jars, cache, memory, disk; say how to fix it.

    \b
    Example:
      headwater doctor --json
    """
    sys.exit(machine.show_doctor(read_settings(), as_json=as_json))


@cli.command()
def setup() -> None:
    """Fetch the jars into the cache and prepare Java for fast starts.

    \b
    Example:
      headwater setup
    """
    machine.prepare_machine(read_settings())


for each in (bundle, compare, dev, gate, land, job, ops, plan):
    cli.add_command(each)


def main() -> NoReturn:
    """Run the command line."""
    run_program(cli, "headwater")


if __name__ == "__main__":
    main()

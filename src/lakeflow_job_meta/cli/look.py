"""Commands that only read metadata: validate, export, graph."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from headwater.cli.output import print_json
from lakeflow_job_meta.checks import path_faults, sources_of_path
from lakeflow_job_meta.cli.options import (
    OF_A_TABLE,
    Place,
    json_option,
    open_session,
    place_options,
    refuse_given,
)
from lakeflow_job_meta.cli.render import print_faults
from lakeflow_job_meta.errors import module_unknown
from lakeflow_job_meta.graph_views import draw, graph_facts, modules_of
from lakeflow_job_meta.metadata_manager import MetadataManager
from lakeflow_job_meta.sources import source_row


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@place_options(needs_table=False)
@json_option
def validate(path: Path | None, place: Place, as_json: bool) -> None:
    """Check the YAML file or folder PATH, or the control table. Status 1 if there are faults.

    \b
    Example:
      lakeflow-job-meta validate examples/metadata_examples.yaml
    """
    if path:
        refuse_given(OF_A_TABLE, "beside a path", "Check the path, or the table.")
        faults = path_faults(path)
    else:
        with open_session(place) as spark:
            faults = MetadataManager(place.control_table, spark=spark).validate()
    if as_json:
        print_json([vars(each) for each in faults])
    else:
        print_faults(faults)
        click.echo(_counted(len(faults)))
    sys.exit(1 if faults else 0)


def _counted(faults: int) -> str:
    return f"{faults} fault{'s' if faults > 1 else ''}" if faults else "No faults."


@click.command()
@click.argument("module", required=False)
@place_options()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of YAML.")
def export(module: str | None, place: Place, as_json: bool) -> None:
    """Print the active sources of MODULE, or of all modules, as YAML that can be loaded again.

    \b
    Example:
      lakeflow-job-meta export --control-table main.ops.etl_control > metadata.yaml
    """
    with open_session(place) as spark:
        manager = MetadataManager(place.control_table, spark=spark)
        sources = manager.get_sources(module)
        if module and not sources:
            raise module_unknown(module, manager.get_all_modules(), place.control_table)
        if as_json:
            print_json([source_row(each) for each in sources])
        else:
            click.echo(manager.export_yaml(module), nl=False)


@click.command()
@click.argument("module", required=False)
@place_options(needs_table=False)
@click.option("--yaml", "path", type=click.Path(path_type=Path), help="Draw what a file holds.")
@click.option(
    "--format",
    "shape",
    default="text",
    type=click.Choice(["text", "mermaid"]),
    show_default=True,
    help="Lines of text, or a Mermaid flowchart.",
)
@json_option
def graph(module: str | None, path: Path | None, shape: str, place: Place, as_json: bool) -> None:
    """Draw which task of MODULE, or of each module, waits for which.

    \b
    Example:
      lakeflow-job-meta graph sales --yaml metadata.yaml --format mermaid
    """
    if as_json:
        refuse_given(("shape",), "with --json", "Leave one of them out.")
    if path:
        refuse_given(OF_A_TABLE, "with --yaml", "Draw the file, or the table.")
        sources = sources_of_path(path)
    else:
        with open_session(place) as spark:
            sources = MetadataManager(place.control_table, spark=spark).get_sources(module)
    modules = modules_of(sources, module)
    if as_json:
        print_json({name: graph_facts(each) for name, each in modules.items()})
    else:
        drawn = "\n\n".join(draw(each, shape) for each in modules.values())
        click.echo(drawn or "No sources.", err=not drawn)

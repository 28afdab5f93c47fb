"""The `lakeflow-job-meta` command: each subcommand parses, makes one library call, renders it."""

from __future__ import annotations

from typing import NoReturn

import click

from headwater.cli.endings import run_program
from headwater.cli.groups import Commands
from lakeflow_job_meta.cli.deploy import apply, monitor, plan, run
from lakeflow_job_meta.cli.look import export, graph, validate
from lakeflow_job_meta.results import refusal_of_api


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headwater")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Make Lakeflow Jobs from metadata, and keep them in step with it.

    \b
    Example:
      lakeflow-job-meta plan --control-table main.ops.etl_control
    """
    del debug  # `main` looks for it, so that it also counts for errors while parsing


for _command in (plan, apply, run, monitor, validate, export, graph):
    cli.add_command(_command)


def main() -> NoReturn:
    """Run the command on the process's arguments, and end the process."""
    run_program(cli, "lakeflow-job-meta", explained=refusal_of_api)


if __name__ == "__main__":
    main()

"""`headwater dbt`: run a command, and say where to look at the rows of tests that failed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
from pyspark.sql import SparkSession

from headwater.cli.options import target_words
from headwater.cli.sessions import job_session
from headwater.dbt.projects import find_project, read_project
from headwater.dbt.results import NodeResult
from headwater.dbt.runner import DbtCommand, run_dbt
from headwater.state.target import Target
from headwater.state.waiting import bytes_below

LITTLE_BYTES = 32 * 1024**2
"""Below this, tables and their logs together, the models of a project are soon computed."""


def run(target: Target, project_dir: Path | None, arguments: Sequence[str]) -> int:
    """Run a dbt command in the target's session and return the exit status.

    Raises:
        HeadwaterError: as `run_dbt`; DBT_PROJECT_NOT_FOUND.
    """
    here = Path.cwd()
    project = read_project(project_dir) if project_dir else find_project(target.bundle, here)
    with ExitStack() as stack:

        def opened() -> SparkSession:
            little = bytes_below(str(target.store.root / "tables")) < LITTLE_BYTES
            return stack.enter_context(job_session(target, context, is_little=little))

        context = click.get_current_context()  # dbt asks for a session in a thread of its own
        done = run_dbt(target, DbtCommand(project, arguments), opened)
    for node in done.nodes:
        if node.failures and node.status in ("fail", "warn"):
            click.echo(_where_to_look(node, context))
    return 0 if done.succeeded else 1


def _where_to_look(node: NodeResult, context: click.Context) -> str:
    count = f"{node.failures:,} failure{'' if node.failures == 1 else 's'}"
    options = " ".join(filter(None, (target_words(context), "-f", shlex.quote(node.compiled))))
    return f"{node.name}: {count}; its query: headwater sql {options}"

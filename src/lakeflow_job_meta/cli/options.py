"""Options that several commands share, and what they open: the session, the workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from lakeflow_job_meta.errors import UsageError
from lakeflow_job_meta.utils import split_table_name

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Place:
    """Where a command finds its table and its session."""

    control_table: str
    bundle: Path
    target: str | None


def options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def table_option(*, is_required: bool) -> Callable[[F], F]:
    return click.option(
        "--control-table",
        required=is_required,
        envvar="LAKEFLOW_JOB_META_CONTROL_TABLE",
        metavar="CATALOG.SCHEMA.TABLE",
        help="The control table; also LAKEFLOW_JOB_META_CONTROL_TABLE.",
    )


session_options = options(
    click.option(
        "--bundle",
        default=".",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of local tables, without a workspace's session (the current one).",
    ),
    click.option("-t", "--target", help="Target of the bundle in that folder."),
)
workspace_options = options(
    click.option("--profile", help="Profile of .databrickscfg; else DATABRICKS_HOST and so on."),
    click.option("--name-prefix", default="", help="Put before the names of jobs."),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def place_of(control_table: str | None, bundle: Path, target: str | None) -> Place:
    if not control_table:
        raise UsageError(
            "CONTROL_TABLE_MISSING",
            "Neither a path nor --control-table is given",
            hint="Name a YAML file, or --control-table catalog.schema.table.",
        )
    return Place(control_table, bundle, target)


@contextmanager
def open_session(place: Place, *, is_local: bool = False) -> Iterator[Any]:
    from lakeflow_job_meta.session import session_for_commands  # here: PySpark is slow to import

    where = (place.bundle, place.target, place.control_table)
    with session_for_commands(*where, is_local=is_local) as spark:
        yield spark


@contextmanager
def open_orchestrator(place: Place, profile: str | None, name_prefix: str) -> Iterator[Any]:
    from lakeflow_job_meta.orchestrator import JobOrchestrator

    split_table_name(place.control_table)  # a wrong name is said before anything starts
    client = open_workspace(profile)
    with open_session(place) as spark:
        yield JobOrchestrator(place.control_table, client, spark=spark, name_prefix=name_prefix)


def open_workspace(profile: str | None) -> Any:
    """Open the workspace before Spark: a wrong address is said at once."""
    from databricks.sdk import WorkspaceClient

    try:
        return WorkspaceClient(profile=profile)
    except ValueError as error:
        raise UsageError(
            "WORKSPACE_UNKNOWN",
            "There are no settings of a workspace that can be used",
            hint="Set DATABRICKS_HOST and DATABRICKS_TOKEN, or --profile of .databrickscfg.",
        ) from error

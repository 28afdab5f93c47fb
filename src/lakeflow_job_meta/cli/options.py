"""Options that several commands share, and what they open: the session, the workspace."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from databricks.sdk import WorkspaceClient

from headwater.errors import UsageError
from lakeflow_job_meta.orchestrator import JobOrchestrator
from lakeflow_job_meta.session import session_for_commands
from lakeflow_job_meta.utils import split_table_name


@dataclass(frozen=True)
class Place:
    """Where a command finds its table, its session and its workspace.

    Args:
        control_table: empty where a command was given none.
        bundle: folder of local tables.
        target: of the bundle.
        profile: of .databrickscfg.
        name_prefix: put before the names of jobs.
    """

    control_table: str
    bundle: Path
    target: str | None
    profile: str | None = None
    name_prefix: str = ""


def place_options(
    *, needs_table: bool = True, has_workspace: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options that name a `Place`, which the command gets as `place`."""
    added = [
        click.option(
            "--control-table",
            required=needs_table,
            envvar="LAKEFLOW_JOB_META_CONTROL_TABLE",
            metavar="CATALOG.SCHEMA.TABLE",
            help="The control table; also LAKEFLOW_JOB_META_CONTROL_TABLE.",
        ),
        click.option(
            "--bundle",
            default=".",
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="Folder of local tables, without a workspace's session (the current one).",
        ),
        click.option("-t", "--target", help="Target of the bundle in that folder."),
    ]
    if has_workspace:
        added += [
            click.option(
                "--profile", help="Profile of .databrickscfg; else DATABRICKS_HOST and so on."
            ),
            click.option("--name-prefix", default="", help="Put before the names of jobs."),
        ]

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_place(**given: Any) -> None:
            named = {
                each.name: given.pop(each.name) for each in fields(Place) if each.name in given
            }
            command(place=Place(**named), **given)

        for option in reversed(added):
            option(with_place)
        return with_place

    return add


def refuse_given(names: Sequence[str], without: str, hint: str) -> None:
    """Refuse options of the command line that would have no effect; the environment may have them.

    Args:
        names: of the command's parameters.
        without: goes on "... has no effect".

    Raises:
        UsageError: OPTION_WITHOUT_EFFECT, with each option that was given.
    """
    context = click.get_current_context()
    given = [
        max(each.opts, key=len)
        for each in context.command.params
        if each.name in names
        and context.get_parameter_source(each.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        verb = "have" if len(given) > 1 else "has"
        raise UsageError(
            "OPTION_WITHOUT_EFFECT",
            f"{', '.join(given)} {verb} no effect {without}",
            hint=hint,
        )


OF_A_TABLE = ("control_table", "bundle", "target")
"""Parameters that say where a control table is."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def open_session(place: Place, *, is_local: bool = False) -> Iterator[Any]:

    if not place.control_table:
        raise UsageError(
            "CONTROL_TABLE_MISSING",
            "Neither a path nor --control-table is given",
            hint="Name a YAML file, or --control-table catalog.schema.table.",
        )
    where = (place.bundle, place.target, place.control_table)
    with session_for_commands(*where, is_local=is_local) as spark:
        yield spark


@contextmanager
def open_orchestrator(place: Place) -> Iterator[Any]:

    split_table_name(place.control_table)  # a wrong name is said before anything starts
    client = open_workspace(place.profile)
    with open_session(place) as spark:
        yield JobOrchestrator(
            place.control_table, client, spark=spark, name_prefix=place.name_prefix
        )


def open_workspace(profile: str | None) -> Any:
    """Open the workspace before Spark: a wrong address is said at once."""
    try:
        return WorkspaceClient(profile=profile)
    except ValueError as error:
        raise UsageError(
            "WORKSPACE_UNKNOWN",
            "There are no settings of a workspace that can be used",
            hint="Set DATABRICKS_HOST and DATABRICKS_TOKEN, or --profile of .databrickscfg.",
        ) from error

"""Run one dbt command in this process, in the session of a target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

from filelock import FileLock, Timeout
from pyspark.sql import SparkSession

from headwater.dbt.bridge import Bridge
from headwater.dbt.profiles import connection_of
from headwater.dbt.projects import Project
from headwater.dbt.results import DbtRun, node_result, write_events, write_results
from headwater.errors import HeadwaterError, SettingError, UsageError
from headwater.names import TableName
from headwater.state.catalog import register_table
from headwater.state.target import Target
from headwater.state.views import keep_view

_VARIABLE = "dbt_"
"""Begins the names of bundle variables that dbt sees in its environment: `dbt_catalog` as
`DBT_CATALOG`."""

_RUNS_NODES = frozenset(
    [
        "build",
        "clone",
        "retry",
        "run",
        "seed",
        "snapshot",
        "source freshness",
        "source snapshot-freshness",
        "test",
    ]
)
"""Commands whose nodes are recorded: others compile nodes, and dbt calls that a success too."""

_QUIET = {"DBT_LOG_LEVEL": "none", "DBT_LOG_LEVEL_FILE": "debug"}
_RESULTS = "dbt_results"


@dataclass(frozen=True)
class DbtCommand:
    """One dbt command.

    Args:
        arguments: its words, without `dbt` itself.
        schema: of models that name none; the target's own when empty.
        quiet: dbt prints nothing; its log file has everything.
    """

    project: Project
    arguments: Sequence[str]
    schema: str = ""
    quiet: bool = False


def run_dbt(
    target: Target,
    command: DbtCommand,
    open_session: Callable[[], SparkSession],
    check: Callable[[], None] = lambda: None,
) -> DbtRun:
    """Run a dbt command; what it came to is in the event log and in `ops.dbt_results` as well.

    dbt's own output goes to standard output, its log, compiled SQL and artefacts to the target's
    state folder. One command at a time runs in a project and target.

    Args:
        open_session: returns the session; called when dbt first needs one.
        check: called before each statement; raises to stop dbt.

    Raises:
        SettingError: DBT_NOT_INSTALLED.
        UsageError: DBT_IN_PROGRESS, DBT_USAGE.
        KeyboardInterrupt, HeadwaterError: as it reached dbt, such as of `open_session`.
    """
    library = _library()
    project, started = command.project, datetime.now(timezone.utc)
    state = target.store.dbt_path(project.name)
    bridge = Bridge(open_session, check)
    with _alone(state, project.name):
        environment = _environment(target, command, state)
        done = library.invoke(command.arguments, bridge, environment)
    for (schema, view), text in bridge.views.items():
        keep_view(target.store, table_of(target, schema, view), text)
    if isinstance(done.error, KeyboardInterrupt | HeadwaterError):
        raise done.error
    if done.is_usage:
        said = f"dbt: {done.error}" if command.arguments else "No command of dbt is given"
        hint = (
            "Options: headwater dbt COMMAND --help"
            if command.arguments
            else "Such as: headwater dbt build"
        )
        raise UsageError("DBT_USAGE", said, hint=hint)
    folder = partial(_table_path, target)
    ran = done.results if done.command in _RUNS_NODES else ()
    run = DbtRun(
        project.name,
        done.invocation_id,
        done.command,
        done.succeeded,
        started,
        tuple(node_result(each, folder, started) for each in ran),
        str(done.error or ""),
    )
    if run.nodes:
        _record(target, run, state, bridge.session)
    return run


def _library() -> ModuleType:
    """Load what imports dbt: an extra that may be missing, and slow."""
    try:
        return import_module("headwater.dbt.library")
    except ImportError:
        raise SettingError(
            "DBT_NOT_INSTALLED",
            "dbt-core and dbt-spark are not installed",
            hint='Install the extra: pip install "headwater[dbt]".',
        ) from None


@contextmanager
def _alone(state: Path, project: str) -> Iterator[None]:
    state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state / "dbt.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            "DBT_IN_PROGRESS",
            f"Another dbt command is running in the project '{project}' and this target",
            hint="Wait until it ends, or stop that process.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _environment(target: Target, command: DbtCommand, state: Path) -> dict[str, str]:
    """Return what dbt reads from its environment; options of the command win over it."""
    schema = command.schema or target.default_schema()[1]
    return {
        **_of_variables(target),
        **connection_of(command.project, command.arguments, schema, state),
        "DBT_PROJECT_DIR": str(command.project.folder),
        "DBT_TARGET_PATH": str(state / "target"),
        "DBT_LOG_PATH": str(state / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        **(_QUIET if command.quiet else {}),
    }


def _of_variables(target: Target) -> dict[str, str]:
    return {
        name.upper(): str(value)
        for name, value in target.bundle.variables.items()
        if name.startswith(_VARIABLE)
    }


def _record(target: Target, run: DbtRun, state: Path, session: SparkSession | None) -> None:
    write_events(run, state / "event_log")
    table = results_table(target)
    path = target.store.table_path(table)
    write_results(run, path)
    if session is not None:
        register_table(session, table, path, target.store)


def results_table(target: Target) -> TableName:
    """Name the table of results: in the bundle's schema `ops`, or else in one of that name."""
    for key, schema in target.bundle.schemas.items():
        if key == "ops":
            return TableName(schema.catalog.lower(), schema.name.lower(), _RESULTS)
    return TableName(target.default_schema()[0].lower(), "ops", _RESULTS)


def _table_path(target: Target, schema: str, table: str) -> Path:
    return target.store.table_path(table_of(target, schema, table))


def table_of(target: Target, schema: str, table: str) -> TableName:
    """Complete a name of dbt-spark, which has two parts."""
    catalogs = {name.lower(): catalog for catalog, name in target.store.schemas()}
    declared = {each.name.lower(): each.catalog for each in target.bundle.schemas.values()}
    known = {**catalogs, **declared}
    catalog = known.get(schema.lower()) or target.default_schema()[0]
    return TableName(catalog.lower(), schema.lower(), table.lower())

"""What the local runner takes from headwater, when it is there: sessions and pipelines."""

from __future__ import annotations

import functools
import importlib.util
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pyspark.errors import ParseException
from pyspark.sql import DataFrame, SparkSession

from lakeflow_job_meta.errors import JobMetaError, UsageError, nearest
from lakeflow_job_meta.local.context import Run, TaskContext
from lakeflow_job_meta.local.results import Outcome

if TYPE_CHECKING:
    from headwater.bundle import PipelineSpec
    from headwater.state.store import Store
    from headwater.state.target import Target

_BUNDLES = ("databricks.yml", "databricks.yaml")
_DELTA = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
_CATALOG = re.compile(r"spark\.sql\.catalog\.([^.]+)")
_REFERENCE = re.compile(r"\$\{resources\.pipelines\.([^.}]+)\.id\}")
_one_at_a_time = threading.Lock()

NEW_SCHEMAS_IN = "lakeflow_job_meta.catalogOfNewSchemas"
"""Setting of a local session: the catalog of schemas that are made without naming one."""

_CREATE = re.compile(r"\bCREATE\s+(SCHEMA|DATABASE|NAMESPACE)\b", re.I)

BIND_LATE = "spark.sql.legacy.parameterSubstitution.constantsOnly"
"""Let Spark bind parameters after parsing: Delta's parser (4.4) loses those bound while parsing."""


def has_runtime() -> bool:
    """Return whether headwater is installed."""
    return importlib.util.find_spec("headwater") is not None


def task_session(spark: SparkSession) -> SparkSession:
    """Return a session with the same tables, but settings and temporary views of its own."""
    session = spark.newSession()
    activate(session)  # in another thread a new session does not find its settings by itself
    session.conf.set(BIND_LATE, "true")
    catalogs = [
        found[1]
        for name, value in session.conf.getAll.items()
        if (found := _CATALOG.fullmatch(name)) and value == _DELTA and found[1] != "spark_catalog"
    ]
    if catalogs and has_runtime():
        from headwater.machine.session import share_session_catalog  # here: may be missing

        share_session_catalog(session, catalogs)
    session.catalog.setCurrentDatabase(spark.catalog.currentDatabase())  # it comes quoted
    catalog = spark.conf.get(NEW_SCHEMAS_IN, None)
    if catalog:
        session.conf.set(NEW_SCHEMAS_IN, catalog)
        _make_schemas_in_state(session)
    return session


def activate(session: SparkSession) -> None:
    """Make a session the active one of this thread; PySpark does so only beside other things."""
    session.createDataFrame([], "x INT")


def _make_schemas_in_state(session: SparkSession) -> None:
    """Let CREATE SCHEMA put its tables where `headwater` looks for them, not in the warehouse."""

    def sql(sqlQuery: str, args: Any = None, **more: Any) -> DataFrame:  # noqa: N803 - PySpark's
        made = _new_schema(session, sqlQuery)
        if made:
            return _create_schema(session, made)
        # by the class, where a pipeline's update puts itself between while it runs
        return SparkSession.sql(session, sqlQuery, args, **more)

    session.sql = sql  # type: ignore[method-assign]


def _new_schema(session: SparkSession, text: str) -> tuple[str, ...]:
    """Read which schema a CREATE SCHEMA is to make; () where Spark has an answer of its own."""
    from headwater.sandbox.sql_text import SqlText  # here: may be missing
    from headwater.state.catalog import schema_exists

    if not isinstance(text, str) or not _CREATE.search(text):
        return ()
    try:
        made = SqlText(session, text).new_schema()
    except ParseException:
        return ()
    if made is None or len(made[0]) > len(("catalog", "schema")):
        return ()
    parts, may_exist = made
    return parts if may_exist or not schema_exists(session, parts[-1].lower()) else ()


def _create_schema(session: SparkSession, parts: tuple[str, ...]) -> DataFrame:
    from headwater.machine.session import add_catalog  # here: may be missing
    from headwater.state.catalog import create_schema
    from headwater.state.store import Store

    catalog, name = parts if len(parts) > 1 else (session.conf.get(NEW_SCHEMAS_IN) or "", *parts)
    catalog, name = catalog.lower(), name.lower()
    warehouse = urlsplit(session.conf.get("spark.sql.warehouse.dir") or "").path
    store = Store(Path(unquote(warehouse)).parent)  # headwater has it in the state folder
    add_catalog(session, catalog)
    create_schema(session, catalog, name, store)
    store.schema_path(catalog, name).mkdir(parents=True, exist_ok=True)
    return session.createDataFrame([], "")


@contextmanager
def local_session(
    folder: Path, target: str | None, schema: tuple[str, ...] = ()
) -> Iterator[SparkSession]:
    """Start a local Spark with Delta, whose tables are kept for the next one.

    In a bundle they are those of its target, as `headwater sql` sees them; elsewhere they are in
    `.headwater/local` of the folder. All catalogs share their schemas.

    Args:
        target: of the bundle; its default one when not given.
        schema: one that is made where it does not exist; a catalog may stand before it.

    Raises:
        UsageError: OPTION_WITHOUT_EFFECT, for a target where there is no bundle.
        JobMetaError: what headwater says of the bundle, of Java or of a clash of catalogs.
    """
    from headwater.machine.session import QUICK_START, spark_session  # here: may be missing
    from headwater.settings import read_settings
    from headwater.state.catalog import create_schema, register_all
    from headwater.state.store import Store

    if target and _bundle_above(folder) is None:
        raise UsageError(
            "OPTION_WITHOUT_EFFECT",
            f"--target has no effect: there is no {_BUNDLES[0]}",
            where=str(folder),
            hint="Leave it out, or name the folder of the bundle with --bundle.",
        )
    with _errors_as_ours():
        bundle = _bundle_above(folder)
        opened = _open(bundle, target) if bundle else None
        store = opened.store if opened else Store((folder / ".headwater" / "local").absolute())
        catalog = schema[0].lower() if len(schema) > 1 else _default_catalog(opened)
        names = {*(opened.catalogs() if opened else store.catalogs()), catalog}
        with spark_session(
            read_settings(),
            state=store.root,
            catalogs=sorted(names - {"spark_catalog"}),
            jvm_options=QUICK_START,
        ) as spark:
            register_all(spark, store)
            for each in opened.bundle.schemas.values() if opened else ():
                create_schema(spark, each.catalog, each.name, store)
            _register_others(spark, store, catalog)
            spark.conf.set(NEW_SCHEMAS_IN, _default_catalog(opened))
            _make_schemas_in_state(spark)
            if schema:
                _create_schema(spark, schema)
            yield spark


def _default_catalog(target: Target | None) -> str:
    return target.default_schema()[0].lower() if target else "main"


def _register_others(spark: SparkSession, store: Store, catalog: str) -> None:
    """Enter the tables of schemas that were made past `_make_schemas_in_state`."""
    from headwater.names import TableName
    from headwater.state.catalog import register_table  # here: may be missing
    from headwater.state.store import identifier_of  # here: may be missing

    warehouse = store.root / "warehouse"
    for log in sorted([*warehouse.glob("*.db/*/_delta_log"), *warehouse.glob("*/_delta_log")]):
        folder = log.parts[-3] if log.parts[-3].endswith(".db") else "default"
        schema = identifier_of(folder.removesuffix(".db"))
        name = TableName(catalog, schema, identifier_of(log.parts[-2]))
        register_table(spark, name, log.parent, store)


def run_pipeline(context: TaskContext, pipeline: str, selection: Mapping[str, Any]) -> Outcome:
    """Run an update of a pipeline of the bundle at, or above, the run's folder.

    Updates run one at a time: a run of headwater changes PySpark while it lasts.

    Args:
        pipeline: its key, name or local id, or `${resources.pipelines.<key>.id}`.
        selection: `full_refresh`, `refresh_selection`, `full_refresh_selection`, as in a job.

    Raises:
        UsageError: BUNDLE_MISSING, PIPELINE_UNKNOWN.
        JobMetaError: headwater's code, or PIPELINE_FAILED.
    """
    from headwater.engine.update import Updater, UpdateRequest  # here: may be missing

    everything = ("*",) if selection.get("full_refresh") else ()
    request = UpdateRequest(
        full_refresh=everything or tuple(selection.get("full_refresh_selection") or ()),
        refresh=tuple(selection.get("refresh_selection") or ()),
    )
    with _errors_as_ours():
        opened = _open(_bundle_folder(context.run.root), context.run.target)
        spec = _find(opened, pipeline)
        with context.alone(_one_at_a_time):
            updater = Updater(
                context.session, opened.bundle, spec, opened.store, stopping=context.cancelled
            )
            result = updater.run(request)
    context.check()
    if result.error is not None:
        raise JobMetaError(result.error.code, f"Pipeline '{spec.key}': {result.error.message}")
    if result.state != "COMPLETED":
        raise JobMetaError("PIPELINE_FAILED", f"Pipeline '{spec.key}' ended {result.state}")
    return Outcome()


def _open(folder: Path, target: str | None) -> Target:
    from headwater.settings import read_settings
    from headwater.state.target import open_target  # here: may be missing

    return open_target(folder, target=target, settings=read_settings())


def volumes_of(run: Run) -> Callable[[str, str, str], Path]:
    """Return what names the folder of a volume: where pipelines of the bundle have it, too."""

    @functools.cache
    def store() -> Store | None:
        folder = _bundle_above(run.root) if has_runtime() else None
        if folder is None:
            return None
        with _errors_as_ours():
            return _open(folder, run.target).store

    def volume_path(catalog: str, schema: str, volume: str) -> Path:
        found = store()
        if found is not None:
            return found.volume_path(catalog, schema, volume)
        return run.root.joinpath(".headwater/local/volumes", catalog, schema, volume)

    return volume_path


def _bundle_folder(root: Path) -> Path:
    found = _bundle_above(root)
    if found is not None:
        return found
    raise UsageError(
        "BUNDLE_MISSING",
        f"There is no {_BUNDLES[0]} to find the pipeline in",
        where=str(root),
        hint="Run in the folder of a bundle.",
    )


def _bundle_above(root: Path) -> Path | None:
    """Find the folder of the bundle that a folder is in."""
    folders = (root.resolve(), *root.resolve().parents)
    return next((each for each in folders if any((each / b).is_file() for b in _BUNDLES)), None)


def _find(target: Target, wanted: str) -> PipelineSpec:
    reference = _REFERENCE.fullmatch(wanted)
    name = reference[1] if reference else wanted
    specs = target.bundle.pipelines.values()
    for spec in specs:
        if name in (spec.key, spec.name, target.bundle.pipeline_id(spec)):
            return spec
    raise UsageError(
        "PIPELINE_UNKNOWN",
        f"The bundle has no pipeline '{name}'",
        hint=nearest(name, [spec.key for spec in specs])
        or "Locally a pipeline is named by its key in the bundle.",
    )


@contextmanager
def _errors_as_ours() -> Iterator[None]:
    """Raise what headwater raises as an error of this library."""
    from headwater.errors import HeadwaterError  # here: see above
    from headwater.errors import UsageError as TheirUsageError

    try:
        yield
    except HeadwaterError as error:
        kind = UsageError if isinstance(error, TheirUsageError) else JobMetaError
        raise kind(error.code, error.message, hint=error.hint) from error

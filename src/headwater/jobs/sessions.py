"""Sessions for local runs of jobs: one of the program over kept tables, and one per task."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.errors import ParseException
from pyspark.sql import DataFrame, SparkSession

from headwater.errors import UsageError
from headwater.jobs.bundles import BUNDLE_FILES, bundle_above, open_bundle
from headwater.machine.session import (
    FOR_LITTLE,
    QUICK_START,
    activate,
    add_catalog,
    add_functions,
    catalogs_of,
    has_own_catalogs,
    share_session_catalog,
    spark_session,
)
from headwater.names import TableName, quote
from headwater.sandbox.connectors import connectors_of_all
from headwater.sandbox.event_logs import over_event_logs
from headwater.sandbox.own_catalogs import over_folders
from headwater.sandbox.sql_text import SqlText
from headwater.sandbox.workspace_statements import Workspace, check_new_table
from headwater.settings import read_settings
from headwater.sql.workspace import names_table
from headwater.state.catalog import (
    create_schema,
    keep_schema,
    place_default_schema,
    register_all,
    register_table,
    schema_exists,
)
from headwater.state.migrations import prepare_state
from headwater.state.store import Store, identifier_of
from headwater.state.target import Target
from headwater.state.views import make_views

FIRST_CATALOG = "headwater.firstCatalog"
"""Setting of a local session: the catalog of names without one, until USE names another."""

BIND_LATE = "spark.sql.legacy.parameterSubstitution.constantsOnly"
"""Let Spark bind parameters after parsing: Delta's parser (4.4) loses those bound while parsing."""

_LOG = logging.getLogger(__name__)
_NO_EFFECT = "note: no effect here: %s"

_CREATE = re.compile(r"\bCREATE\s+(SCHEMA|DATABASE|NAMESPACE)\b", re.I)


def task_session(
    spark: SparkSession, target: Callable[[], Target | None] = lambda: None
) -> SparkSession:
    """Return a session with the same tables, but settings and temporary views of its own.

    Args:
        target: returns whose event logs `event_log(...)` reads; called when a text has one.
    """
    session = spark.newSession()
    activate(session)  # in another thread a new session does not find its settings by itself
    session.conf.set(BIND_LATE, "true")
    share_session_catalog(session, catalogs_of(session))
    add_functions(session)
    for each in catalogs_of(spark):  # those that were added while the program ran
        add_catalog(session, each)
    session.catalog.setCurrentDatabase(spark.catalog.currentDatabase())  # it comes quoted
    catalog = spark.conf.get(FIRST_CATALOG, None)
    if catalog:
        session.conf.set(FIRST_CATALOG, catalog)
        for each in _store(session).catalogs():  # those that other tasks made
            add_catalog(session, each)
        _know_workspace(session, catalog, target)
    _read_event_logs(session, target)
    return session


def _read_event_logs(session: SparkSession, target: Callable[[], Target | None]) -> None:
    """Let SQL texts of a session call `event_log`, as `headwater sql` does."""
    run = session.sql

    def sql(sqlQuery: str, args: Any = None, **more: Any) -> DataFrame:  # noqa: N803 - PySpark's
        text = sqlQuery
        if isinstance(text, str):
            with suppress(ParseException):  # Spark says what is wrong with it
                text = over_event_logs(session, text, target)
        return run(text, args, **more)

    session.sql = sql  # type: ignore[method-assign]


def _know_workspace(
    session: SparkSession, catalog: str, target: Callable[[], Target | None]
) -> None:
    """Let a session run statements of a workspace, and make schemas where `headwater` looks.

    Spark would make them in its warehouse.
    """
    store = _store(session)

    def catalogs() -> set[str]:
        found = target()
        named = found.bundle.variables.values() if found else ()
        told = {each.lower() for each in named if isinstance(each, str)}
        return {*(found.catalogs() if found else store.catalogs()), *catalogs_of(session), *told}

    tell = partial(_LOG.warning, _NO_EFFECT)
    workspace = Workspace(session, store, catalog, catalogs, tell, reads_texts=False)

    def sql(sqlQuery: str, args: Any = None, **more: Any) -> DataFrame:  # noqa: N803 - PySpark's
        def value(expression: str) -> object:
            return SparkSession.sql(session, f"SELECT {expression}", args).collect()[0][0]

        if isinstance(sqlQuery, str):
            done = workspace.run(sqlQuery, value)
            if done is not None:
                return done
            sqlQuery = workspace.readable(sqlQuery)  # noqa: N806
            made = _new_schema(session, sqlQuery, value)
            if made:
                return _create_schema(session, workspace.catalog, made)
            _check_tables(session, store, sqlQuery)
        with _over_folders(session, sqlQuery, workspace.namespace) as text:
            # by the class, where a pipeline's update puts itself between while it runs
            return SparkSession.sql(session, text, args, **more)

    session.sql = sql  # type: ignore[method-assign]


def _over_folders(
    session: SparkSession, text: str, namespace: tuple[str, str]
) -> AbstractContextManager[str]:
    if not has_own_catalogs(session) or not isinstance(text, str):
        return nullcontext(text)
    try:
        return over_folders(session, _store(session), SqlText(session, text), namespace)
    except ParseException:
        return nullcontext(text)  # Spark says what is wrong with it


def _new_schema(
    session: SparkSession, text: str, value: Callable[[str], object]
) -> tuple[str, ...]:
    """Read which schema a CREATE SCHEMA is to make; () where Spark has an answer of its own."""
    if not _CREATE.search(text):
        return ()
    try:
        made = SqlText(session, text).new_schema(value)
    except ParseException:
        return ()
    if made is None or len(made[0]) > len(("catalog", "schema")):
        return ()
    parts, may_exist = made
    return parts if may_exist or not schema_exists(session, parts[-1].lower()) else ()


def check_written_table(session: SparkSession, name: str) -> None:
    """Check the name of a table that Python code of a task is to write.

    Raises:
        UsageError: TABLE_OF_OTHER_CATALOG.
    """
    if session.conf.get(FIRST_CATALOG, None):  # else it is not a session of ours
        check_new_table(session, _store(session), name)


def _check_tables(session: SparkSession, store: Store, text: str) -> None:
    """Check the table that a statement is to make or to drop."""
    if not names_table(text):
        return
    with suppress(ParseException):  # Spark says what is wrong with it
        found = SqlText(session, text)
        made, dropped = found.new_table(), found.dropped_table()
        for parts in filter(None, (made, dropped)):
            name = ".".join(map(quote, parts))
            check_new_table(session, store, name, drops=made is None)


def _create_schema(session: SparkSession, current: str, parts: tuple[str, ...]) -> DataFrame:
    catalog, name = map(str.lower, parts if len(parts) > 1 else (current, *parts))
    keep_schema(session, catalog, name, _store(session))
    return session.createDataFrame([], "")


def _store(session: SparkSession) -> Store:
    """Return the store of the state folder, in which headwater has Spark's warehouse."""
    warehouse = (session.conf.get("spark.sql.warehouse.dir") or "").removeprefix("file:")
    return Store(Path("/" + warehouse.lstrip("/")).parent)


@contextmanager
def local_session(
    folder: Path,
    target: Target | str | None,
    schema: tuple[str, ...] = (),
    *,
    is_little: bool = False,
) -> Iterator[SparkSession]:
    """Start a local Spark with Delta, whose tables are kept for the next one.

    In a bundle they are those of its target, as `headwater sql` sees them; elsewhere they are in
    `.headwater/local` of the folder. Catalogs share their schemas, but for those with a table of
    the same name.

    Args:
        target: of the bundle, or its name; its default one when not given.
        schema: one that is made where it does not exist; a catalog may stand before it.
        is_little: it reads and writes few rows: compiling a query takes longer than running it.

    Raises:
        UsageError: OPTION_WITHOUT_EFFECT, for a target where there is no bundle.
        HeadwaterError: of the bundle, of Java or of the state folder.
    """
    if target and bundle_above(folder) is None:
        raise UsageError(
            "OPTION_WITHOUT_EFFECT",
            f"--target has no effect: there is no {BUNDLE_FILES[0]}",
            where=str(folder),
            hint="Leave it out, or name the folder of the bundle with --bundle.",
        )
    if isinstance(target, Target):
        opened: Target | None = target
    else:
        bundle = bundle_above(folder)
        opened = open_bundle(bundle, target) if bundle else None
    store = opened.store if opened else Store((folder / ".headwater" / "local").absolute())
    prepare_state(store.root)
    catalog = schema[0].lower() if len(schema) > 1 else _default_catalog(opened)
    names = {*(opened.catalogs() if opened else store.catalogs()), catalog}
    with spark_session(
        read_settings(),
        state=store.root,
        catalogs=sorted(names - {"spark_catalog"}),
        configuration=FOR_LITTLE if is_little else None,
        jvm_options=QUICK_START,
        # which of its pipelines a job runs is not known yet
        connectors=connectors_of_all(opened.bundle) if opened else (),
    ) as spark:
        place_default_schema(spark, _default_catalog(opened), store)
        register_all(spark, store, _default_catalog(opened))
        for each in opened.bundle.schemas.values() if opened else ():
            create_schema(spark, each.catalog, each.name, store)
        _register_others(spark, store, catalog)
        first = _default_catalog(opened)
        spark.conf.set(FIRST_CATALOG, first)
        _know_workspace(spark, first, lambda: opened)
        if schema:
            _create_schema(spark, first, schema)
        make_views(spark, store)
        yield spark


def _default_catalog(target: Target | None) -> str:
    return target.default_schema()[0].lower() if target else "main"


def _register_others(spark: SparkSession, store: Store, catalog: str) -> None:
    """Enter the tables of schemas that were made past `_know_workspace`."""
    warehouse = store.root / "warehouse"
    for log in sorted([*warehouse.glob("*.db/*/_delta_log"), *warehouse.glob("*/_delta_log")]):
        folder = log.parts[-3] if log.parts[-3].endswith(".db") else "default"
        schema = identifier_of(folder.removesuffix(".db"))
        name = TableName(catalog, schema, identifier_of(log.parts[-2]))
        register_table(spark, name, log.parent, store)

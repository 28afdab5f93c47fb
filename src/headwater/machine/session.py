"""Open and close the Spark session that everything runs in.

One session per process: Delta, a catalog in memory, UTC. What does not live here: which tables
the session knows (`catalog`) and the JVM below it (`jvm`).
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from headwater.machine.azure import hadoop_settings
from headwater.machine.connectors import fetched
from headwater.machine.jars import azure_jars, ensure_jars
from headwater.machine.java import find_java
from headwater.machine.jvm import Jvm, start_jvm
from headwater.settings import Settings

OTHER_NAMES = {"charindex": "locate", "getdate": "now", "iff": "if"}
"""Functions of Databricks, and what Spark calls them."""

_CATALOG = re.compile(r"spark\.sql\.catalog\.([^.]+)")
_DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"

QUICK_START = ("-XX:TieredStopAtLevel=1",)
"""JVM options for short work: start sooner, never reach full speed."""

FOR_LITTLE = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.databricks.delta.snapshotPartitions": "1",
}
"""Settings for little data: compiling and cutting up a query take longer than running it."""


@contextmanager
def spark_session(
    settings: Settings,
    *,
    state: Path,
    catalogs: Sequence[str] = (),
    master: str | None = None,
    configuration: Mapping[str, str] | None = None,
    jvm_options: Sequence[str] = (),
    connectors: Sequence[str] = (),
) -> Iterator[SparkSession]:
    """Run a Spark session for the length of a `with` block, then stop it and its JVM.

    Args:
        settings: where caches are, and how much memory the driver gets.
        state: the target's state folder; Spark's warehouse and log go below it.
        catalogs: names that stand as first part of three-part table names.
        master: where Spark runs; `local[*]` when not given.
        configuration: further Spark settings; they win over the defaults here.
        jvm_options: options for the driver's JVM, such as `QUICK_START`.
        connectors: words of further jars, such as "kafka"; what can't be had is left out.

    Raises:
        SettingError: no usable Java, jars that can't be had, a JVM that does not start, an invalid
            connection string of a storage account.
    """
    jars = ensure_jars(settings)
    asked = fetched(settings, connectors)
    more = (*(azure_jars(settings) if settings.storage else ()), *asked.jars)
    given = {**dict(asked.settings), **(configuration or {})}
    hadoop = hadoop_settings(settings.storage) if settings.storage else {}
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).disabled = True  # they print Spark's errors, values and all
    logging.getLogger().addFilter(_is_no_interrupt)  # py4j logs Ctrl-C there, with a traceback
    jvm = start_jvm(
        find_java(settings),
        jars,
        settings,
        log=state / "logs" / "spark.log",
        options=jvm_options,
        more=more,
    )
    try:
        spark = _open(jvm, (*jars, *more), state, catalogs, master or "local[*]", given)
        for key, value in hadoop.items():  # not Spark's own settings: those show up in its log
            spark.sparkContext._jsc.hadoopConfiguration().set(key, value)
        try:
            yield spark
        finally:
            spark.stop()
            _forget_gateway()
    finally:
        jvm.stop()


def _open(
    jvm: Jvm,
    jars: Sequence[Path],
    state: Path,
    catalogs: Sequence[str],
    master: str,
    configuration: Mapping[str, str],
) -> SparkSession:
    conf = SparkConf(loadDefaults=False, _jvm=jvm.gateway.jvm)
    conf.setMaster(master).setAppName("headwater")
    for key, value in (
        default_settings(state, master, jars, catalogs) | dict(configuration)
    ).items():
        conf.set(key, value)
    with _own_interrupts():
        context = SparkContext(conf=conf, gateway=jvm.gateway)
    if master.startswith("local"):
        context.pythonExec = sys.executable  # Python workers: else the first python3 of the PATH
    spark = SparkSession(context)
    share_session_catalog(spark, catalogs)
    return spark


def _is_no_interrupt(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], KeyboardInterrupt))


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Keep PySpark from taking Ctrl-C over.

    Its handler calls the JVM, maybe in the middle of another call, and prints that as errors. Who
    is interrupted stops what runs: each program here ends its session.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            # a shell lets programs in the background ignore it, and `kill -INT` is to stop them
            own = before if callable(before) else signal.default_int_handler
            signal.signal(signal.SIGINT, own)


def default_settings(
    state: Path, master: str, jars: Sequence[Path], catalogs: Sequence[str]
) -> dict[str, str]:
    """Return the settings that a session starts with; see `spark_session` for the arguments."""
    cores = _local_threads(master) or os.cpu_count() or 2
    values = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": _DELTA_CATALOG,
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.sources.default": "delta",
        # no URI: Spark would take what is escaped in one for the names of folders
        "spark.sql.warehouse.dir": str((state / "warehouse").absolute()),
        "spark.sql.session.timeZone": "UTC",
        # Spark's old form, INT96, holds years 1677 to 2262 only for other readers
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        # Delta's parser (4.4) loses parameters that Spark 4.2 binds while it parses
        "spark.sql.legacy.parameterSubstitution.constantsOnly": "true",
        # three more calls into the JVM for each Column, to say a line that nothing here shows
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        # columns of Parquet for Python: under a compiled aggregate both sides of Spark 4.2.0 wait
        # for each other for ever
        "spark.sql.execution.arrow.pythonUDF.columnarInput.enabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "10000",
        "spark.databricks.delta.snapshotPartitions": "2",
        # Delta and streams delete the checksums that the other class writes beside their logs,
        # and without Hadoop's native library each file takes programs: chmod, and readlink twice
        "spark.hadoop.fs.AbstractFileSystem.file.impl": "org.apache.hadoop.fs.local.RawLocalFs",
        "spark.scheduler.mode": "FAIR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for name in catalogs:
        values[f"spark.sql.catalog.{name}"] = _DELTA_CATALOG
    if master.startswith("local"):
        values |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": str(cores),
            "spark.default.parallelism": str(cores),
        }
    else:
        values["spark.jars"] = ",".join(map(str, jars))
    return values


@dataclass(frozen=True)
class OwnCatalog:
    """A catalog with schemas and tables of its own, in the JVM.

    Attributes:
        external: holds the entries.
        delegate: answers Delta's catalog.
    """

    external: Any
    delegate: Any


_apart: WeakKeyDictionary[SparkContext, dict[str, OwnCatalog]] = WeakKeyDictionary()


def share_session_catalog(spark: SparkSession, catalogs: Sequence[str]) -> None:
    """Make `<name>.schema.table` mean the session's own `schema.table`, for each name.

    Except for catalogs that `separate_catalog` was called for. Delta's catalog needs a delegate,
    which only the session catalog gets from Spark. Decision 0020; contract test
    `test_spark_internals`.
    """
    manager = spark._jsparkSession.sessionState().catalogManager()
    for name in catalogs:
        own = own_catalog(spark, name)
        delegate = own.delegate if own else manager.v2SessionCatalog()
        manager.catalog(name).setDelegateCatalog(delegate)


def own_catalog(spark: SparkSession, name: str) -> OwnCatalog | None:
    """Return a catalog that has schemas of its own; None for one that shares the session's."""
    return _apart.get(spark.sparkContext, {}).get(name.lower())


def has_own_catalogs(spark: SparkSession) -> bool:
    """Whether any catalog of the program has schemas of its own."""
    return bool(_apart.get(spark.sparkContext))


def separate_catalog(spark: SparkSession, name: str) -> OwnCatalog:
    """Give a catalog schemas and tables of its own, in all sessions; at first it has none."""
    found = own_catalog(spark, name)
    if found is not None:
        return found
    context = spark.sparkContext._jsc.sc()
    catalogs = "org.apache.spark.sql.catalyst.catalog"
    external = java_class(spark, f"{catalogs}.InMemoryCatalog")(
        context.conf(), context.hadoopConfiguration()
    )
    session_catalog = java_class(spark, f"{catalogs}.SessionCatalog")(external)
    v2 = java_class(spark, "org.apache.spark.sql.execution.datasources.v2.V2SessionCatalog")
    own = OwnCatalog(external, v2(session_catalog))
    _apart.setdefault(spark.sparkContext, {})[name.lower()] = own
    add_catalog(spark, name)
    share_session_catalog(spark, [name])
    return own


def rejoin_catalog(spark: SparkSession, name: str) -> None:
    """Let a catalog share the session's schemas again; those of its own are forgotten."""
    if _apart.get(spark.sparkContext, {}).pop(name.lower(), None) is not None:
        share_session_catalog(spark, [name])


def add_catalog(spark: SparkSession, name: str) -> None:
    """Accept `name` as the first of three parts of names in a session; safe to call twice."""
    key = f"spark.sql.catalog.{name}"
    if spark.conf.get(key, None) is None:
        spark.conf.set(key, _DELTA_CATALOG)
        share_session_catalog(spark, [name])


def session_with(spark: SparkSession, settings: Mapping[str, str]) -> SparkSession:
    """Return a session with the same tables, functions and settings, but for the given ones.

    Contract test `test_spark_internals`.
    """
    session = SparkSession(spark._sc, spark._jsparkSession.cloneSession())
    activate(session)  # a catalog is looked up by the settings of the thread's active session
    share_session_catalog(session, catalogs_of(spark))
    for key, value in settings.items():
        session.conf.set(key, value)
    return session


def catalogs_of(spark: SparkSession) -> list[str]:
    """List the names that may be the first of three parts of names in a session."""
    found = [(_CATALOG.fullmatch(key), value) for key, value in settings_of(spark).items()]
    names = [name[1] for name, value in found if name and value == _DELTA_CATALOG]
    return [name for name in names if name != "spark_catalog"]


def add_functions(spark: SparkSession) -> None:
    """Let a session know functions of Databricks that Spark has by other names; safe to repeat.

    They are temporary functions: a session made by `newSession` does not have them, and one that
    the user has made under such a name stays. Contract test `test_spark_internals`.
    """
    catalyst = "org.apache.spark.sql.catalyst"
    identifier = java_class(spark, f"{catalyst}.FunctionIdentifier")
    some = java_class(spark, "scala.Option").apply
    known = spark._jsparkSession.sessionState().functionRegistry()
    for name, own in OTHER_NAMES.items():
        if not known.functionExists(identifier(name, some("session"), some("system"))):
            builder = known.lookupFunctionBuilder(identifier(own, some("builtin"), some("system")))
            known.createOrReplaceTempFunction(name, builder.get(), "built-in")


def settings_of(spark: SparkSession) -> dict[str, str]:
    """Return all settings of a session.

    `spark.conf.getAll` asks the JVM for each setting, and PySpark translates an exception where the
    list ends; this is one call.
    """
    told = str(spark._jsparkSession.conf().getAll().mkString("\0"))
    parts = (each.partition(" -> ") for each in told.split("\0"))
    return {key: value for key, _, value in parts}


def activate(spark: SparkSession) -> None:
    """Make a session the active one of this thread, which Spark knows it by."""
    session_class = java_class(spark, "org.apache.spark.sql.classic.SparkSession")
    session_class.setActiveSession(spark._jsparkSession)


def java_class(spark: SparkSession, name: str) -> Any:
    """Return a class of the JVM by its full name, with one call instead of one per dot."""
    return getattr(spark._jvm, name)


def _local_threads(master: str) -> int:
    found = re.match(r"local\[(\d+)", master)
    return int(found[1]) if found else 0


def driver_pid(spark: SparkSession) -> int:
    """Return the process id of the session's JVM."""
    jvm: Any = spark._jvm
    return int(jvm.java.lang.ProcessHandle.current().pid())


def _forget_gateway() -> None:
    """Let a later session in this process start a JVM of its own."""
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
    SparkContext._gateway = None
    SparkContext._jvm = None

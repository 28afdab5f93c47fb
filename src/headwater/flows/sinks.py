"""Sinks: whether one can be written to, and how a stream goes there.

A checkpoint belongs to a flow, so that several may write to one sink. Delta skips a batch that it
has; Kafka may get one twice after a kill, and so may a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter
from pyspark.sql.types import StructType

from headwater.cdc.computed import kept
from headwater.errors import DefinitionError, HeadwaterError, UpdateError
from headwater.graph.brokers import BrokerUse
from headwater.graph.locations import run_at, user_line
from headwater.graph.model import Dataset, Sink
from headwater.graph.sink_api import FOREACH_BATCH
from headwater.machine.session import (
    activate,
    add_catalog,
    catalogs_of,
    java_class,
    share_session_catalog,
)
from headwater.names import TableName, table_name
from headwater.sandbox import kafka
from headwater.sandbox.failures import is_retryable, is_violation, reason
from headwater.sandbox.interception import intercepted
from headwater.sandbox.outside import Outside
from headwater.sandbox.paths import resolved_path
from headwater.state.catalog import create_schema, register_table
from headwater.state.store import Store

_SOURCES = "org.apache.spark.sql.execution.datasources"
_IN_SINK = "in the function of a sink"

_SHOWN = ("path", "tablename", "topic", "kafka.bootstrap.servers")
"""Options whose values may be in the event log; others may be secrets."""


def check_sink(spark: SparkSession, dataset: Dataset, store: Store) -> list[BrokerUse]:
    """Check what can be known of a sink before anything runs; return the brokers it uses.

    Raises:
        DefinitionError: at the sink's place; its format is unknown or not supported, or Kafka's
            options are wrong.
    """
    sink = _sink_of(dataset)
    return run_at(dataset.location, _checked, spark, sink, dataset, store)


def check_sink_apart(dataset: Dataset, others: Mapping[TableName, Dataset], store: Store) -> None:
    """Refuse a Delta sink that writes to a table of its own pipeline: flows alone write those.

    Raises:
        DefinitionError: SINK_INTO_DATASET.
    """
    sink = _sink_of(dataset)
    if sink.format != "delta":
        return
    named = {key.lower(): value for key, value in sink.options.items()}
    folders = [store.local_path(named["path"])] if "path" in named else []
    if "tablename" in named:
        folders.append(str(store.table_path(_table(named["tablename"]))))
    for each in others.values():
        own = store.local_path(each.path) if each.path else str(store.table_path(each.name))
        if each.is_table and not each.private and own in folders:
            raise DefinitionError(
                "SINK_INTO_DATASET",
                f"The sink '{dataset.name.table}' writes to '{each.name}', a dataset of this "
                "pipeline",
                where=dataset.location,
                hint=f"Write to it by a flow: @dp.append_flow(target='{each.name}').",
                dataset=str(dataset.name),
            )


def _checked(spark: SparkSession, sink: Sink, dataset: Dataset, store: Store) -> list[BrokerUse]:
    if sink.format == FOREACH_BATCH:
        return []
    if sink.format == kafka.FORMAT:
        use, _ = kafka.prepared(
            spark, sink.options, lambda path: resolved_path(store, path), is_source=False
        )
        return [use]
    if sink.format != "delta" and _is_of_files(spark, sink.format, dataset):
        raise DefinitionError(
            "SINK_FORMAT_NOT_BUILT",
            f"The sink '{dataset.name.table}' has the format {sink.format}, which is not supported",
            where=dataset.location,
            hint="Use delta or kafka, or write the files with @dp.foreach_batch_sink: Spark's own "
            "sink of files drops the batches of a second flow, and those after a full refresh.",
            dataset=str(dataset.name),
        )
    for key in ("path", "location"):
        if key in sink.options:
            resolved_path(store, sink.options[key])
    return []


def _is_of_files(spark: SparkSession, kind: str, dataset: Dataset) -> bool:
    lookup = java_class(spark, f"{_SOURCES}.DataSource")
    try:
        found = lookup.lookupDataSource(kind, spark._jsparkSession.sessionState().conf())
    except (PySparkException, Py4JError):
        raise DefinitionError(
            "SINK_FORMAT_UNKNOWN",
            f"The sink '{dataset.name.table}' has the format {kind}, which nothing provides",
            where=dataset.location,
            hint="Use delta or kafka, a format of Spark, or a data source that the source "
            "registers with spark.dataSource.register.",
            dataset=str(dataset.name),
        ) from None
    files = java_class(spark, "java.lang.Class").forName(f"{_SOURCES}.FileFormat")
    tables = java_class(spark, "java.lang.Class").forName(f"{_SOURCES}.v2.FileDataSourceV2")
    return bool(files.isAssignableFrom(found) or tables.isAssignableFrom(found))


def check_rows(schema: StructType, dataset: Dataset, flow: str) -> None:
    """Check that the rows of a flow fit its sink.

    Raises:
        DefinitionError: KAFKA_COLUMNS_INVALID.
    """
    sink = _sink_of(dataset)
    if sink.format != kafka.FORMAT:
        return
    types = {each.name: each.dataType.simpleString() for each in schema}
    names = {each.lower() for each in types}
    is_set = "topic" in {key.lower() for key in sink.options}
    topic = is_set or "topic" in names
    wrong = [
        f"'{name}' of the type {types[name]}"
        for name, kinds in _KAFKA_COLUMNS.items()
        if name in types and types[name].lower() not in kinds and not (is_set and name == "topic")
    ]
    if "value" in names and topic and not wrong:
        return
    called = f"Flow '{flow}' into the sink '{dataset.name.table}'"
    if not topic:
        said = f"Neither the sink '{dataset.name.table}' nor the rows of flow '{flow}' name a topic"
    elif wrong:
        said = f"{called} has a column {wrong[0]}, which Kafka does not take"
    else:
        said = f"{called} has no column 'value'"
    raise DefinitionError(
        "KAFKA_COLUMNS_INVALID",
        said,
        where=dataset.location,
        hint="Select to_json(struct('*')) AS value, and set the option topic of the sink. Keys are "
        "text or binary, partitions integers.",
        flow=flow,
    )


_KAFKA_COLUMNS = {
    "value": ("string", "binary"),
    "key": ("string", "binary"),
    "topic": ("string",),
    "headers": ("array<struct<key:string,value:binary>>",),
    "partition": ("int",),
}
"""Columns that Spark's sink of Kafka takes, and their types. Source: its integration guide."""


def shown_options(sink: Sink) -> dict[str, str]:
    """Return the options of a sink for the event log, without what may be secret."""
    return {
        key: value if key.lower() in _SHOWN else "(withheld)" for key, value in sink.options.items()
    }


def start(
    writer: DataStreamWriter, dataset: Dataset, spark: SparkSession, store: Store
) -> StreamingQuery:
    """Start a stream into a sink other than a function."""
    sink = _sink_of(dataset)
    options = dict(sink.options)
    if sink.format == kafka.FORMAT:
        _, changed = kafka.prepared(
            spark, options, lambda path: resolved_path(store, path), is_source=False
        )
        options |= changed
    for key in list(options):
        if key.lower() == "path":
            options[key] = store.local_path(options[key])
        elif key.lower() == "tablename" and sink.format == "delta":
            options["path"] = str(store.table_path(_table(options.pop(key))))
    return writer.format(sink.format).options(**options).start()


def register(dataset: Dataset, spark: SparkSession, store: Store) -> None:
    """Let the session know the table that a Delta sink has written to."""
    named = {key.lower(): value for key, value in _sink_of(dataset).options.items()}
    if _sink_of(dataset).format == "delta" and "tablename" in named:
        name = _table(named["tablename"])
        add_catalog(spark, name.catalog)
        create_schema(spark, name.catalog, name.schema, store)
        if (store.table_path(name) / "_delta_log").is_dir():
            register_table(spark, name, store.table_path(name), store)


def batch_function(
    dataset: Dataset, spark: SparkSession, store: Store, note: Callable[[BaseException], None]
) -> Callable[[DataFrame, int], None]:
    """Return what Spark calls with each micro-batch of a sink that is a function.

    Args:
        note: is told what a call ended with, for py4j hands on only its text.
    """
    function = _sink_of(dataset).function
    catalogs = catalogs_of(spark)

    def call(frame: DataFrame, number: int) -> None:
        activate(frame.sparkSession)
        share_session_catalog(frame.sparkSession, catalogs)
        try:
            # kept, for a function may read its rows several times: computed and counted once
            with kept(frame), intercepted(Outside(frame.sparkSession, lambda: store, _IN_SINK)):
                run_at(dataset.location, function or print, frame, number)
        except Exception as error:
            is_told = (
                isinstance(error, HeadwaterError) or is_retryable(error) or is_violation(error)
            )
            note(error if is_told else _failed(dataset, error))
            raise

    return call


def _failed(dataset: Dataset, error: Exception) -> UpdateError:
    failed = UpdateError(
        "SINK_FUNCTION_FAILED",
        f"The function of the sink '{dataset.name.table}' failed: {reason(error)}",
        where=user_line(error, dataset.location),
        hint="Correct it and run again; the batch that failed is handed to it again.",
        dataset=str(dataset.name),
    )
    failed.__cause__ = error
    return failed


def _sink_of(dataset: Dataset) -> Sink:
    if dataset.sink is None:
        raise AssertionError(f"{dataset.name} is no sink")
    return dataset.sink


def _table(written: str) -> TableName:
    return table_name(written, "", "")

"""Evaluate dataset functions: run user code with its reads answered by the pipeline.

An `Evaluation` is current while one function runs. It answers reads of the pipeline's own
datasets through a `DatasetSource` (placeholders while the graph is resolved, real tables while a
flow runs), lets Spark answer the others, and refuses actions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyspark.errors import ParseException, PySparkException
from pyspark.sql import DataFrame, SparkSession

from headwater.autoloader.request import CloudFiles
from headwater.engine.patches import ReaderRecord, intercepted, record_of, refusal
from headwater.engine.sql_text import Relation, SqlText
from headwater.engine.store import Store
from headwater.errors import DefinitionError, HeadwaterError, UsageError, nearest
from headwater.graph.arguments import fault
from headwater.graph.loader import first_line, user_line
from headwater.graph.registry import calling_location, function_location, located
from headwater.names import TableName, quote, table_name

_numbers = itertools.count()


class DatasetSource(Protocol):
    """Answers reads of the pipeline's datasets in one phase of an update."""

    def owns(self, name: TableName) -> bool:
        """Whether the pipeline defines a dataset of that name."""

    def read(self, name: TableName, *, streaming: bool, reader: Any) -> DataFrame:
        """Give a dataset's rows; `reader` carries the user's options, or is None."""

    def cloud_files(self, request: CloudFiles, number: int) -> DataFrame:
        """Give the rows of the `number`-th Auto Loader source of the function."""

    def dataset_names(self) -> list[str]:
        """List the names of all datasets, for hints."""


@dataclass
class Evaluation:
    """One run of one dataset function; collects what it read.

    Attributes:
        inputs: datasets of the pipeline that were read.
        external: other tables that were read.
        refused: the first side effect, kept even when user code swallowed the error.
    """

    source: DatasetSource
    store: Store
    catalog: str
    schema: str
    in_dataset_function: bool = True
    inputs: set[TableName] = field(default_factory=set)
    external: set[TableName] = field(default_factory=set)
    refused: HeadwaterError | None = None
    sources: int = 0
    views: list[tuple[SparkSession, str]] = field(default_factory=list)

    def read_table(self, reader: Any, name: str, streaming: bool) -> DataFrame | None:
        """Answer `spark.table`, `spark.read.table` and `spark.readStream.table`."""
        table = self._name(name)
        options = None if isinstance(reader, SparkSession) else reader
        if self.source.owns(table):
            return self._read_own(table, streaming, options)
        self._check_known(table, name)
        self.external.add(table)
        return None

    def read_sql(self, spark: SparkSession, text: str) -> str:
        """Point the relations of a SQL text to views over the pipeline's datasets."""
        try:
            statement = SqlText(spark, text)
        except ParseException:
            return text  # Spark says what is wrong with it
        if statement.is_command and self.in_dataset_function:
            self.refuse("spark.sql")

        def replace(relation: Relation) -> str | None:
            return self._view_over(relation)

        return statement.replaced(replace)

    def read_cloud_files(self, recorded: ReaderRecord, path: str | None) -> DataFrame:
        """Answer `spark.readStream.format("cloudFiles")...load(path)`."""
        options = dict(recorded.options or {})
        location = path or options.pop("path", None)
        if not location:
            raise fault("AUTOLOADER_PATH_MISSING", "load() got no path", "Name a folder or glob.")
        resolved = {
            key: self.local_path(value)
            if value.startswith(("/Volumes", "dbfs:/Volumes"))
            else value
            for key, value in options.items()
        }
        request = CloudFiles(
            self.local_path(location), resolved, calling_location(), recorded.schema
        )
        number, self.sources = self.sources, self.sources + 1
        with intercepted(None):
            return self.source.cloud_files(request, number)

    def local_path(self, path: str) -> str:
        """Resolve volume paths; an unknown volume is a fault at the user's line."""
        try:
            return self.store.local_path(path)
        except UsageError as error:
            raise located(error, calling_location()) from None

    def refuse(self, action: str) -> None:
        """Raise for a side effect, and remember it."""
        error = refusal(action)
        if isinstance(error, HeadwaterError):
            self.refused = self.refused or error
        raise error

    def _read_own(self, table: TableName, streaming: bool, reader: Any) -> DataFrame:
        self.inputs.add(table)
        where = calling_location()
        with intercepted(None):
            try:
                return self.source.read(table, streaming=streaming, reader=reader)
            except UsageError as error:
                raise located(error, where) from None

    def _name(self, name: str) -> TableName:
        plain = name[5:] if name.lower().startswith("live.") else name
        try:
            return table_name(plain, self.catalog, self.schema)
        except UsageError as error:
            raise located(error, calling_location()) from None

    def _check_known(self, table: TableName, written: str) -> None:
        known = list(self.store.tables())
        if any((each.schema, each.table) == (table.schema, table.table) for each in known):
            return
        names = [*self.source.dataset_names(), *map(str, known)]
        raise fault(
            "TABLE_NOT_FOUND",
            f"'{written}' is neither a dataset of this pipeline nor a table of this target",
            nearest(str(table), names)
            or nearest(written, [n.split(".")[-1] for n in names])
            or "Define it in the pipeline, or create it first with `headwater sql`.",
            table=str(table),
        )

    def _view_over(self, relation: Relation) -> str | None:
        parts = relation.parts[1:] if relation.parts[0] == "live" else relation.parts
        if len(parts) > 3:
            return None
        name = table_name(".".join(map(quote, parts)), self.catalog, self.schema)
        if not self.source.owns(name):
            if parts[0] not in ("delta", "parquet", "json", "csv", "text", "orc", "global_temp"):
                self._check_known(name, ".".join(parts))
                self.external.add(name)
            return None
        frame = self._read_own(name, relation.streaming, None)
        view = f"__headwater_read_{next(_numbers)}"
        with intercepted(None):
            frame.createOrReplaceTempView(view)
        self.views.append((frame.sparkSession, view))
        return view

    def drop_views(self) -> None:
        """Drop the views that SQL texts were pointed to; plans made of them keep their own."""
        while self.views:
            spark, view = self.views.pop()
            spark.catalog.dropTempView(view)


def evaluate(function: Callable[[], DataFrame], evaluation: Evaluation, dataset: str) -> DataFrame:
    """Run a dataset function and give its DataFrame.

    Raises:
        HeadwaterError: what the function did wrong, with the user's file and line: an action,
            an unknown table, an analysis error, any other exception, or no DataFrame returned.
    """
    with intercepted(evaluation):
        try:
            frame = function()
        except HeadwaterError:
            raise
        except Exception as error:
            if evaluation.refused:
                raise evaluation.refused from None
            raise _query_fault(function, error, dataset) from error
        finally:
            evaluation.drop_views()
    if evaluation.refused:
        raise evaluation.refused
    if not isinstance(frame, DataFrame):
        raise DefinitionError(
            "DATASET_WITHOUT_DATAFRAME",
            f"The function of '{dataset}' returned {type(frame).__name__}, not a DataFrame",
            where=function_location(function),
            hint="End the function with `return df`.",
            dataset=dataset,
        )
    return frame


def _query_fault(
    function: Callable[[], DataFrame], error: Exception, dataset: str
) -> DefinitionError:
    known = isinstance(error, PySparkException)
    where = user_line(error, function_location(function).file)
    return DefinitionError(
        "QUERY_INVALID",
        f"The query of '{dataset}' can't be built: "
        + (first_line(error) if known else f"{type(error).__name__}: {first_line(error)}"),
        where=where,
        hint="Fix the query at that line.",
        dataset=dataset,
        exception=type(error).__name__,
    )


def reader_with_options(spark: SparkSession, reader: Any, streaming: bool) -> Any:
    """Give a fresh Delta reader that carries the options the user set on theirs."""
    fresh = spark.readStream if streaming else spark.read
    options = (record_of(reader).options or {}) if reader is not None else {}
    return fresh.format("delta").options(**options)

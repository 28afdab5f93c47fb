"""Answer what one dataset function reads, and collect it.

An `Evaluation` is current while one function runs. It answers reads of the pipeline's own
datasets through a `DatasetSource` (placeholders while the graph is resolved, real tables while a
flow runs), lets Spark answer the others, and refuses actions. What does not live here: running the
function (`evaluate`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyspark.errors import ParseException
from pyspark.sql import DataFrame, SparkSession

from headwater.autoloader.options import ignored_options
from headwater.autoloader.request import CloudFiles
from headwater.errors import DefinitionError, HeadwaterError, UsageError
from headwater.graph.arguments import fault, not_built
from headwater.graph.brokers import BrokerUse
from headwater.graph.locations import current_location, located
from headwater.machine.connectors import AVRO
from headwater.machine.session import add_catalog, own_catalog
from headwater.names import READ_VIEW, TableName, name_parts, quote, table_name
from headwater.sandbox import file_states, kafka, sql_plans, table_functions
from headwater.sandbox.computed_names import with_names
from headwater.sandbox.connectors import require
from headwater.sandbox.failures import latest_anew, looked, missing_table
from headwater.sandbox.interception import (
    ReaderRecord,
    intercepted,
    local_options,
    options_of,
    reader_with_options,
    record_of,
)
from headwater.sandbox.own_catalogs import by_folder
from headwater.sandbox.patches import LOOKS, refusal
from headwater.sandbox.paths import resolved_path
from headwater.sandbox.sql_places import FILE_FORMATS, lines_of
from headwater.sandbox.sql_text import (
    FunctionCall,
    Relation,
    Replacement,
    SqlText,
)
from headwater.sandbox.workspace_functions import constant_value, refusal_of
from headwater.sql.parameters import fill
from headwater.sql.read_options import complete_options
from headwater.state.catalog import is_temporary_view
from headwater.state.store import Store

_numbers = itertools.count()


class DatasetSource(Protocol):
    """Answers reads of the pipeline's datasets in one phase of an update."""

    def owns(self, name: TableName) -> bool:
        """Whether the pipeline defines a dataset of that name."""

    def read(self, name: TableName, *, streaming: bool, reader: Any) -> DataFrame:
        """Return a dataset's rows; `reader` carries the user's options, or is None."""

    def cloud_files(self, request: CloudFiles, number: int) -> DataFrame:
        """Return the rows of the `number`-th read of files by Auto Loader in the function."""

    def dataset_names(self) -> list[str]:
        """List the names of all datasets, for hints."""


@dataclass
class Evaluation:
    """One run of one dataset function; collects what it read.

    Attributes:
        namespace: catalog and schema of unqualified names.
        home: those of the pipeline, in which Spark completes names.
        may_look: actions that only return rows are expected.
        inputs: datasets of the pipeline that were read.
        external: other tables that were read.
        read_options: options of the reads of tables, as text.
        brokers: those of Kafka that were read.
        looks: warnings of actions that only returned rows.
        ignored: warnings of options that have no effect.
        named: temporary views that the function has made, by name.
        refused: the first side effect, kept even when user code swallowed the error.
    """

    source: DatasetSource
    spark: SparkSession
    store: Store
    namespace: tuple[str, str]
    home: tuple[str, str]
    in_dataset_function: bool = True
    may_look: bool = False
    inputs: set[TableName] = field(default_factory=set)
    external: set[TableName] = field(default_factory=set)
    read_options: list[str] = field(default_factory=list)
    brokers: list[BrokerUse] = field(default_factory=list)
    refused: HeadwaterError | None = None
    looks: list[DefinitionError] = field(default_factory=list)
    ignored: list[DefinitionError] = field(default_factory=list)
    named: dict[str, DataFrame] = field(default_factory=dict)
    sources: int = 0
    views: list[tuple[str, DataFrame]] = field(default_factory=list)

    @property
    def warnings(self) -> list[DefinitionError]:
        """What the user is told of a function that runs here."""
        return [*self.looks, *self.ignored]

    def read_table(self, reader: Any, name: str, streaming: bool) -> DataFrame | str:
        """Answer `spark.table`, `spark.read.table` and `spark.readStream.table`."""
        table = self._name(name)
        options = None if isinstance(reader, SparkSession) else reader
        if options is not None:
            self._note_options(options, table, streaming)
        view = self.named.get(name.strip("`").lower())
        if view is not None:
            return sql_plans.qualified(view, table)
        if self.source.owns(table):
            return sql_plans.qualified(self._read_own(table, streaming, options), table)
        kind, *rest = [each.text for each in name_parts(name)]
        if kind.lower() in FILE_FORMATS and len(rest) == 1 and "/" in rest[0]:
            if streaming:
                return self._stream_of(kind, rest[0], options)
            return f"{kind}.{quote(self.local_path(rest[0]))}"
        self._read_external(table, name)
        if own_catalog(self.spark, table.catalog) is not None:
            path = str(self.store.table_path(table))
            with intercepted(None):
                found = reader_with_options(self.spark, options, streaming).load(path)
            return sql_plans.qualified(found, table)
        return name if self.namespace == self.home else table.quoted

    def read_sql(self, spark: SparkSession, text: str, args: Any = None) -> str | DataFrame:
        """Point the relations of a SQL text to views over the pipeline's datasets.

        Parameters such as `${key}` are filled in first: positions are those of the result.

        Args:
            args: values of its markers, as `spark.sql` takes them.

        Raises:
            DefinitionError: an unknown table, a side effect, or what is not supported in SQL.
        """
        text = complete_options(fill(text, lambda key: spark.conf.get(key, None), {}).text)
        try:
            statement = SqlText(spark, text)
        except ParseException:
            return text  # Spark says what is wrong with it
        if statement.is_command and self.in_dataset_function:
            self.refuse("spark.sql")
        calls = statement.functions()
        for call in calls:
            if (refused := refusal_of(call.name)) is not None:
                raise not_built(*refused)
        reads = [call for call in calls if self._answers(call)]
        if reads:
            statement = SqlText(spark, self._with_files(spark, text, reads))
        if statement.computed_names():
            statement = SqlText(spark, with_names(spark, statement, args))
        replaced = statement.replaced(self._view_over)
        frames = {view: frame for view, frame in self.views if view in replaced}
        if not (frames and sql_plans.needs_frames(text)) or statement.is_command:
            return replaced
        with intercepted(None):
            return sql_plans.query_over(spark, replaced, frames)

    def read_cloud_files(self, recorded: ReaderRecord, path: str | None) -> DataFrame:
        """Answer `spark.readStream.format("cloudFiles")...load(path)`."""
        options = dict(recorded.options or {})
        location = path or options.pop("path", None)
        if not location:
            raise fault("AUTOLOADER_PATH_MISSING", "load() has no path", "Pass a folder or glob.")
        return self._load(location, options, recorded.schema)

    def _load(
        self, path: str, options: Mapping[str, str], schema: Any, *, is_batch: bool = False
    ) -> DataFrame:
        resolved = {**options, **local_options(options, self.local_path)}
        given = {key.lower(): value.lower() for key, value in options.items()}
        if given.get("cloudfiles.format") == AVRO.word:
            require(self.spark, AVRO)
        local = self.local_path(path)
        volume = str(self.store.volume_of(local) or "")
        request = CloudFiles(local, resolved, current_location(), schema, is_batch, volume)
        self.ignored.extend(ignored_options(request))
        number, self.sources = self.sources, self.sources + 1
        with intercepted(None):
            return self.source.cloud_files(request, number)

    def prepare_load(self, reader: Any, recorded: ReaderRecord) -> None:
        """Check and complete a reader that is about to load what Spark has a source for."""
        self.brokers.extend(kafka.prepare(self.spark, reader, recorded, self.local_path))

    def local_path(self, path: str) -> str:
        """Resolve a path as the target sees it.

        Raises:
            DefinitionError: an unknown volume, or a file system that is not reached from here.
        """
        return resolved_path(self.store, path)

    def check_new_table(self, name: str) -> None:
        """Leave it: what a dataset function writes is refused."""

    def refuse(self, action: str) -> None:
        """Raise for a side effect, and remember it; warn of one that only returns rows."""
        if action in LOOKS:
            if not self.may_look:
                self.looks.append(looked(action))
            return
        error = refusal(action)
        if isinstance(error, HeadwaterError):
            self.refused = self.refused or error
        raise error

    def keep_view(self, name: str, frame: DataFrame) -> None:
        """Let this function's reads find a frame under a name."""
        self.named[name.strip("`").lower()] = frame

    def _read_own(self, table: TableName, streaming: bool, reader: Any) -> DataFrame:
        self.inputs.add(table)
        with intercepted(None):
            try:
                return self.source.read(table, streaming=streaming, reader=reader)
            except UsageError as error:
                raise located(error) from None

    def _name(self, name: str) -> TableName:
        plain = name[5:] if name.lower().startswith("live.") else name
        try:
            return table_name(plain, *self.namespace)
        except UsageError as error:
            raise located(error) from None

    def _read_external(self, table: TableName, written: str) -> None:
        """Record the read of a table that others make; most catalogs share their schemas."""
        if is_temporary_view(self.spark, written):
            return
        known = [*self.store.tables(), *self.store.views()]
        if any((each.schema, each.table) == (table.schema, table.table) for each in known):
            add_catalog(self.spark, table.catalog)
            self.external.add(table)
            return
        raise missing_table(table, written, [*self.source.dataset_names(), *map(str, known)])

    def _view_over(self, relation: Relation) -> Replacement | None:
        parts = relation.parts[1:] if relation.parts[0] == "live" else relation.parts
        if not 1 <= len(parts) <= 3 or parts[0].startswith(READ_VIEW):
            return None
        name = table_name(".".join(map(quote, parts)), *self.namespace)
        view = self.named.get(parts[0]) if len(parts) == 1 else None
        if view is not None:
            return Replacement(self._view(view), name)
        reader = self._reader(relation, name)
        if not self.source.owns(name):
            if parts[0] in FILE_FORMATS:
                return self._files(relation, name, reader)
            self._read_external(name, ".".join(parts))
            is_own = own_catalog(self.spark, name.catalog) is not None
            if is_own or (relation.is_mixed and self._is_table(name, ".".join(parts))):
                with intercepted(None):
                    path = self.store.table_path(name)
                    return by_folder(self.spark, relation, name, path, self._view)
            return None if self.namespace == self.home else Replacement(name.quoted, name)
        return Replacement(self._view(self._read_own(name, relation.streaming, reader)), name)

    def _is_table(self, name: TableName, written: str) -> bool:
        is_view = is_temporary_view(self.spark, written)
        return not is_view and self.store.table_path(name).is_dir()

    def _reader(self, relation: Relation, name: TableName) -> Any:
        """Return a reader with the options of WITH (...), if a relation has any."""
        if not relation.options:
            return None
        reader = self.spark.readStream if relation.streaming else self.spark.read
        record_of(reader).options = dict(relation.options)
        self._note_options(reader, name, relation.streaming)
        return reader

    def _note_options(self, reader: Any, name: TableName, streaming: bool) -> None:
        given = sorted((record_of(reader).options or {}).items())
        self.read_options.append(f"{name} {streaming} {given}")
        if streaming and options_of(reader).get("startingversion", "").lower() == "latest":
            self.ignored.append(latest_anew(name))

    def _answers(self, call: FunctionCall) -> bool:
        """Whether a function is answered here; the change feed of other tables is Delta's."""
        if call.name != table_functions.CHANGES:
            return call.name in _READS
        try:
            return self.source.owns(self._name(table_functions.changed_table(call.text)))
        except HeadwaterError:
            return False

    def _with_files(self, spark: SparkSession, text: str, calls: Sequence[FunctionCall]) -> str:
        """Point calls of functions that read to views over what they read."""
        for call in sorted(calls, key=lambda each: -each.start):
            frame = _READS[call.name](self, spark, call)
            view = self._view(frame) + lines_of(call.text)
            text = text[: call.start] + view + text[call.end :]
        return text

    def _called(self, spark: SparkSession, call: FunctionCall) -> DataFrame:
        """Answer `read_files` and `cloud_files`."""
        path, schema, options = table_functions.read_arguments(call.text, _constants(spark))
        if "cloudfiles.format" not in {key.lower() for key in options}:
            found = table_functions.format_of(self.local_path(path))
            options = {**options, **({"cloudFiles.format": found} if found else {})}
        is_batch = call.name == "read_files" and not call.streaming
        return self._load(path, options, schema, is_batch=is_batch)

    def _topic(self, spark: SparkSession, call: FunctionCall) -> DataFrame:
        """Answer `read_kafka`."""
        values, named = table_functions.call_arguments(call.text, _constants(spark))
        reader: Any = spark.readStream if call.streaming else spark.read
        options = kafka.sql_options(values, named)
        frame: DataFrame = reader.format(kafka.FORMAT).options(**options).load()
        return frame

    def _table_changes(self, spark: SparkSession, call: FunctionCall) -> DataFrame:
        """Answer `table_changes` of a dataset of the pipeline."""
        name, options = table_functions.change_arguments(call.text, _constants(spark))
        reader: Any = spark.readStream if call.streaming else spark.read
        frame: DataFrame = reader.options(**options).table(name)
        return frame

    def _file_states(self, spark: SparkSession, call: FunctionCall) -> DataFrame:
        """Answer `cloud_files_state`, with what is on disk when the function is evaluated."""
        with intercepted(None):
            try:
                wanted, is_table = file_states.state_argument(call.text)
                if not is_table:
                    return file_states.checkpoint_states(spark, self.store, wanted)
            except UsageError as error:
                raise located(error) from None
            name = self._name(wanted)
            if self.source.owns(name):
                self.inputs.add(name)
            else:
                self._read_external(name, wanted)
            found = file_states.table_states(spark, self.store, name.quoted)
            return file_states.state_frame(spark, ()) if found is None else found

    def _view(self, frame: DataFrame) -> str:
        """Give a frame a name that a SQL text can read."""
        view = f"{READ_VIEW}{next(_numbers)}"
        with intercepted(None):
            frame.createOrReplaceTempView(view)
        self.views.append((view, frame))
        return view

    def _files(self, relation: Relation, name: TableName, reader: Any) -> Replacement | None:
        """Point a name such as json.`/Volumes/...` to the path as the target sees it."""
        if len(relation.written) != 2:
            return None
        kind, path = relation.written
        if relation.streaming:
            return Replacement(self._view(self._stream_of(kind, path, reader)), name)
        return Replacement(f"{kind}.{quote(self.local_path(path))}", name)

    def _stream_of(self, kind: str, path: str, reader: Any) -> DataFrame:
        """Read a folder by the name delta.`path` as a stream, which Spark takes for tables only."""
        if kind.lower() != "delta":
            raise not_built(f"a stream of {kind}.`path`", "Read the files with STREAM read_files.")
        local = self.local_path(path)
        with intercepted(None):
            frame: DataFrame = reader_with_options(self.spark, reader, streaming=True).load(local)
            return frame

    def drop_views(self) -> None:
        """Drop the views that SQL texts were pointed to; plans made of them keep their own."""
        while self.views:
            view, frame = self.views.pop()
            frame.sparkSession.catalog.dropTempView(view)


def _constants(spark: SparkSession) -> table_functions.Constant:
    """Return what gives the value of a constant expression."""

    def value(expression: str) -> Any:
        with intercepted(None):
            return constant_value(spark, expression)

    return value


_READS: Mapping[str, Callable[[Evaluation, SparkSession, FunctionCall], DataFrame]] = {
    **dict.fromkeys(table_functions.FUNCTIONS, Evaluation._called),
    kafka.FUNCTION: Evaluation._topic,
    table_functions.CHANGES: Evaluation._table_changes,
    file_states.FUNCTION: Evaluation._file_states,
}
"""Table-valued functions that read, and what answers each."""

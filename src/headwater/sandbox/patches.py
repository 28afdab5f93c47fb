"""What a run changes in PySpark and Python, as rows of one table, applied and undone together.

While a dataset function is evaluated, reads of tables, paths and `cloudFiles` go to the current
evaluation, and actions are refused. Outside an evaluation every patched method is itself.
Contract test: `tests/contract/test_patches.py`. Decision 0003.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameReader, DataFrameWriter, SparkSession
from pyspark.sql.classic.dataframe import DataFrame as ClassicDataFrame
from pyspark.sql.group import GroupedData
from pyspark.sql.sql_formatter import SQLStringFormatter
from pyspark.sql.streaming.readwriter import DataStreamReader

from headwater.graph.arguments import fault
from headwater.sandbox import threads, volume_paths
from headwater.sandbox.interception import (
    Interceptor,
    ReaderRecord,
    acting_for,
    current,
    intercepted,
    local_options,
    record_of,
)
from headwater.sandbox.printing import Aside
from headwater.sandbox.workspace_columns import run_text
from headwater.sandbox.workspace_methods import METHODS, grouped_again, joins_itself, tried_again

Original = Callable[..., Any]

_ABSENT: Any = object()


_lock = threading.Lock()
_users = 0
_aside: Aside | None = None


@contextmanager
def patched_pyspark() -> Iterator[None]:
    """Apply the table below; undo it when the last of those that use it at a time ends.

    Meanwhile what user code prints goes to the error stream.
    """
    global _users, _aside
    with _lock:
        _users += 1
        if _aside is None:
            _aside = Aside()
            _apply()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:  # not before: another user may have put a buffer there for a while
                _undo()
                _aside.undo()
                _aside = None


_before: list[tuple[Any, str, Any]] = []


def _apply() -> None:
    for owner, name, make in PATCHES:
        original = owner.__dict__.get(name, _ABSENT)
        _before.append((owner, name, original))
        setattr(owner, name, make(name, original))


def _undo() -> None:
    while _before:
        owner, name, original = _before.pop()
        if original is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, original)


def _redirects(name: str, original: Any) -> property:
    """Return an attribute of the session that replaces this one in this thread."""

    def get(self: SparkSession) -> Any:
        actual = acting_for(self)
        if original is _ABSENT:
            return actual.__dict__[name]
        return original.__get__(actual, SparkSession)

    def keep(self: SparkSession, value: Any) -> None:
        self.__dict__[name] = value

    return property(get, keep)


def _active(_: str, original: Any) -> Any:
    """Return the update's session in threads that run user code."""

    def get(cls: type[SparkSession]) -> SparkSession | None:
        interceptor = current()
        found: SparkSession | None = original.__get__(None, cls)()
        return found if interceptor is None else interceptor.spark

    return classmethod(get)


def _gets_session(_: str, original: Original) -> Original:
    """Return the session of user code, with a builder's settings, in threads that run it."""

    @functools.wraps(original)
    def get(self: SparkSession.Builder) -> SparkSession:
        interceptor = current()
        if interceptor is None:
            return original(self)  # type: ignore[no-any-return]
        for key, value in self._options.items():
            with suppress(AnalysisException):  # a setting of the process, which Spark ignores
                interceptor.spark.conf.set(key, value)
        return interceptor.spark

    return get


def _reads_table(_: str, original: Original) -> Original:
    @functools.wraps(original)
    def read(self: Any, tableName: str, *args: Any, **kwargs: Any) -> DataFrame:  # noqa: N803
        interceptor = current()
        streaming = isinstance(self, DataStreamReader)
        if interceptor is not None:
            answer = interceptor.read_table(self, tableName, streaming)
            if not isinstance(answer, str):
                return answer
            tableName = answer  # noqa: N806 - PySpark's name for it
        with intercepted(None):
            found: DataFrame = original(self, tableName, *args, **kwargs)
        return found

    return read


def _runs_sql(_: str, original: Original) -> Original:
    @functools.wraps(original)
    def run(self: SparkSession, sqlQuery: str, *args: Any, **kwargs: Any) -> DataFrame:  # noqa: N803
        interceptor = current()
        named = {key: value for key, value in kwargs.items() if key != "args"}
        if interceptor is not None and named:  # frames become views, which are then found
            formatter = SQLStringFormatter(self)
            query = formatter.format(sqlQuery, **named)
            kwargs = {key: value for key, value in kwargs.items() if key == "args"}
            try:
                return run(self, query, *args, **kwargs)
            finally:
                if not interceptor.in_dataset_function:  # there they are the function's own
                    formatter.clear()
        text = (
            sqlQuery
            if interceptor is None
            else interceptor.read_sql(self, sqlQuery, args[0] if args else kwargs.get("args"))
        )
        if not isinstance(text, str):
            return text
        with intercepted(None):

            def plainly(query: str) -> DataFrame:
                return original(self, query, *args, **kwargs)  # type: ignore[no-any-return]

            return plainly(text) if interceptor is None else run_text(self, text, plainly)

    return run


def _reads_path(name: str, original: Original) -> Original:
    @functools.wraps(original)
    def read(self: Any, path: Any = None, *args: Any, **kwargs: Any) -> DataFrame:
        interceptor = current()
        if interceptor is None:
            return original(self, path, *args, **kwargs)  # type: ignore[no-any-return]
        recorded = record_of(self)
        if name == "load":
            _note_load(recorded, args, kwargs)
        if recorded.format.lower() == "cloudfiles" and name == "load":
            return interceptor.read_cloud_files(recorded, path)
        if name == "load":
            interceptor.prepare_load(self, recorded)
        with intercepted(None):
            self.options(**local_options(recorded.options or {}, interceptor.local_path))
            paths = _local(interceptor, path)
            rest = [_local(interceptor, each) if isinstance(each, str) else each for each in args]
            return original(self, paths, *rest, **kwargs)  # type: ignore[no-any-return]

    return read


def _writes_path(_: str, original: Original) -> Original:
    @functools.wraps(original)
    def write(self: Any, path: Any = None, *args: Any, **kwargs: Any) -> Any:
        interceptor = current()
        found = path if interceptor is None else _local(interceptor, path)
        return original(self, found, *args, **kwargs)

    return write


def _writes_table(_: str, original: Original) -> Original:
    @functools.wraps(original)
    def write(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        interceptor = current()
        if interceptor is not None:
            interceptor.check_new_table(name)
        return original(self, name, *args, **kwargs)

    return write


def _local(interceptor: Interceptor, path: Any) -> Any:
    if isinstance(path, str):
        return interceptor.local_path(path)
    if isinstance(path, (list, tuple)):
        return [_local(interceptor, each) for each in path]
    return path


def _note_load(recorded: ReaderRecord, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Record what `load(path, format, schema, **options)` says beside the path."""
    given = dict(zip(("format", "schema"), args, strict=False)) | kwargs
    if given.get("format"):
        recorded.format = str(given["format"])
    if given.get("schema") is not None:
        recorded.schema = given["schema"]
    recorded.options = {**(recorded.options or {}), **_texts(given)}


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in values.items()
        if value is not None and key not in ("format", "schema")
    }


def _records(name: str, original: Original) -> Original:
    @functools.wraps(original)
    def configure(self: Any, *args: Any, **kwargs: Any) -> Any:
        if current() is not None:
            _note(record_of(self), name, args, kwargs)
        return original(self, *args, **kwargs)

    return configure


def _note(record: ReaderRecord, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    if name == "format":
        record.format = str((*args, *kwargs.values())[0])
    elif name == "schema":
        record.schema = (*args, *kwargs.values())[0]
    elif name == "option":
        key, value = (*args, *kwargs.values())[:2]
        record.options = {**(record.options or {}), **_texts({str(key): value})}
    else:
        record.options = {**(record.options or {}), **_texts(kwargs)}


def _action(name: str, original: Any) -> Any:
    if isinstance(original, property):
        getter = original.fget
        assert getter is not None  # noqa: S101 - DataFrame.write is a readable property
        return property(_refusing(name, getter))
    return _refusing(name, original)


def _finds_volumes(owner: Any, count: int) -> Callable[[str, Any], Any]:
    """Let a function of Python take paths in volumes while user code runs."""

    def wrapped(_: str, original: Any) -> Any:
        @functools.wraps(original)
        def call(*arguments: Any, **named: Any) -> Any:
            if any(map(volume_paths.is_in_volume, arguments[:count])):
                interceptor = current()
                if interceptor is not None:
                    arguments = tuple(
                        volume_paths.localized(arguments, count, interceptor.local_path)
                    )
                    volume_paths.part(original.__name__, arguments, named)
            return original(*arguments, **named)

        return staticmethod(call) if isinstance(owner, type) else call

    return wrapped


def _names_view(_: str, original: Original) -> Original:
    """Keep a temporary view of a dataset function to itself: others may use its name."""

    @functools.wraps(original)
    def create(self: DataFrame, name: str) -> None:
        interceptor = current()
        if interceptor is not None and interceptor.in_dataset_function:
            interceptor.keep_view(name, self)
        else:
            original(self, name)

    return create


def _refusing(name: str, original: Original) -> Original:
    @functools.wraps(original)
    def act(self: Any, *args: Any, **kwargs: Any) -> Any:
        interceptor = current()
        if interceptor is not None and interceptor.in_dataset_function:
            interceptor.refuse(name)
        return original(self, *args, **kwargs)

    return act


def refusal(action: str) -> Exception:
    """Make the error for a side effect in a dataset function, at the user's line."""
    return fault(
        "SIDE_EFFECT_IN_DATASET",
        f"A dataset function called {action}(), which runs a job or changes something",
        "Return a DataFrame and let the pipeline write it; do such work outside the pipeline.",
        action=action,
    )


LOOKS = (
    "collect",
    "count",
    "first",
    "head",
    "take",
    "tail",
    "show",
    "isEmpty",
    "toPandas",
    "toArrow",
    "toLocalIterator",
)
"""DataFrame methods that run a job and change nothing: allowed in a dataset function, and warned
of."""

ACTIONS = (
    *LOOKS,
    "foreach",
    "foreachPartition",
    "write",
    "writeStream",
    "writeTo",
    "checkpoint",
    "localCheckpoint",
    "createGlobalTempView",
    "createOrReplaceGlobalTempView",
)
"""DataFrame methods and properties that run a job or change something."""

_BATCH_PATHS = ("load", "csv", "json", "parquet", "text", "orc", "xml")
_STREAM_PATHS = ("load", "csv", "json", "parquet", "text", "orc", "xml")
_VIEWS = ("createTempView", "createOrReplaceTempView")
_WRITE_PATHS = ("save", "csv", "json", "parquet", "text", "orc", "xml")
_CONFIGURE = ("format", "schema", "option", "options")

PATCHES: tuple[tuple[Any, str, Callable[[str, Any], Any]], ...] = (
    (SparkSession, "_jsparkSession", _redirects),  # an attribute of each session, not of the class
    (SparkSession, "conf", _redirects),
    (SparkSession, "catalog", _redirects),
    (SparkSession, "getActiveSession", _active),
    (SparkSession.Builder, "getOrCreate", _gets_session),
    (SparkSession, "sql", _runs_sql),
    (SparkSession, "table", _reads_table),
    (DataFrameReader, "table", _reads_table),
    (DataStreamReader, "table", _reads_table),
    *((DataFrameReader, name, _reads_path) for name in _BATCH_PATHS),
    *((DataStreamReader, name, _reads_path) for name in _STREAM_PATHS),
    *((DataFrameWriter, name, _writes_path) for name in _WRITE_PATHS),
    (DataFrameWriter, "saveAsTable", _writes_table),
    *((DataStreamReader, name, _records) for name in _CONFIGURE),
    *((DataFrameReader, name, _records) for name in _CONFIGURE),
    *((ClassicDataFrame, name, _action) for name in ACTIONS if name in ClassicDataFrame.__dict__),
    *((ClassicDataFrame, name, _names_view) for name in _VIEWS),
    *((ClassicDataFrame, name, tried_again) for name in METHODS),
    *((ClassicDataFrame, name, grouped_again) for name in ("groupBy", "groupby")),
    (GroupedData, "agg", tried_again),
    (ClassicDataFrame, "join", joins_itself),
    (threading.Thread, "start", threads.continues),
    *((owner, name, _finds_volumes(owner, count)) for owner, name, count in volume_paths.FUNCTIONS),
)
"""Class or module, attribute, wrapper: every change that a run makes in PySpark and Python."""

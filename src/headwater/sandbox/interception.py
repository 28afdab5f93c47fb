"""Who answers what user code asks of Spark, in each thread, and what was told a reader so far.

What does not live here: the methods of PySpark and Python that ask (`patches`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from pyspark.sql import DataFrame, SparkSession


class Interceptor(Protocol):
    """Answers the reads of user code."""

    @property
    def spark(self) -> SparkSession:
        """The session of the update."""

    @property
    def in_dataset_function(self) -> bool:
        """Whether actions are to be refused."""

    def read_table(self, reader: Any, name: str, streaming: bool) -> DataFrame | str:
        """Return the DataFrame for a table, or the name under which Spark reads it."""

    def read_sql(self, spark: SparkSession, text: str, args: Any = None) -> str | DataFrame:
        """Return the SQL text to run in place of `text`, or its result.

        Args:
            args: values of its markers.
        """

    def read_cloud_files(self, recorded: ReaderRecord, path: str | None) -> DataFrame:
        """Return the DataFrame of an Auto Loader source."""

    def prepare_load(self, reader: Any, recorded: ReaderRecord) -> None:
        """Check and complete a reader that is about to load what Spark has a source for."""

    def local_path(self, path: str) -> str:
        """Resolve a path as the target sees it."""

    def check_new_table(self, name: str) -> None:
        """Raise for a table that may not be written, by its name as given."""

    def refuse(self, action: str) -> None:
        """Raise for an action inside a dataset function."""

    def keep_view(self, name: str, frame: DataFrame) -> None:
        """Let reads inside this dataset function find a frame under a name."""


@dataclass
class ReaderRecord:
    """Records the settings of a reader, for sources that Spark doesn't have."""

    format: str = ""
    schema: Any = None
    options: dict[str, str] | None = None


def local_options(options: Mapping[str, str], local_path: Callable[[str], str]) -> dict[str, str]:
    """Return those options of a reader that are paths in volumes, as the target sees them."""
    return {
        key: local_path(value)
        for key, value in options.items()
        if value.startswith(("/Volumes", "dbfs:/Volumes"))
    }


_current: ContextVar[Interceptor | None] = ContextVar("headwater_interceptor", default=None)


@contextmanager
def intercepted(interceptor: Interceptor | None) -> Iterator[None]:
    """Let `interceptor` answer reads in this thread, for the length of a `with` block."""
    token = _current.set(interceptor)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Interceptor | None:
    """Return who answers in this thread; None where no user code runs."""
    return _current.get()


_redirected: ContextVar[tuple[SparkSession, SparkSession] | None] = ContextVar(
    "headwater_redirected", default=None
)


@contextmanager
def redirected(spark: SparkSession, session: SparkSession) -> Iterator[None]:
    """Make `spark`, which user code holds, act as `session` in this thread."""
    token = _redirected.set((spark, session))
    try:
        yield
    finally:
        _redirected.reset(token)


def acting_for(spark: SparkSession) -> SparkSession:
    """Return the session that a session acts as in this thread: itself, unless redirected."""
    pair = _redirected.get()
    return pair[1] if pair is not None and pair[0] is spark else spark


def record_of(reader: Any) -> ReaderRecord:
    """Return what was recorded of a reader so far."""
    found = reader.__dict__.get("_headwater_record")
    if found is None:
        found = reader.__dict__["_headwater_record"] = ReaderRecord(options={})
    return found  # type: ignore[no-any-return]


def options_of(reader: Any) -> dict[str, str]:
    """Return the options of a reader, if there is one, their names in small letters."""
    given = (record_of(reader).options or {}) if reader is not None else {}
    return {key.lower(): value for key, value in given.items()}


def options_on(reader: Any) -> set[str]:
    """Name the options of a reader that are true, in small letters."""
    return {key for key, value in options_of(reader).items() if str(value).lower() == "true"}


def reader_with_options(spark: SparkSession, reader: Any, streaming: bool) -> Any:
    """Return a fresh Delta reader that carries the options the user set on theirs."""
    fresh = spark.readStream if streaming else spark.read
    options = (record_of(reader).options or {}) if reader is not None else {}
    return fresh.format("delta").options(**options)

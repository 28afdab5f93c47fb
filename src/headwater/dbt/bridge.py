"""What dbt-spark sees in place of `SparkSession`: the session of the target.

dbt-spark's session method asks `SparkSession.builder` for a session at each statement, with Hive's
support, and with ANSI mode switched off. Here it gets the target's session as it is, ANSI mode on
as on Databricks; errors leave it without values of rows. Decision 0025.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.types import StructType

from headwater.machine.session import activate
from headwater.sandbox.failures import reason

_LEFT_BEHIND = "__dbt_tmp"
"""Ends the names of the temporary views that dbt's incremental models leave in a session."""

_VIEW = re.compile(
    r"\s*(?:/\*.*?\*/\s*)*(?P<verb>create\s+(?:or\s+replace\s+)?view|drop\s+view\s+if\s+exists)"
    r"\s+`?(?P<schema>\w+)`?\.`?(?P<view>\w+)`?\s",
    re.I | re.S,
)
_FORCED = "spark.sql.ansi.enabled"
"""A setting that dbt-spark switches off for every session, whatever the profile says."""


@dataclass
class Bridge:
    """Gives dbt a session, which is opened when the first statement asks for it.

    Attributes:
        open_session: returns the session.
        check: called before each statement; raises to stop dbt.
        failure: the class of errors that dbt takes for those of a database.
        session: the session, once it is open.
        views: by schema and name the statement that made a view, None for one that was dropped.
    """

    open_session: Callable[[], SparkSession]
    check: Callable[[], None]
    failure: type[Exception] = RuntimeError
    session: SparkSession | None = None
    views: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def builder(self) -> Bridge:
        """What `SparkSession.builder` is."""
        return self

    def enableHiveSupport(self) -> Bridge:  # noqa: N802 - PySpark's name
        """Do nothing: tables are in the target's catalog."""
        return self

    def config(self, name: str, value: str) -> Bridge:
        """Set what the profile says under `server_side_parameters`."""
        if name != _FORCED:
            self._opened().conf.set(name, value)
        return self

    def getOrCreate(self) -> Bridge:  # noqa: N802 - PySpark's name
        """Return what runs statements."""
        return self

    def sql(self, text: str) -> Answer:
        """Run a statement, or prepare a query.

        Raises:
            Exception: of the class `failure`, with what Spark says, without values of rows.
        """
        self.check()
        session = self._opened()
        activate(session)  # dbt's threads do not know it
        with _explained(self.failure):
            frame = session.sql(text)
        made = _VIEW.match(f"{text} ")
        if made:
            name = made["schema"].lower(), made["view"].lower()
            self.views[name] = text if made["verb"].lower().startswith("create") else None
        return Answer(frame, self.failure)

    def tidy(self) -> None:
        """Drop the temporary views that dbt left in the session."""
        if self.session is None:
            return
        for row in self.session.sql("SHOW VIEWS").collect():
            if row.isTemporary and row.viewName.endswith(_LEFT_BEHIND):
                self.session.catalog.dropTempView(row.viewName)

    def _opened(self) -> SparkSession:
        with self._lock:
            if self.session is None:
                self.session = self.open_session()
            return self.session


@dataclass(frozen=True)
class Answer:
    """The frame of a statement, as far as dbt-spark uses one."""

    frame: DataFrame
    failure: type[Exception]

    @property
    def schema(self) -> StructType:
        """The columns."""
        return self.frame.schema

    def collect(self) -> list[Row]:
        """Return all rows.

        Raises:
            Exception: of the class `failure`, with what Spark says, without values of rows.
        """
        with _explained(self.failure):
            return self.frame.collect()

    def take(self, number: int) -> list[Row]:
        """Return the first rows.

        Raises:
            Exception: of the class `failure`, with what Spark says, without values of rows.
        """
        with _explained(self.failure):
            return self.frame.take(number)


@contextmanager
def _explained(failure: type[Exception]) -> Iterator[None]:
    """Say what Spark refuses without values of rows."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        said = reason(error)
        if said.startswith("[TABLE_OR_VIEW_NOT_FOUND]"):
            said += "\nA table of a pipeline is there after its first update: headwater run"
        raise failure(said) from None

"""A clock that stands still: what queries take for the current time.

Spark finds functions of the session before its own if it is told to, so `current_timestamp()` and
its like become functions that return one value, in Python and in SQL. Written without parentheses
they are keywords: `called` adds those. Python's own clock, `unix_timestamp()` and the times of
files go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from headwater.errors import UsageError
from headwater.graph.registry import Registry
from headwater.machine.session import OTHER_NAMES, add_functions
from headwater.sql.tokens import tokens_of

ORDER = "spark.sql.functionResolution.sessionOrder"
"""Setting of Spark: where functions of the session are looked for, `first` or after its own."""

FUNCTIONS = {
    "current_timestamp": "TIMESTAMP",
    "now": "TIMESTAMP",
    "current_date": "DATE",
    "curdate": "DATE",
    "localtimestamp": "TIMESTAMP_NTZ",
    "getdate": "TIMESTAMP",
}
"""Functions that tell the time, and their types."""

_WRITTEN = {
    "TIMESTAMP": "date_format({}, 'yyyy-MM-dd HH:mm:ss.SSSSSSXXX')",
    "TIMESTAMP_NTZ": "CAST({} AS STRING)",
    "DATE": "CAST({} AS STRING)",
}
"""How a moment is written, so that a literal of the type is the same moment."""

_KEYWORDS = ("CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP")


class Clock:
    """The time of a session's queries: Spark's own until it is set."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._order: str | None = None
        self.time: datetime | None = None

    def set(self, time: str | datetime | None) -> None:
        """Stop at a time, without an offset in UTC; None lets it go on.

        Raises:
            UsageError: CLOCK_INVALID.
        """
        if time is None:
            self.release()
            return
        moment = utc(time)
        self.release()
        for name in FUNCTIONS.keys() & OTHER_NAMES.keys():  # added again when the time goes on
            self._spark.sql(f"DROP TEMPORARY FUNCTION IF EXISTS {name}")
        for name, kind in FUNCTIONS.items():  # before the order: Spark must not find its own
            self._spark.sql(
                f"CREATE TEMPORARY FUNCTION {name}() RETURNS {kind} "
                f"RETURN CAST('{moment.isoformat(sep=' ')}' AS {kind})"
            )
        self._order = self._spark.conf.get(ORDER, None)
        self._spark.conf.set(ORDER, "first")
        self.time = moment

    def release(self) -> None:
        """Let the time go on; safe to call twice."""
        if self.time is None:
            return
        for name in FUNCTIONS:
            self._spark.sql(f"DROP TEMPORARY FUNCTION IF EXISTS {name}")
        add_functions(self._spark)
        if self._order is None:
            self._spark.conf.unset(ORDER)
        else:
            self._spark.conf.set(ORDER, self._order)
        self.time = None

    def apply_to_rules(self, registry: Registry) -> None:
        """Let rules that are SQL texts see the time."""
        if self.time is None:
            return
        for name, dataset in registry.datasets.items():
            rules = [
                replace(each, condition=called(each.condition))
                if isinstance(each.condition, str)
                else each
                for each in dataset.expectations
            ]
            registry.datasets[name] = replace(dataset, expectations=tuple(rules))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let SQL texts that the session runs see the time, for the length of a `with` block."""
        if self.time is None:
            yield
            return
        original = SparkSession.sql

        def sql(self: SparkSession, sqlQuery: str, *args: Any, **kwargs: Any) -> DataFrame:  # noqa: N803
            return original(self, called(sqlQuery), *args, **kwargs)

        SparkSession.sql = sql  # type: ignore[method-assign]
        try:
            yield
        finally:
            SparkSession.sql = original  # type: ignore[method-assign]


def utc(time: str | datetime) -> datetime:
    """Return a time in UTC, without an offset.

    Raises:
        UsageError: CLOCK_INVALID.

    Example:
        >>> utc("2026-01-02T03:04:05+02:00")
        datetime.datetime(2026, 1, 2, 1, 4, 5)
    """
    try:
        found = time if isinstance(time, datetime) else datetime.fromisoformat(_plain(time))
    except ValueError:
        raise UsageError(
            "CLOCK_INVALID",
            f"Not a time: {time!r}",
            hint="Write it as 2026-01-02T03:04:05, in UTC or with an offset.",
        ) from None
    return found.astimezone(timezone.utc).replace(tzinfo=None) if found.tzinfo else found


def _plain(time: str) -> str:
    return time[:-1] + "+00:00" if time.endswith("Z") else time  # Python 3.10 knows no Z


def pinned(spark: SparkSession, text: str) -> str:
    """Write the current time into a SQL expression, in place of the functions that tell it.

    All of them tell one moment: the session's, which a clock may have stopped. Runs no job.
    """
    text = called(text)
    calls = _calls(text)
    if not calls:
        return text
    asked = {name: _WRITTEN[FUNCTIONS[name]].format(f"{name}()") for name, _, _ in calls}
    told = ", ".join(f"{text} AS {name}" for name, text in asked.items())
    moment = spark.sql(f"SELECT {told}").collect()[0]
    for name, start, end in reversed(calls):
        text = f"{text[:start]}{FUNCTIONS[name]} '{moment[name]}'{text[end:]}"
    return text


def _calls(text: str) -> list[tuple[str, int, int]]:
    """Find the calls of functions that tell the time: the name, where it begins and ends."""
    tokens = tokens_of(text)
    found = []
    for at, token in enumerate(tokens):
        name = token.word.lower()
        is_method = at > 0 and tokens[at - 1].text == "."
        brackets = tokens[at + 1 : at + 3]
        if name in FUNCTIONS and not is_method and [each.text for each in brackets] == ["(", ")"]:
            found.append((name, token.start, brackets[1].end))
    return found


def called(text: str) -> str:
    """Add parentheses to keywords for the current time in a SQL text.

    Example:
        >>> called("SELECT current_date, 'current_date', t.current_date, current_date()")
        "SELECT current_date(), 'current_date', t.current_date, current_date()"
    """
    tokens = tokens_of(text)
    ends = []
    for number, token in enumerate(tokens):
        before = tokens[number - 1] if number else None
        after = tokens[number + 1].text if number + 1 < len(tokens) else ""
        is_name = before is not None and (before.text == "." or before.word == "AS")
        if token.word in _KEYWORDS and not is_name and after not in ("(", "."):
            ends.append(token.end)
    for end in reversed(ends):
        text = f"{text[:end]}(){text[end:]}"
    return text

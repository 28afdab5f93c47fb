"""Run SQL text as a warehouse would: statement by statement, parameters bound as values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from headwater.errors import UsageError, nearest
from lakeflow_job_meta.local.failures import said_by_spark

_TOKEN = re.compile(
    r"""(?P<comment> --[^\n]* | /\*.*?\*/ )
      | (?P<text> [rR]'[^']*' | [rR]"[^"]*" | '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" )
      | (?P<quoted> `(?:[^`]|``)*` )
      | (?P<end> ; )
      | \{\{ \s* (?P<mustache> \w+ ) \s* \}\}
      | (?<![\w:)\]`]) : (?P<marker> [A-Za-z_]\w* )
    """,
    re.VERBOSE | re.DOTALL,
)
_MUSTACHE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_CHANGED = ("num_affected_rows", "num_inserted_rows")


@dataclass(frozen=True)
class Statement:
    """One statement of a text.

    Args:
        text: with `:name` in place of `{{ name }}`.
        line: where it begins in the whole text, from 1.
        markers: names of its parameters.
        in_strings: names in double braces that stand in a string, where nothing can be bound.
    """

    text: str
    line: int
    markers: frozenset[str]
    in_strings: frozenset[str]


def split_statements(text: str) -> list[Statement]:
    """Split a text at its semicolons; strings, quoted names and comments are left alone.

    Example:
        >>> [each.text for each in split_statements("SELECT ';' ; SELECT {{ a }} -- b;")]
        ["SELECT ';'", 'SELECT :a -- b;']
    """
    found: list[Statement] = []
    piece = _Piece(text)
    for token in _TOKEN.finditer(text):
        piece.take_until(token.start())
        if token["end"]:
            found += piece.finish(token.end())
        elif name := token["mustache"] or token["marker"]:
            piece.add_marker(name, token.end())
        else:
            piece.add_fixed(token[0], token.end(), is_comment=bool(token["comment"]))
            if token["text"]:
                piece.in_strings.update(_MUSTACHE.findall(token[0]))
    piece.take_until(len(text))
    return found + piece.finish(len(text))


class _Piece:
    """The statement that is being read."""

    def __init__(self, text: str) -> None:
        self._whole = text
        self._at = 0
        self._start_anew()

    def _start_anew(self) -> None:
        self._parts: list[str] = []
        self._line: int | None = None
        self.markers: set[str] = set()
        self.in_strings: set[str] = set()

    def take_until(self, position: int) -> None:
        """Take plain text."""
        part = self._whole[self._at : position]
        self._begin(part, self._at + len(part) - len(part.lstrip()))
        self._parts.append(part)
        self._at = position

    def _begin(self, part: str, position: int) -> None:
        if self._line is None and part.strip():
            self._line = self._whole.count("\n", 0, position) + 1

    def add_fixed(self, part: str, end: int, *, is_comment: bool) -> None:
        """Take a comment, a string or a quoted name as it is."""
        if is_comment and self._line is None:
            part = ""  # comments before a statement are no part of it
        else:
            self._begin(part, self._at)
        self._parts.append(part)
        self._at = end

    def add_marker(self, name: str, end: int) -> None:
        """Take a parameter."""
        self._begin(name, self._at)
        self._parts.append(f":{name}")
        self.markers.add(name)
        self._at = end

    def finish(self, end: int) -> list[Statement]:
        """Return the statement, if there is one, and begin the next."""
        self._at = end
        text = "".join(self._parts).strip()
        found = [] if self._line is None else [self._statement(text)]
        self._start_anew()
        return found

    def _statement(self, text: str) -> Statement:
        assert self._line is not None  # noqa: S101 - `finish` looks at it, which mypy can't see
        return Statement(text, self._line, frozenset(self.markers), frozenset(self.in_strings))


@dataclass(frozen=True)
class SqlResult:
    """What the last statement gave: its frame, and how many rows, where anything says so."""

    frame: DataFrame | None
    rows: int | None


def run_sql(
    session: SparkSession,
    text: str,
    parameters: Mapping[str, str],
    name: str,
    *,
    check: Callable[[], None] = lambda: None,
    must_finish: bool = True,
) -> SqlResult:
    """Run all statements in order.

    Args:
        parameters: values, by name; a statement gets those that it mentions.
        name: of the file or task, for errors.
        check: called before each statement; raises to stop.
        must_finish: run the last statement to its end also when it is a query; otherwise its
            frame is left to the caller, as `_sqldf` is.

    Raises:
        UsageError: SQL_EMPTY, PARAMETER_MISSING, PARAMETER_IN_STRING; nothing has run then.
        HeadwaterError: Spark's condition as code, with the line; statements before it have taken
            effect.
    """
    statements = split_statements(text)
    if not statements:
        raise UsageError("SQL_EMPTY", "There is no SQL to run", where=name)
    for statement in statements:
        _check_parameters(statement, parameters, name)
    result = SqlResult(None, None)
    for number, statement in enumerate(statements, 1):
        check()
        is_last = number == len(statements)
        try:
            frame = _bound(session, statement, parameters)
            rows = rows_of(frame) if must_finish or not is_last else None
        except PySparkException as error:
            raise said_by_spark(error, name, statement.line, statement.text) from error
        result = SqlResult(frame, rows)
    return result


def _check_parameters(statement: Statement, parameters: Mapping[str, str], name: str) -> None:
    where = f"{name}:{statement.line}"
    for missing in sorted(statement.markers - set(parameters)):
        raise UsageError(
            "PARAMETER_MISSING",
            f"The statement wants a parameter '{missing}', which is not given",
            where=where,
            hint=nearest(missing, parameters) or "Add it to the parameters of the task.",
        )
    for inside in sorted(statement.in_strings & set(parameters)):
        raise UsageError(
            "PARAMETER_IN_STRING",
            f"'{inside}' stands in a string, where no value can be bound",
            where=where,
            hint=f"Write :{inside} without quotes; join texts with ||.",
        )


def _bound(session: SparkSession, statement: Statement, parameters: Mapping[str, str]) -> DataFrame:
    args = {name: parameters[name] for name in sorted(statement.markers)}
    return session.sql(statement.text, args=args) if args else session.sql(statement.text)


def rows_of(frame: DataFrame) -> int | None:
    """Run a frame to its end, once, keeping no row; give how many there were.

    Of a write, the number it reports; None when it reports nothing.
    """
    if not frame.columns:
        return None
    reported = next((name for name in _CHANGED if name in frame.columns), None)
    if reported:
        row = frame.first()
        return None if row is None else int(row[reported])
    counted = Observation()
    observed = frame.toDF(*map(str, range(len(frame.columns))))  # columns may share a name
    observed = observed.observe(counted, F.count(F.lit(1)).alias("rows"))
    observed.write.format("noop").mode("overwrite").save()
    return int(counted.get.get("rows", 0))

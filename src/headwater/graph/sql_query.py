"""A query of a SQL file: what a dataset function is in Python."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pyspark.errors import ParseException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from headwater.errors import DefinitionError, Location
from headwater.graph.locations import current_location
from headwater.names import quote
from headwater.sql.parameters import Filled
from headwater.sql.tokens import place_in

_NAMED = re.compile(r"[^\W\d]\w*")
_AT = re.compile(r"\bline (\d+),? pos (\d+)")


@dataclass(frozen=True, eq=False)
class SqlQuery:
    """Runs a query's text, and finds the place of an error in it.

    Attributes:
        text: with its parameters filled in.
        start: position of the text in its statement.
        statement: the whole statement, as written and filled in.
        session: returns the session to run it in.
        names: names of its columns, () to take the query's.
        labels: names of its columns that have types in the list; () where it has none.
        comments: comments of columns, by name.
    """

    text: str
    start: int
    statement: SqlStatement
    session: Callable[[], SparkSession]
    names: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    comments: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> DataFrame:
        """Return the query's DataFrame, its reads answered by whoever evaluates it."""
        frame = self.session().sql(self.text)
        if self.labels:
            return self._labelled(frame)
        return self._renamed(frame) if self.names else frame

    def place_of(self, error: BaseException) -> Location | None:
        """Return the place that an error of Spark names, None if it names none."""
        found = _AT.search(str(error))
        if not found:
            return None
        place = self._place(int(found[1]), int(found[2]))
        # where tables were replaced, a column of the text that ran is not one of the file
        return place if isinstance(error, ParseException) else replace(place, column=0)

    def line_of(self, line: int, fragment: str) -> Location | None:
        """Return the line of a part of the text, None if it is of another text.

        Args:
            line: in the text that ran, from 1; each table in it was replaced within its line.
        """
        first = fragment.partition("\n")[0]
        lines = self.text.split("\n")
        if not first or not 1 <= line <= len(lines) or first not in lines[line - 1]:
            return None
        return replace(self._place(line, lines[line - 1].index(first)), column=0)

    def _place(self, line: int, column: int) -> Location:
        above = self.text.split("\n")[: line - 1]
        return self.statement.place(self.start + sum(len(each) + 1 for each in above) + column)

    def _labelled(self, frame: DataFrame) -> DataFrame:
        """Return a frame in which expressions without a name, as `count(*)`, have their labels.

        Columns with types are found by name. These take the name that stands in their place, or
        else the first that no other column has.
        """
        if len(frame.columns) != len(self.labels):
            return frame
        own = {each.lower() for each in frame.columns}
        free = [each for each in self.labels if each.lower() not in own]
        known = {each.lower() for each in self.labels}
        names = []
        for name, label in zip(frame.columns, self.labels, strict=True):
            if name.lower() not in known and not _NAMED.fullmatch(name) and free:
                name = free.pop(free.index(label) if label in free else 0)
            names.append(name)
        return frame.toDF(*names)

    def _renamed(self, frame: DataFrame) -> DataFrame:
        if len(frame.columns) != len(self.names):
            raise DefinitionError(
                "SQL_COLUMNS_DIFFER",
                f"The list names {len(self.names)} columns, the query returns {len(frame.columns)}",
                where=current_location(),
                hint="Name each column of the query once, in its order.",
            )
        columns: list[Column] = []
        for old, new in zip(frame.columns, self.names, strict=True):
            told = self.comments.get(new)
            metadata = {"comment": told} if told is not None else {}
            columns.append(F.col(quote(old)).alias(new, metadata=metadata))
        return frame.select(*columns)


def sql_query_of(query: Callable[..., DataFrame]) -> SqlQuery | None:
    """Return the SQL query behind what a flow calls; None for a function."""
    behind = inspect.unwrap(query)
    return behind if isinstance(behind, SqlQuery) else None


@dataclass(frozen=True)
class SqlStatement:
    """A statement of a SQL file or cell.

    Attributes:
        written: its text in the file.
        filled: its text with parameters filled in.
        where: its place, with the column of its first character.
    """

    written: str
    filled: Filled
    where: Location

    def place(self, position: int) -> Location:
        """Return the place of a position in the filled text."""
        return self.place_written(self.filled.written_at(position))

    def place_written(self, position: int) -> Location:
        """Return the place of a position in the text as written."""
        return place_in(self.written, position, self.where)

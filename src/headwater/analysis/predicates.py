"""The predicate of REPLACE WHERE, as a condition on the columns of its target.

One text has to choose the rows that go and those that come, in different queries of Spark: so the
current time is written into it, once. Source: "REPLACE WHERE flows" in Databricks' documentation,
pages of 2026, whose example names a column with the alias of a table in the query.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame

from headwater.analysis.schemas import placeholder
from headwater.errors import DefinitionError
from headwater.graph.model import ColumnOrText, Flow
from headwater.machine.session import activate, java_class, session_with
from headwater.names import unquoted
from headwater.sandbox.clock import ORDER, pinned
from headwater.sandbox.failures import explained
from headwater.sql.tokens import Token, tokens_of

_SUBQUERY = "org.apache.spark.sql.catalyst.expressions.SubqueryExpression"


def target_predicate(frame: DataFrame, predicate: ColumnOrText, flow: Flow) -> str:
    """Return a predicate as a SQL condition on a target with the columns of a query; runs no job.

    Args:
        frame: the query; its qualified columns are known to the predicate.
        predicate: as written.
        flow: whose predicate it is, for the error.

    Raises:
        DefinitionError: REPLACE_WHERE_INVALID.
    """
    spark = frame.sparkSession
    try:
        if isinstance(predicate, str):
            frame.where(predicate)
            text = unqualified(predicate, frame.columns)
        else:
            text = _written(frame, predicate)
        text = pinned(spark, text)
        _check(placeholder(spark, frame.schema, streaming=False).where(text), flow)
    except (AnalysisException, ParseException) as error:
        raise _invalid(flow, explained(error)) from error
    return text


def unqualified(text: str, columns: Collection[str]) -> str:
    """Take away what stands in front of the columns of a table.

    Example:
        >>> unqualified("o.day > '2026-01-01' AND info.o.day IS NULL", ["day", "info"])
        "day > '2026-01-01' AND info.o.day IS NULL"
    """
    known = {each.lower() for each in columns}
    for chain in reversed([*_chains(tokens_of(text))]):
        names = [unquoted(each.text).lower() for each in chain]
        first = next((at for at, name in enumerate(names) if name in known), 0)
        text = text[: chain[0].start] + text[chain[first].start :]
    return text


def _chains(tokens: list[Token]) -> Iterator[list[Token]]:
    """Find the names with dots in them, as the tokens of their parts."""
    at = 0
    while at < len(tokens):
        chain = [tokens[at]] if _is_name(tokens[at]) else []
        at += 1
        while chain and [each.text for each in tokens[at : at + 1]] == ["."]:
            chain += tokens[at + 1 : at + 2]
            at += 2
        is_call = [each.text for each in tokens[at : at + 1]] == ["("]
        if len(chain) > 1 and all(map(_is_name, chain)) and not is_call:
            yield chain


def _is_name(token: Token) -> bool:
    return token.kind in ("word", "quoted")


def _written(frame: DataFrame, predicate: Column) -> str:
    """Write a predicate as SQL; functions of the session, such as a clock's, are left as calls."""
    apart = session_with(frame.sparkSession, {ORDER: "last"})
    try:
        rows = placeholder(apart, frame.schema, streaming=False).where(predicate)
        return str(_condition(rows).sql())
    finally:
        activate(frame.sparkSession)


def _condition(rows: DataFrame) -> Any:
    return rows._jdf.queryExecution().analyzed().expressions().head()


def _check(rows: DataFrame, flow: Flow) -> None:
    condition = _condition(rows)
    if java_class(rows.sparkSession, _SUBQUERY).hasSubquery(condition):
        raise _invalid(flow, "it has a subquery")
    if not condition.deterministic():
        raise _invalid(flow, "its answer may change from one query to the next")


def _invalid(flow: Flow, reason: str) -> DefinitionError:
    return DefinitionError(
        "REPLACE_WHERE_INVALID",
        f"The predicate of the flow '{flow.name}' can't be used: {reason}",
        where=flow.location,
        hint='Write a condition on columns of the table, such as "day >= current_date() - 7".',
        flow=flow.name,
    )

"""The causes behind an exception: Spark's and Java's chain, innermost last.

PySpark reports only the outermost error; a failed stream, or a write, wraps its cause. What does
not live here: what is shown of a cause (`failures`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException

_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")
_WRAPPERS = frozenset(
    {
        "FAILED_EXECUTE_UDF",
        "FOREACH_BATCH_USER_FUNCTION_ERROR",
        "STREAM_FAILED",
        "TASK_WRITE_FAILED",
    }
)
_MOST = 20


@dataclass(frozen=True)
class Cause:
    """One exception of a chain.

    Attributes:
        kind: its class, without the package.
        condition: Spark's name of the error, "" where it has none.
        parameters: of the condition; they may hold values of rows.
        text: its whole message; it may hold values of rows.
        line: in the SQL text that it is about, 0 where Spark names none.
        fragment: the part of that text, as it is written.
        sql: that text, as it is written.
    """

    kind: str
    condition: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    line: int = 0
    fragment: str = ""
    sql: str = ""

    @property
    def is_about_code(self) -> bool:
        """Whether it comes from analysing a query, before any row was read."""
        return self.kind.endswith(("AnalysisException", "ParseException"))


def causes(error: BaseException) -> list[Cause]:
    """Return the chain behind an exception, the exception itself first."""
    found = [_of_python(error)]
    java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    with suppress(Py4JError, OSError):  # the JVM may be gone, and with it what it knew
        found += _of_java(java) if java is not None else ()
    return found


def innermost(error: BaseException) -> Cause:
    """Return the most telling cause: the deepest one that Spark names and that is not a wrapper."""
    chain = causes(error)
    named = [each for each in chain if each.condition and each.condition not in _WRAPPERS]
    plain = [each for each in chain if not each.condition]
    deepest = named or plain or chain
    return deepest[-1]


def texts(error: BaseException) -> str:
    """Return the whole text of a chain, to search for words; never to be shown."""
    return "\n".join(each.text for each in causes(error))


def _of_python(error: BaseException) -> Cause:
    text = str(error)
    if isinstance(error, PySparkException):
        named = _CONDITION.match(text.strip())  # further on, brackets may hold values
        condition = error.getCondition() or (named[1] if named else "")
        return Cause(type(error).__name__, condition, error.getMessageParameters() or {}, text)
    if isinstance(error, Py4JJavaError):
        return Cause("JavaException", "STREAM_FAILED", {}, text)  # a wrapper of what follows
    return Cause(type(error).__name__, "", {}, text)


def _of_java(error: Any) -> Iterator[Cause]:
    for _ in range(_MOST):
        text = str(error.getMessage() or "")
        kind = str(error.getClass().getSimpleName())
        condition = ""
        parameters: dict[str, str] = {}
        if kind.startswith(("Spark", "Delta", "Streaming")) or kind.endswith(
            ("AnalysisException", "ParseException", "PythonException")
        ):
            condition, parameters = _named(error, text)
        yield Cause(kind, condition, parameters, text, *_in_sql(error if condition else None))
        error = error.getCause()
        if error is None:
            return


def _named(error: Any, text: str) -> tuple[str, dict[str, str]]:
    try:
        condition = str(error.getCondition() or "")
        parameters = {str(k): str(v) for k, v in dict(error.getMessageParameters()).items()}
    except (Py4JError, TypeError):
        found = _CONDITION.match(text)
        return (found[1] if found else ""), {}
    return condition, parameters


def _in_sql(error: Any) -> tuple[int, str, str]:
    """Return the line and the part of a SQL text that an error of Spark is about, and the text."""
    with suppress(Py4JError, TypeError):
        for context in error.getQueryContext() if error is not None else ():
            if str(context.contextType()) == "SQL" and context.line().isDefined():
                sql = str(context.sqlText().get()) if context.sqlText().isDefined() else ""
                return int(context.line().get()), str(context.fragment()), sql
    return 0, "", ""

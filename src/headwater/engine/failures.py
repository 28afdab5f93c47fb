"""What an exception of Spark, Delta or user code means: which error to show, whether to retry.

Pure functions over exceptions. Values of rows never get into the result: Spark's data errors
quote them, so only their class is told.
"""

from __future__ import annotations

import re

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, ParseException, PySparkException

from headwater.errors import ExpectationViolation, HeadwaterError, UpdateError
from headwater.expectations.rules import VIOLATION

_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)*)\]")
_WRAPPERS = ("STREAM_FAILED", "FAILED_EXECUTE_UDF", "USER_RAISED_EXCEPTION", "TASK_WRITE_FAILED")
_QUOTES_VALUES = re.compile(
    r"^(CAST_|ARITHMETIC|DIVIDE|INVALID_ARRAY|CANNOT_PARSE|DATETIME|NUMERIC|MALFORMED|"
    r"FAILED_READ_FILE|CONVERSION|UDF|FAILED_EXECUTE|USER_RAISED|DELTA_.*CONSTRAINT|"
    r"DELTA_NOT_NULL|INVALID_PARAMETER_VALUE|VALUE_|SECOND_|EXCEED|DUPLICATED_MAP_KEY|NULL_MAP_KEY)"
)
_TRANSIENT = re.compile(
    r"Concurrent(?:Append|Write|Modification|Transaction|DeleteRead)|MetadataChangedException|"
    r"DELTA_(?:CONCURRENT|METADATA_CHANGED)|ConnectException|SocketException|SocketTimeout|"
    r"TimeoutException|ServerBusy|Connection reset|BlockMissing|FetchFailed|ExecutorLost",
)


def describe(error: BaseException, flow: str) -> HeadwaterError:
    """Turn what a flow ended with into the error that is shown and logged."""
    if isinstance(error, HeadwaterError):
        return error
    text = str(error)
    if VIOLATION in text:
        return _violation(text, flow)
    if "No space left on device" in text or "errno 28" in text.lower():
        return UpdateError(
            "DISK_FULL",
            f"The disk is full; flow '{flow}' stopped, nothing half written is visible",
            hint="Make room, then run again: it goes on where it stopped.",
        )
    condition = _condition(error, text)
    return UpdateError(
        "FLOW_FAILED",
        f"Flow '{flow}' failed: {_told(error, text, condition)}",
        hint=_hint(condition, text),
        flow=flow,
        condition=condition,
        exception=type(error).__name__,
    )


def is_retryable(error: BaseException) -> bool:
    """Whether trying again can help: lost connections and conflicting commits, not bad data."""
    if isinstance(error, (HeadwaterError, AnalysisException, ParseException)):
        return False
    return isinstance(error, (Py4JError, PySparkException, OSError)) and bool(
        _TRANSIENT.search(str(error))
    )


def _violation(text: str, flow: str) -> ExpectationViolation:
    line = text[text.index(VIOLATION) :].splitlines()[0].split(" SQLSTATE:")[0]
    found = re.search(r"Violated expectations: '([^']*)'", line)
    return ExpectationViolation(
        "EXPECTATION_VIOLATION",
        line,
        hint="Nothing was written. Correct the source rows, or make the rule a drop or warn rule.",
        flow=flow,
        expectations=(found[1] if found else "").split(", "),
    )


def _condition(error: BaseException, text: str) -> str:
    """Give the innermost error class: Spark wraps the cause in a class for the wrapper."""
    found: list[str] = [each for each in _CONDITION.findall(text) if each not in _WRAPPERS]
    if found:
        return found[0]
    if isinstance(error, PySparkException):
        return str(error.getCondition() or type(error).__name__)
    return type(error).__name__


def _told(error: BaseException, text: str, condition: str) -> str:
    if _QUOTES_VALUES.match(condition):
        return f"{condition} (values withheld; --debug shows Spark's own text)"
    start = text.find(f"[{condition}]")
    lines = text[max(start, 0) :].strip().splitlines()
    if not isinstance(error, PySparkException):
        return f"{type(error).__name__} (--debug shows more)"
    return lines[0][:500] if lines else condition


def _hint(condition: str, text: str) -> str:
    if condition.startswith(("DELTA_SOURCE_TABLE_IGNORE_CHANGES", "DELTA_SOURCE_IGNORE_DELETE")):
        return (
            "A table this flow streams from was changed or refreshed in full: run with "
            "--full-refresh for this table too, or read with the option skipChangeCommits."
        )
    if condition.startswith(("CAST_", "CANNOT_PARSE", "DIVIDE", "ARITHMETIC")):
        return "Use try_cast, try_divide or an expectation, so that bad rows don't stop the flow."
    if "outputMode" in text or "OUTPUT_MODE" in condition:
        return "Add a watermark, or make the dataset a materialized view over a batch read."
    return "Correct the cause and run again; the flow goes on where it stopped."

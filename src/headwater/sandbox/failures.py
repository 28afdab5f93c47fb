"""What an exception of Spark, Delta or user code means: the error to show, whether to retry.

Values of rows never get into the result. Spark's errors quote them in many places, so an error that
involves rows is shown only by its name and the parameters known to hold names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, ParseException, PySparkException

from headwater.errors import (
    DefinitionError,
    ExpectationViolation,
    HeadwaterError,
    Location,
    SchemaChange,
    UpdateError,
    nearest,
)
from headwater.expectations.rules import VIOLATION
from headwater.graph.arguments import fault
from headwater.graph.locations import current_location, is_internal, location_of
from headwater.graph.model import Expectation, Flow
from headwater.graph.sql_query import sql_query_of
from headwater.names import TableName, readable
from headwater.sandbox.causes import Cause, innermost, texts

NAMES = (
    "columnName",
    "dataType",
    "functionName",
    "relationName",
    "routineName",
    "schemaName",
    "sourceType",
    "sqlConf",
    "tableName",
    "targetType",
)
"""Parameters of Spark's errors that hold names of things and never values of rows."""

NAMES_IN_CODE = ("objectName", "fieldName", "proposal", "provider")
"""Names where Spark looks at a statement. Where it reads rows, a field may be a key of a map."""

_FRAME = re.compile(r'^ +File "([^"]+)", line (\d+)', re.M)
_TRACE = re.compile(r"Traceback \(most recent call last\):\n((?: .*\n)*)([A-Za-z_][\w.]*)")
"""The frames of the first traceback in a text, and the class of what was raised."""

_PROPERTIES = re.compile(r"requirement failed: (The table property delta\.[^\n]*)")
"""What Delta says of properties that contradict each other."""

_TEXT_WITHHELD = " (its text is withheld; --debug shows it)"
_VALUES_WITHHELD = " (values withheld; --debug shows Spark's own text)"

_OWN = re.compile(r"^\[(AUTOCDC_[A-Z_]+)\] (.*)", re.S)
_TRANSIENT = re.compile(
    r"Concurrent(?:Append|Write|Modification|Transaction|DeleteRead)|MetadataChangedException|"
    r"DELTA_(?:CONCURRENT|METADATA_CHANGED)|ConnectException|SocketException|SocketTimeout|"
    r"TimeoutException|ServerBusy|Connection reset|BlockMissing|FetchFailed|ExecutorLost|"
    r"CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND",  # rows that were kept on an executor that is gone
)

_MOST_SHOWN = 2000
"""Characters of a text of Spark's own that a test shows."""

_COLUMNS_CHANGED = "DELTA_SCHEMA_CHANGED"

_HINTS = {
    ("DIFFERENT_DELTA_TABLE_READ_BY_STREAMING_SOURCE",): (
        "A table this flow streams from was dropped and made again, or the query reads another "
        "table now: run with --full-refresh for this table."
    ),
    ("STREAMING_STATEFUL_OPERATOR_", "STATE_STORE_", "CANNOT_LOAD_STATE_STORE", "StateStore"): (
        "The query no longer fits the state in its checkpoint: run with --full-refresh for this "
        "table. With --reset-checkpoints for this flow the table keeps its rows, and all rows of "
        "the sources are added once more."
    ),
    ("DELTA_SOURCE_TABLE_IGNORE_CHANGES", "DELTA_SOURCE_IGNORE_DELETE"): (
        "A table this flow streams from was refreshed in full, or its rows were changed: run with "
        "--full-refresh for this table, too. The option skipChangeCommits passes over changed "
        "rows; after a full refresh of the source it reads all of them once more."
    ),
    (_COLUMNS_CHANGED, "DELTA_STREAMING_INCOMPATIBLE_SCHEMA_CHANGE"): (
        "The columns of a table this flow streams from were renamed, dropped or got other types: "
        "run with --full-refresh for this table."
    ),
    (
        "FAILED_READ_FILE.FILE_NOT_EXIST",
        "DELTA_LOG_FILE_NOT_FOUND",
        "DELTA_TRUNCATED_TRANSACTION",
    ): (
        "Files that this flow has not read are gone: VACUUM removed them, or the log no longer "
        "has them. Run with --full-refresh for this table, and keep files of its source longer."
    ),
    ("VersionNotFoundException", "TemporallyUnstableInputException", "DELTA_ILLEGAL_OPTION"): (
        "Correct the options of the table's reader: startingVersion and startingTimestamp must be "
        "in its history (DESCRIBE HISTORY), maxFilesPerTrigger a number above 0."
    ),
    ("DELTA_METADATA_MISMATCH",): (
        'Rows have columns that the table lacks: set the option "mergeSchema" to "true".'
    ),
    ("DELTA_MISSING_CHANGE_DATA",): (
        "Set the property delta.enableChangeDataFeed = true on the table that is read. Its change "
        "feed begins with the version behind that: start there, or after it."
    ),
    ("CAST_", "CANNOT_PARSE", "DIVIDE", "ARITHMETIC", "NUMERIC_VALUE_OUT_OF_RANGE"): (
        "Use try_cast, try_to_timestamp or try_divide to get NULL instead of an error, and an "
        "expectation to count such rows. ANSI mode is on, as on serverless compute."
    ),
}
"""What to do, by how the names of Spark's and Delta's conditions begin."""


def describe(
    error: BaseException, failed: Flow, rules: Sequence[Expectation] = ()
) -> HeadwaterError:
    """Return the error that is shown and logged for a failed flow.

    Args:
        rules: that the flow's rows meet on their way.
    """
    flow = failed.name
    if isinstance(error, HeadwaterError):
        return error
    cause = innermost(error)
    raised = _raised_by_query(cause)
    if raised.startswith(VIOLATION):
        return _violation(raised, failed)
    if own := _OWN.match(raised):
        return UpdateError(own[1], f"Flow '{flow}' failed: {own[2]}", flow=flow)
    said = texts(error)
    if "No space left on device" in said or "errno 28" in said.lower():
        return UpdateError(
            "DISK_FULL",
            f"The disk is full; flow '{flow}' stopped, no partial data is visible",
            hint="Free disk space, then run again: it continues where it stopped.",
        )
    name = _python_error(cause) or cause.condition or cause.kind
    written = ((each.name, each.condition) for each in rules if isinstance(each.condition, str))
    rule = next((name for name, text in written if text == cause.sql), None)
    at = f" in the expectation '{rule}'" if rule is not None else ""
    described = UpdateError(
        "FLOW_FAILED",
        f"Flow '{flow}' failed{at}: {_told(cause)}",
        where=_line_of_function(cause) or _line_of_query(cause, failed) or failed.location,
        hint=_hint(cause),
        flow=flow,
        condition=name,
        exception=type(error).__name__,
    )
    described.__cause__ = error
    return described


def opened(error: HeadwaterError) -> HeadwaterError:
    """Return a failed flow's error with the text that is withheld: a test's rows are its own."""
    if error.code != "FLOW_FAILED" or error.__cause__ is None:
        return error
    cause = innermost(error.__cause__)
    text = readable(cause.parameters.get("traceback") or cause.text).strip()
    text = text.splitlines()[-1] if _python_error(cause) and text else text[:_MOST_SHOWN]
    message = error.message.removesuffix(_TEXT_WITHHELD).removesuffix(_VALUES_WITHHELD)
    shown = f"{message}: {text}" if message != error.message else message
    made = type(error)(error.code, shown, where=error.where, hint=error.hint, **error.parameters)
    made.__cause__ = error.__cause__
    return made


def explained(error: BaseException) -> str:
    """Describe in one line why a query could not be built, or a file not be run.

    Building a query may run a job on rows (`pivot`, inferred schemas), so of Spark's own errors
    only those about code are shown with their text.
    """
    cause = innermost(error)
    is_of_spark = isinstance(error, Py4JError) or getattr(error, "_origin", None) is not None
    if is_of_spark and not cause.is_about_code:
        return _told(cause)
    lines = readable(cause.text).strip().splitlines()
    if isinstance(error, PySparkException) or cause.condition:
        return lines[0] if lines else cause.condition or cause.kind
    return f"{cause.kind}: {lines[0]}" if lines else cause.kind


ONLY_A_WORKSPACE = "Only a workspace has it"


def missing_table(table: TableName, written: str, names: Sequence[str]) -> DefinitionError:
    """Make the fault of a read of a table that is not there.

    Args:
        names: of the tables and datasets that are.
    """
    if table.catalog == "system" or table.schema == "information_schema":
        hint = (
            f"{ONLY_A_WORKSPACE}. To run here, make a table of this name with the columns "
            "that are read, with `headwater sql`."
        )
    else:
        hint = (
            nearest(str(table), names)
            or nearest(table.table, [name.split(".")[-1] for name in names])
            or "Define it in the pipeline, or create it first with `headwater sql`."
        )
    return _MissingTable(
        "TABLE_NOT_FOUND",
        f"'{written}' is neither a dataset of this pipeline nor a table of this target",
        where=current_location(),
        hint=hint,
        table=str(table),
    )


class _MissingTable(DefinitionError, AnalysisException):
    """A table that is not there: sources catch Spark's error of a workspace to do without it."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(code, message, **more)
        self._message = self.desc = message
        self._errorClass = "TABLE_OR_VIEW_NOT_FOUND"
        self._messageParameters = {"relationName": str(more.get("table"))}
        self._contexts = []

    def __str__(self) -> str:
        return f"[{self._errorClass}] {self._message}"

    def getCondition(self) -> str:  # noqa: N802 - PySpark's name
        return str(self._errorClass)

    getErrorClass = getCondition  # noqa: N815

    def getSqlState(self) -> str:  # noqa: N802 - PySpark's name
        return "42P01"


def looked(action: str) -> DefinitionError:
    """Make the warning of an action that only returned rows."""
    return fault(
        "ACTION_IN_DATASET",
        f"A dataset function called {action}(), which runs a job each time it is evaluated",
        "Compute it in the query; while the pipeline is planned, it sees no rows.",
        action=action,
    )


def latest_anew(table: TableName) -> DefinitionError:
    """Make the warning of a stream that begins with what is newest when an update begins.

    Delta notes where a stream stands only with its first rows: an update that finds none leaves
    no trace, and the next begins behind what has come in between.
    """
    return fault(
        "STARTING_VERSION_LATEST",
        f"startingVersion 'latest' of '{table}' is looked up by each update until one finds rows: "
        "what comes between two updates is passed over",
        "Write the number of a version; DESCRIBE HISTORY shows them.",
        table=str(table),
    )


def reason(error: BaseException) -> str:
    """Describe in one line why SQL failed; values of rows are withheld."""
    return _told(innermost(error))


def is_retryable(error: BaseException) -> bool:
    """Whether trying again can help: lost connections and conflicting commits, not bad data."""
    if isinstance(error, (HeadwaterError, AnalysisException, ParseException)):
        return False
    return isinstance(error, (Py4JError, PySparkException, OSError)) and bool(
        _TRANSIENT.search(texts(error))
    )


def _raised_by_query(cause: Cause) -> str:
    """Return what `raise_error` in a query said; "" when something else failed."""
    if cause.condition != "USER_RAISED_EXCEPTION":
        return ""
    return cause.parameters.get("errorMessage") or cause.text.partition("] ")[2]


def columns_changed(chain: Sequence[Cause], flow: Flow) -> SchemaChange | None:
    """Return what begins an update anew where Delta asks for that; None where it does not.

    Source: Delta's error class DELTA_SCHEMA_CHANGED_WITH_VERSION: "Please try restarting the
    query. If this issue repeats across query restarts without making progress, you have made an
    incompatible schema change".

    Args:
        chain: the causes of a flow's failure.
    """
    for each in chain:
        if each.condition.startswith(_COLUMNS_CHANGED):
            version = each.parameters.get("version", "")
            columns = each.parameters.get("readSchema", "")
            when = f" in version {version} of it" if version else ""
            return SchemaChange(
                "SOURCE_COLUMNS_CHANGED",
                f"The columns of a table that flow '{flow.name}' streams from have changed{when}",
                where=flow.location,
                hint="Run the update again.",
                flow=flow.name,
                change=f"{flow.name} {version} {columns}",
            )
    return None


def is_violation(error: BaseException) -> bool:
    """Whether a row broke a rule that fails the flow."""
    return _raised_by_query(innermost(error)).startswith(VIOLATION)


def _violation(text: str, failed: Flow) -> ExpectationViolation:
    line = text[text.index(VIOLATION) :].splitlines()[0].split(" SQLSTATE:")[0]
    found = re.search(r"Violated expectations: '([^']*)'", line)
    is_whole = failed.sink is None or failed.sink.format == "delta"
    written = "Nothing was written." if is_whole else "Other rows of the batch may have been sent."
    return ExpectationViolation(
        "EXPECTATION_VIOLATION",
        line,
        where=failed.location,
        hint=f"{written} Correct the source rows, or make the rule a drop or warn rule.",
        flow=failed.name,
        expectations=(found[1] if found else "").split(", "),
    )


def _told(cause: Cause) -> str:
    lines = readable(cause.text).strip().splitlines()
    if cause.is_about_code and lines:
        return lines[0][:500]
    if found := _PROPERTIES.match(cause.text):
        return found[1]
    kind = _python_error(cause)
    if kind:
        return f"{kind} in a Python function{_TEXT_WITHHELD}"
    names = [f"{key} {name}" for key, name in names_in(cause).items()]
    name = ": ".join([cause.condition or cause.kind, *([", ".join(names)] if names else [])])
    return f"{name}{_VALUES_WITHHELD}"


def names_in(cause: Cause) -> dict[str, str]:
    """Return the parameters of a cause that may be shown: names of things, never values of rows."""
    known = (*NAMES, *NAMES_IN_CODE) if cause.is_about_code else NAMES
    return {key: cause.parameters[key] for key in known if cause.parameters.get(key)}


def _python_error(cause: Cause) -> str:
    """Name the class of an error that a Python function raised in a worker."""
    if "PythonException" not in cause.kind and cause.condition != "PYTHON_EXCEPTION":
        return ""
    found = _TRACE.search(cause.parameters.get("traceback") or cause.text)
    return found[2] if found else ""


def _line_of_function(cause: Cause) -> Location | None:
    found = _TRACE.search(cause.parameters.get("traceback") or cause.text)
    if not found or not _python_error(cause):
        return None
    files = [each for each in _FRAME.findall(found[1]) if Path(each[0]).is_absolute()]
    frames = [each for each in files if not is_internal(each[0])]
    return location_of(frames[-1][0], int(frames[-1][1])) if frames else None


def _line_of_query(cause: Cause, flow: Flow) -> Location | None:
    query = sql_query_of(flow.query)
    return query.line_of(cause.line, cause.fragment) if query is not None else None


def _hint(cause: Cause) -> str:
    if "sources in the checkpoint offsets" in cause.text:
        return (
            "The query reads from more or fewer streams than before: run with --full-refresh for "
            "this table. With --reset-checkpoints for this flow the table keeps its rows, and all "
            "rows of the sources are added once more."
        )
    for conditions, hint in _HINTS.items():
        if cause.condition.startswith(conditions) or cause.kind.startswith(conditions):
            return hint
    return "Correct the cause and run again; the flow continues where it stopped."

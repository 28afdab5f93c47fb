"""What an exception means: retried or not, and shown without values of rows."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any, cast

import pyspark
import pytest
from pyspark.errors import SparkRuntimeException

from headwater.errors import ExpectationViolation, Location, UpdateError
from headwater.graph.model import Flow
from headwater.names import TableName
from headwater.sandbox.failures import NAMES, describe, is_retryable, missing_table

FLOW = Flow("f", TableName("c", "s", "t"), cast(Any, None), Location("main.py", 3))
VIOLATION = (
    "[USER_RAISED_EXCEPTION] [EXPECTATION_VIOLATION.VERBOSITY_ALL] Flow 'f' failed to meet the "
    "expectation. Violated expectations: 'a, b'. Input data: 'x'. Output record: 'y'. "
    "Missing input data: true SQLSTATE: P0001"
)


def test_violation_keeps_the_contract_text_and_the_names() -> None:
    error = describe(SparkRuntimeException(VIOLATION), FLOW)
    assert isinstance(error, ExpectationViolation)
    assert error.parameters["expectations"] == ["a", "b"]
    assert error.message.startswith("[EXPECTATION_VIOLATION.VERBOSITY_ALL] Flow 'f' failed")
    assert error.message.endswith("Missing input data: true")


def test_data_errors_do_not_quote_values() -> None:
    text = "[CAST_INVALID_INPUT] The value 'John Doe' of the type \"STRING\" cannot be cast"
    error = describe(SparkRuntimeException(text), FLOW)
    assert error.parameters["condition"] == "CAST_INVALID_INPUT"
    assert "John" not in str(error)


def test_properties_that_contradict_each_other_are_named() -> None:
    said = "The table property delta.a(90 days) needs to be less than delta.b(30 days)."
    error = SparkRuntimeException(f"requirement failed: {said}")
    assert said in str(describe(error, FLOW))


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("system.billing.usage", "Only a workspace has it"),
        ("c.information_schema.tables", "Only a workspace has it"),
        ("c.s.peple", "Did you mean 'c.s.people'?"),
        ("hive.old.visits", "create it first with `headwater sql`"),
    ],
)
def test_missing_table_is_told_with_what_to_do(written: str, advice: str) -> None:
    error = missing_table(TableName(*written.split(".")), written, ["c.s.people"])
    assert (error.code, error.parameters["table"]) == ("TABLE_NOT_FOUND", written)
    assert advice in error.hint


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SparkRuntimeException("[DELTA_CONCURRENT_APPEND] ..."), True),
        (OSError("Connection reset by peer"), True),
        (SparkRuntimeException("[CAST_INVALID_INPUT] ..."), False),
        (UpdateError("X", "Connection reset"), False),
        (UpdateError("KAFKA_UNREACHABLE", "no answer"), False),
        (ValueError("Connection reset"), False),
    ],
)
def test_only_passing_troubles_are_retried(error: Exception, expected: bool) -> None:
    assert is_retryable(error) is expected


@pytest.mark.parametrize(
    ("condition", "advice"),
    [
        ("CAST_INVALID_INPUT", "try_cast"),
        ("DELTA_SOURCE_TABLE_IGNORE_CHANGES", "skipChangeCommits"),
        ("DELTA_MISSING_CHANGE_DATA", "delta.enableChangeDataFeed"),
        ("FAILED_READ_FILE.FILE_NOT_EXIST", "VACUUM"),
        ("DELTA_ILLEGAL_OPTION", "startingVersion"),
        ("DELTA_METADATA_MISMATCH", "mergeSchema"),
        ("DELTA_STREAMING_INCOMPATIBLE_SCHEMA_CHANGE_USE_SCHEMA_LOG", "--full-refresh"),
        ("OTHER", "run again"),
    ],
)
def test_hint_says_what_to_do_about_a_condition(condition: str, advice: str) -> None:
    assert advice in describe(SparkRuntimeException(f"[{condition}] x"), FLOW).hint


def test_full_disk_is_named() -> None:
    assert describe(OSError(28, "No space left on device"), FLOW).code == "DISK_FULL"


def conditions() -> dict[str, list[str]]:
    """All error conditions of the installed Spark, with the text of each."""
    (jar,) = Path(pyspark.__file__).parent.glob("jars/spark-common-utils_*.jar")
    with zipfile.ZipFile(jar) as opened:
        known = json.loads(opened.read("error/error-conditions.json"))
    found = {}
    for name, told in known.items():
        found[name] = told["message"]
        for below, more in told.get("subClass", {}).items():
            found[f"{name}.{below}"] = [*told["message"], *more["message"]]
    return found


class Told(SparkRuntimeException):
    """An error of a condition, with a value of a row in each of its parameters."""

    def __init__(self, condition: str, template: list[str]) -> None:
        names = set(re.findall(r"<(\w+)>", " ".join(template)))
        text = re.sub(r"<\w+>", "123-45-6789", " ".join(template))
        super().__init__(f"[{condition}] {text}")
        self._told = (condition, dict.fromkeys(names, "123-45-6789"))

    def getCondition(self) -> str:  # noqa: N802
        return self._told[0]

    def getMessageParameters(self) -> dict[str, str]:  # noqa: N802
        return self._told[1]


def test_no_condition_of_spark_lets_a_value_through() -> None:
    leaking = set()
    for condition, template in conditions().items():
        error = Told(condition, template)
        told = describe(error, FLOW)
        for name in NAMES:
            error._told[1].pop(name, None)
        if "123-45-6789" in str(describe(error, FLOW)):
            leaking.add(condition)
        assert condition in told.message or condition == "USER_RAISED_EXCEPTION"
    assert leaking == set()


def test_names_that_are_shown_are_parameters_of_spark() -> None:
    text = " ".join(" ".join(each) for each in conditions().values())
    assert [name for name in NAMES if f"<{name}>" not in text] == []


TRACE = """An exception was thrown from the Python worker: Traceback (most recent call last):
  File "{package}/pyspark/worker.py", line 1, in main
    process()
  File "/home/me/src/rules.py", line 12, in boom
    raise LookupError(value)
LookupError: no such patient
Smith: 123-45-6789
  File "/etc/passwd", line 3, in value
"""


def test_error_of_a_python_function_is_told_by_its_class_and_line() -> None:
    class FromWorker(SparkRuntimeException):
        def getCondition(self) -> str:  # noqa: N802
            return "PYTHON_EXCEPTION"

    package = str(Path(pyspark.__file__).parent.parent)
    error = describe(FromWorker(TRACE.format(package=package)), FLOW)
    assert error.parameters["condition"] == "LookupError"
    assert str(error.where) == "/home/me/src/rules.py:12"
    assert not any(word in str(error) for word in ("patient", "Smith", "123-45", "passwd"))


def test_error_that_only_quotes_the_plan_is_no_violation() -> None:
    plan = f"concat({VIOLATION})"
    error = describe(SparkRuntimeException(f"[CANNOT_PARSE_TIMESTAMP] x {plan}"), FLOW)
    assert (error.code, error.parameters["condition"]) == ("FLOW_FAILED", "CANNOT_PARSE_TIMESTAMP")

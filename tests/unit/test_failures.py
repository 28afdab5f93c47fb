"""What an exception means: retried or not, and shown without values of rows."""

import pytest
from pyspark.errors import SparkRuntimeException

from headwater.engine.failures import describe, is_retryable
from headwater.errors import ExpectationViolation, UpdateError

VIOLATION = (
    "[USER_RAISED_EXCEPTION] [EXPECTATION_VIOLATION.VERBOSITY_ALL] Flow 'f' failed to meet the "
    "expectation. Violated expectations: 'a, b'. Input data: 'x'. Output record: 'y'. "
    "Missing input data: true SQLSTATE: P0001"
)


def test_violation_keeps_the_contract_text_and_the_names() -> None:
    error = describe(SparkRuntimeException(VIOLATION), "f")
    assert isinstance(error, ExpectationViolation)
    assert error.parameters["expectations"] == ["a", "b"]
    assert error.message.startswith("[EXPECTATION_VIOLATION.VERBOSITY_ALL] Flow 'f' failed")
    assert error.message.endswith("Missing input data: true")


def test_data_errors_do_not_quote_values() -> None:
    text = "[CAST_INVALID_INPUT] The value 'John Doe' of the type \"STRING\" cannot be cast"
    error = describe(SparkRuntimeException(text), "f")
    assert error.parameters["condition"] == "CAST_INVALID_INPUT"
    assert "John" not in str(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SparkRuntimeException("[DELTA_CONCURRENT_APPEND] ..."), True),
        (OSError("Connection reset by peer"), True),
        (SparkRuntimeException("[CAST_INVALID_INPUT] ..."), False),
        (UpdateError("X", "Connection reset"), False),
        (ValueError("Connection reset"), False),
    ],
)
def test_only_passing_troubles_are_retried(error: Exception, expected: bool) -> None:
    assert is_retryable(error) is expected


def test_full_disk_is_named() -> None:
    assert describe(OSError(28, "No space left on device"), "f").code == "DISK_FULL"

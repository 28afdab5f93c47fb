"""What is told of Spark's errors: names, held against Spark's own list of conditions."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark.errors import AnalysisException, SparkRuntimeException

from headwater.jobs.failures import described
from headwater.sandbox.failures import NAMES, NAMES_IN_CODE

LIST = "error/error-conditions.json"


def conditions() -> dict[str, str]:
    """Spark's texts by condition, those of sub-conditions with the text before them."""
    jars = Path(pyspark.__file__).parent.glob("jars/spark-common-utils*.jar")
    found: dict[str, Any] = {}
    for jar in jars:
        with zipfile.ZipFile(jar) as opened:
            if LIST in opened.namelist():
                found |= json.loads(opened.read(LIST))
    texts = {}
    for name, told in found.items():
        texts[name] = " ".join(told["message"])
        for sub, more in told.get("subClass", {}).items():
            texts[f"{name}.{sub}"] = " ".join([*told["message"], *more["message"]])
    return texts


TEXTS = conditions()


@pytest.mark.parametrize("name", sorted({*NAMES, *NAMES_IN_CODE}))
def test_allowed_parameter_is_one_of_sparks(name: str) -> None:
    assert any(f"<{name}>" in text for text in TEXTS.values())


@pytest.mark.parametrize("name", NAMES)
def test_allowed_parameter_is_never_said_to_be_a_value(name: str) -> None:
    said = re.compile(rf"\b(value|input|string|literal|record)s? ['\"`]?<{name}>", re.I)
    assert [each for each, text in TEXTS.items() if said.search(text)] == []


def failure(kind: type[Any], condition: str, **parameters: str) -> str:
    error = kind(errorClass=condition, messageParameters=parameters, message="of Erika")
    return described(error, Path("/"))


def test_names_are_told_and_values_are_not() -> None:
    told = failure(
        SparkRuntimeException,
        "CAST_OVERFLOW_IN_TABLE_INSERT",
        sourceType='"BIGINT"',
        targetType='"INT"',
        columnName="`age`",
        value="Erika",
    )
    said = "[CAST_OVERFLOW_IN_TABLE_INSERT] SparkRuntimeException: "
    assert told == said + '`age`, "BIGINT", "INT"'


def test_field_of_a_row_is_not_told_and_one_of_a_statement_is() -> None:
    of_row = failure(
        SparkRuntimeException, "CANNOT_PARSE_JSON_FIELD", fieldName="Erika", fieldValue="1"
    )
    assert "Erika" not in of_row
    of_code = failure(AnalysisException, "FIELD_NOT_FOUND", fieldName="`agee`", fields="`age`")
    assert of_code == "[FIELD_NOT_FOUND] AnalysisException: `agee`"

"""docs/testing.md does what it says: each of its tests is run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headwater.testing.session import open_pipeline

TUTORIAL = Path(__file__).parents[2] / "docs" / "testing.md"
SOURCE, *TESTS = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)


def functions() -> list[Callable[..., None]]:
    names: dict[str, Any] = {}
    for text in TESTS:
        exec(compile(text, str(TUTORIAL), "exec"), names)  # noqa: S102 - our own document
    return [value for name, value in names.items() if name.startswith("test_")]


@pytest.mark.parametrize("function", functions(), ids=lambda each: each.__name__)
def test_tutorial_holds(function: Callable[..., None], spark: SparkSession, tmp_path: Path) -> None:
    source = tmp_path / "pipelines" / "people.py"
    source.parent.mkdir()
    source.write_text(SOURCE)
    with open_pipeline(spark, tmp_path / "target", tmp_path) as pipeline:
        function(pipeline)

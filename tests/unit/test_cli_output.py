"""What commands print for programs."""

from __future__ import annotations

import json

import pytest

from headwater.cli.output import print_json


def test_json_has_no_numbers_that_json_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [float("nan"), (1.5, float("-inf"))], "b": "x"})

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    told = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert told == {"a": ["NaN", [1.5, "-Infinity"]], "b": "x"}

"""Values that options of the command line take."""

from __future__ import annotations

import pytest

from headwater.cli.options import key_values, variable_values
from headwater.errors import UsageError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("a=1", "b=2"), {"a": "1", "b": "2"}),
        (("a=1,b=2",), {"a": "1", "b": "2"}),
        (("days=mon,tue",), {"days": "mon,tue"}),
        (('"a=1,b=2"',), {"a": "1,b=2"}),
        (('a={"k": 1}',), {"a": '{"k": 1}'}),
        (("a=",), {"a": ""}),
    ],
)
def test_values_of_var_may_be_joined_by_commas(
    given: tuple[str, ...], expected: dict[str, str]
) -> None:
    assert variable_values(given) == expected


def test_values_of_other_options_are_taken_whole() -> None:
    assert key_values(("a=1,b=2",), "--param") == {"a": "1,b=2"}


@pytest.mark.parametrize("given", ["a", "=1", ""])
def test_value_without_a_name_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="VARIABLE_INVALID"):
        variable_values((given,))

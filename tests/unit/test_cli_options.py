"""Values that options of the command line take."""

from __future__ import annotations

import pytest

from headwater.cli.main import cli
from headwater.cli.options import key_values, target_words, variable_values
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


def test_target_of_a_command_can_be_named_again() -> None:
    def words(*given: str) -> str:
        with cli.make_context("headwater", ["dbt"]) as main:
            command = cli.commands["dbt"]
            return target_words(command.make_context("dbt", [*given, "test"], parent=main))

    assert words() == ""
    assert words("-t", "test") == "-t test"
    given = ("--bundle", "my work", "--state", "s", "--var", "a=1", "--var", "b=x y")
    assert words(*given) == "--bundle 'my work' --state s --var a=1 --var 'b=x y'"

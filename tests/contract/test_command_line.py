"""Every command has help with an example, is in the README, and fails in two lines."""

import click
import pytest
from click.testing import CliRunner

from headwater.cli.main import cli

README = (__import__("pathlib").Path(__file__).parents[2] / "README.md").read_text()
COMMANDS = sorted(cli.commands)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"]).output
    assert "Example" in shown
    assert f"headwater {name}" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_in_the_readme(name: str) -> None:
    assert f"headwater {name}" in README or f"make {name}" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_option_has_help(name: str) -> None:
    options = [each for each in cli.commands[name].params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []

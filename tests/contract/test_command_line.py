"""Every command has help with an example, is in the README, and fails in two lines."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import headwater.cli.main
import lakeflow_job_meta.cli.main

README = (Path(__file__).parents[2] / "README.md").read_text()
PROGRAMS: dict[str, click.Group] = {
    "headwater": headwater.cli.main.cli,
    "lakeflow-job-meta": lakeflow_job_meta.cli.main.cli,
}
COMMANDS = [
    pytest.param(program, name, id=f"{program} {name}")
    for program, group in PROGRAMS.items()
    for name in sorted(group.commands)
]


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_command_has_help_with_an_example(program: str, name: str) -> None:
    shown = CliRunner().invoke(PROGRAMS[program], [name, "--help"]).output
    assert "Example" in shown
    assert f"{program} {name}" in shown


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_command_is_in_the_readme(program: str, name: str) -> None:
    assert f"{program} {name}" in README or f"make {name}" in README


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_option_has_help(program: str, name: str) -> None:
    parameters = PROGRAMS[program].commands[name].params
    options = [each for each in parameters if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []

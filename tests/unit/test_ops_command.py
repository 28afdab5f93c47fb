"""Every command of `headwater ops` has help with an example, both flags, and its docs."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from headwater.cli.ops import ops

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
NAMES = sorted(ops.commands)


@pytest.mark.parametrize("name", NAMES)
def test_ops_command_has_help_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(ops, [name, "--help"]).output
    assert "Example" in shown
    assert f"headwater ops {name}" in shown


@pytest.mark.parametrize("name", NAMES)
def test_ops_command_takes_json_and_dry_run_and_explains_its_options(name: str) -> None:
    options = [each for each in ops.commands[name].params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    assert {"--json", "--dry-run"} <= {spelled for each in options for spelled in each.opts}


@pytest.mark.parametrize("name", NAMES)
def test_ops_command_is_in_the_docs(name: str) -> None:
    assert f"headwater ops {name}" in PAGE

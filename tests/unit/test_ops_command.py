"""Every command of `headwater ops` has help with an example, both flags, and its docs."""

from __future__ import annotations

import runpy
import signal
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from headwater.cli.ops import ops

SCRIPTS = Path(__file__).parents[2] / "scripts"
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


def test_each_command_has_its_script_and_no_script_is_left_over() -> None:
    assert sorted(each.stem.replace("_", "-") for each in SCRIPTS.glob("*.py")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_script_is_the_command(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = SCRIPTS / f"{name.replace('-', '_')}.py"
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    try:
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(script), run_name="__main__")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 0
    assert f"headwater ops {name}" in capsys.readouterr().out

"""Warnings about a bundle, as the commands print them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headwater.cli.main import cli
from unit.test_bundle_support import PIPELINE, write_bundle


def shown(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, ["show", "nothing", "--bundle", str(folder), *more])


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_unknown_key_is_told_once_on_stderr(tmp_path: Path, more: tuple[str, ...]) -> None:
    result = shown(write_bundle(tmp_path, PIPELINE + "      catlog: x\n"), *more)
    assert result.stderr.startswith(
        "warning: [BUNDLE_KEY_UNKNOWN] unknown key 'resources.pipelines.flow.catlog'"
    )
    assert "databricks.yml:11" in result.stderr
    assert result.stderr.endswith("Did you mean 'catalog'?\n")
    assert (result.stderr.count("warning:"), result.stdout) == (1, "")


def test_unknown_key_is_told_before_the_error_that_it_causes(tmp_path: Path) -> None:
    result = shown(write_bundle(tmp_path, PIPELINE.replace("schema:", "shema:")))
    assert "Did you mean 'schema'?" in result.stderr
    assert getattr(result.exception, "code", None) == "BUNDLE_KEY_MISSING"

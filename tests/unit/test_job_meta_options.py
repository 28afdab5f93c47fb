"""Options of `lakeflow-job-meta` that would have no effect are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lakeflow_job_meta.cli.main import cli
from lakeflow_job_meta.errors import UsageError

TABLE = ["--control-table", "main.ops.control"]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["run", "m", *TABLE, "--root", "."], ["--root"]),
        (["run", "m", *TABLE, "--skip-unsupported"], ["--skip-unsupported"]),
        (["run", "m", *TABLE, "--max-parallel", "4"], ["--max-parallel"]),
        (
            ["run", "m", *TABLE, "--local", "--profile", "p", "--name-prefix", "x"],
            ["--profile", "--name-prefix"],
        ),
        (["validate", "m.yaml", *TABLE], ["--control-table"]),
        (["validate", "m.yaml", "-t", "dev", "--bundle", "."], ["--bundle", "--target"]),
        (["graph", "--yaml", "m.yaml", *TABLE], ["--control-table"]),
        (["graph", "--yaml", "m.yaml", "--json", "--format", "text"], ["--format"]),
    ],
)
def test_option_without_effect_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text("modules: []\n")
    error = CliRunner().invoke(cli, arguments).exception
    assert isinstance(error, UsageError)
    assert error.code == "OPTION_WITHOUT_EFFECT"
    assert error.message.startswith(", ".join(options) + " ha")


def test_table_of_the_environment_does_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("modules: []\n")
    known = {"LAKEFLOW_JOB_META_CONTROL_TABLE": TABLE[1]}
    done = CliRunner().invoke(cli, ["validate", str(tmp_path / "m.yaml")], env=known)
    assert (done.exit_code, done.output) == (0, "No faults.\n")


def test_target_without_a_bundle_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["run", "m", "--local", *TABLE, "-t", "dev"]
    error = CliRunner().invoke(cli, arguments).exception
    assert isinstance(error, UsageError)
    assert error.code == "OPTION_WITHOUT_EFFECT"

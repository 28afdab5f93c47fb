"""Options of `lakeflow-job-meta` that would have no effect are refused by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from headwater.errors import UsageError
from job_meta_support import yaml_of
from lakeflow_job_meta.cli.main import cli, main

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


def test_place_that_does_not_exist_is_refused_and_not_made(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    for option in ("--bundle", "--root"):
        done = CliRunner().invoke(cli, ["run", "m", "--local", *TABLE, option, str(gone)])
        assert done.exit_code == 2
    assert not gone.exists()


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["lakeflow-job-meta", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_command_alone_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch) == 2
    assert capsys.readouterr().err.startswith("Usage: lakeflow-job-meta ")


def test_names_in_an_error_stay_on_their_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = {"source_id": "n\x1b[2J", "source_type": "x", "transformation_config": {}}
    (tmp_path / "m.yaml").write_text(yaml_of(("m\n", [source, source])))
    assert run_main(monkeypatch, "graph", "--yaml", str(tmp_path / "m.yaml")) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert all(line.startswith(("error:", "  [", "  fix:")) for line in told.splitlines())

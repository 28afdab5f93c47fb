"""`headwater bundle`: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from headwater.cli.main import cli
from headwater.errors import UsageError
from unit.test_bundle_support import PIPELINE, write_bundle

ROOT = Path(__file__).parents[2]
TARGETS = """
variables:
  catalog: {default: main}
  token: {default: hunter2}
targets:
  dev: {default: true}
  test: {variables: {catalog: test}}
"""
CONFIGURED = PIPELINE + (
    "      catalog: ${var.catalog}\n"
    "      configuration: {url: 'https://x/?${var.token}', id: '${resources.jobs.j.run_as}'}\n"
)


def run(folder: Path, command: str, *more: str) -> Result:
    return CliRunner().invoke(cli, ["bundle", command, "--bundle", str(folder), *more])


def test_check_of_a_good_bundle_ends_with_0(tmp_path: Path) -> None:
    result = run(write_bundle(tmp_path, PIPELINE), "check")
    assert (result.exit_code, result.stdout) == (
        0,
        "Checked targets: default; 0 errors, 0 warnings.\n",
    )


def test_warning_ends_with_1_if_strict_alone(tmp_path: Path) -> None:
    write_bundle(tmp_path, PIPELINE + "      catlog: x\n")
    assert [run(tmp_path, "check", *more).exit_code for more in ([], ["--strict"])] == [0, 1]


def test_error_is_printed_with_place_and_fix_and_ends_with_1(tmp_path: Path) -> None:
    result = run(write_bundle(tmp_path, PIPELINE.replace("flow.py", "flaw.py")), "check")
    assert result.exit_code == 1
    first, fix, last = result.stdout.splitlines()
    assert first.startswith("error: [LIBRARY_EMPTY] ")
    assert "databricks.yml:10" in first
    assert fix.startswith("  fix: ")
    assert last == "Checked targets: default; 1 error, 0 warnings."


def test_check_prints_findings_as_json(tmp_path: Path) -> None:
    write_bundle(tmp_path, PIPELINE + "      catlog: x\ntargets: {dev: {}, test: {}}\n")
    (finding,) = json.loads(run(tmp_path, "check", "--all", "--json").stdout)
    assert finding == {
        "severity": "warning",
        "code": "BUNDLE_KEY_UNKNOWN",
        "message": "unknown key 'resources.pipelines.flow.catlog'",
        "file": str(tmp_path / "databricks.yml"),
        "line": 11,
        "hint": "Did you mean 'catalog'?",
        "targets": ["dev", "test"],
    }


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["-t", "prd"], "TARGET_UNKNOWN"),
        (["-t", "dev", "--all"], "TARGETS_CONFLICT"),
        (["--var", "x"], "VARIABLE_INVALID"),
        (["--var", "x=1"], "VARIABLE_UNDEFINED"),
    ],
)
def test_wrong_call_is_a_usage_error(tmp_path: Path, more: list[str], code: str) -> None:
    result = run(write_bundle(tmp_path, PIPELINE + "targets: {dev: {}}\n"), "check", *more)
    assert isinstance(result.exception, UsageError)
    assert (result.exception.code, result.exception.exit_code) == (code, 2)


def test_check_takes_values_of_variables(tmp_path: Path) -> None:
    write_bundle(tmp_path, PIPELINE + "variables: {x: {description: X.}}\n")
    assert run(tmp_path, "check").exit_code == 1
    assert run(tmp_path, "check", "--var", "x=1").exit_code == 0


def test_show_resolves_what_is_known_and_masks_secrets(tmp_path: Path) -> None:
    result = run(write_bundle(tmp_path, CONFIGURED + TARGETS), "show", "-t", "test")
    shown = YAML(typ="safe").load(result.stdout)
    flow = shown["resources"]["pipelines"]["flow"]
    assert flow["catalog"] == "test"
    assert flow["configuration"] == {"url": "https://x/?***", "id": "${resources.jobs.j.run_as}"}
    assert shown["variables"] == {"catalog": "test", "token": "***"}
    assert "targets" not in shown
    assert "hunter2" not in result.output


def test_show_has_what_development_mode_and_presets_make_of_jobs(tmp_path: Path) -> None:
    main = """
        resources: {jobs: {j: {schedule: {quartz_cron_expression: 0 0 6 * * ?, timezone_id: UTC}}}}
        targets:
          dev: {mode: development, presets: {tags: {team: flow}}}
          prod: {presets: {trigger_pause_status: UNPAUSED, jobs_max_concurrent_runs: 2}}
    """
    write_bundle(tmp_path, main)
    dev, prod = (
        YAML(typ="safe").load(run(tmp_path, "show", "-t", each).stdout)["resources"]["jobs"]["j"]
        for each in ("dev", "prod")
    )
    assert dev["schedule"]["pause_status"] == "PAUSED"
    assert dev["max_concurrent_runs"] == 4
    assert dev["tags"]["team"] == "flow"
    assert "${" not in dev["tags"]["dev"]
    assert prod["schedule"]["pause_status"] == "UNPAUSED"
    assert (prod["max_concurrent_runs"], prod.get("tags")) == (2, None)


def test_show_masks_a_secret_that_is_given(tmp_path: Path) -> None:
    write_bundle(tmp_path, CONFIGURED + TARGETS)
    assert "swordfish" not in run(tmp_path, "show", "--var", "token=swordfish").output


def test_show_prints_json(tmp_path: Path) -> None:
    write_bundle(tmp_path, PIPELINE)
    assert json.loads(run(tmp_path, "show", "--json").stdout)["bundle"]["name"] == "demo"


def test_show_of_a_reference_that_leads_nowhere_keeps_it_and_warns(tmp_path: Path) -> None:
    write_bundle(tmp_path, PIPELINE + "      catalog: ${var.catlog}\n")
    result = run(tmp_path, "show")
    assert "catalog: ${var.catlog}" in result.stdout
    assert "warning: [VARIABLE_UNDEFINED]" in result.stderr


def test_diff_prints_what_differs_and_ends_with_1(tmp_path: Path) -> None:
    result = run(write_bundle(tmp_path, CONFIGURED + TARGETS), "diff", "dev", "test")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "  variables.catalog: main -> test",
        "  resources.pipelines.flow.catalog: main -> test",
    ]


def test_diff_of_targets_that_are_the_same_ends_with_0(tmp_path: Path) -> None:
    write_bundle(tmp_path, PIPELINE + "targets: {dev: {}, test: {}}\n")
    result = run(tmp_path, "diff", "dev", "test")
    assert (result.exit_code, result.stdout) == (0, "")


def test_diff_prints_json(tmp_path: Path) -> None:
    targets = "targets: {dev: {}, test: {presets: {name_prefix: t_}}}\n"
    write_bundle(tmp_path, PIPELINE + targets)
    assert json.loads(run(tmp_path, "diff", "dev", "test", "--json").stdout) == [
        {"path": "resources.pipelines.flow.name", "before": "flow", "after": "t_flow"},
        {"path": "presets", "after": {"name_prefix": "t_"}},
    ]


def test_check_loads_no_spark() -> None:
    code = "import sys, headwater.cli.bundles; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"pyspark", "py4j", "delta", "deltalake", "pyarrow", "rich"}
    assert slow & set(done.stdout.split()) == set()


DATABRICKS = shutil.which("databricks")


@pytest.mark.skipif(
    DATABRICKS is None or os.environ.get("HEADWATER_TEST_CLI") != "1",
    reason="needs a databricks CLI on PATH and HEADWATER_TEST_CLI=1",
)
@pytest.mark.parametrize("target", ["dev", "test", "staging", "prod"])
def test_databricks_cli_takes_our_own_bundle(target: str) -> None:
    done = subprocess.run(
        [str(DATABRICKS), "bundle", "validate", "-t", target],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

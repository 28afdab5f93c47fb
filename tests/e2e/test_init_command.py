"""A new project runs and tests at once, whatever it is written in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from headwater.cli.main import cli
from headwater.projects import TEMPLATES

SESSION_OF_THIS_TEST = """
import pytest
from pyspark.sql import SparkSession

@pytest.fixture(scope="session")
def spark():
    return SparkSession.getActiveSession()
"""


class Counts:
    """Counts the tests that pass in a run of pytest within this one."""

    passed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.passed += report.when == "call" and report.passed


@pytest.mark.parametrize("template", TEMPLATES)
def test_new_project_runs_and_passes_its_gate_and_its_tests(
    template: str, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, obj={"spark": spark}, catch_exceptions=False)

    def rows(table: str) -> list[dict[str, Any]]:
        return list(json.loads(command("show", table, "--json").stdout))

    name = f"{template}_shop"
    monkeypatch.chdir(tmp_path)
    made = command("init", name, "--template", template)
    assert made.stdout.splitlines()[1:] == [f"  cd {name}", "  headwater run", "  pytest"]
    monkeypatch.chdir(tmp_path / name)
    ran = command("run", "--strict")
    assert ran.exit_code == 0, ran.stderr
    if template == "dbt":
        built = command("dbt", "build")
        assert built.exit_code == 0, built.output
    sales = {each["day"]: (each["orders"], each["amount"]) for each in rows("daily_sales")}
    assert sales == {"2026-01-01": (2, "32.50"), "2026-01-02": (1, "7.25")}
    assert sorted((each["customer"], each["city"]) for each in rows("customers")) == [
        ("ann", "Bern"),
        ("ann", "Chur"),
        ("bob", "Basel"),
    ]
    assert command("gate").exit_code == 0
    if template == "python":  # the others' test of the pipeline is the same
        (tmp_path / name / "conftest.py").write_text(SESSION_OF_THIS_TEST)
        counts = Counts()
        status = pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir=."], plugins=[counts])
        assert (status, counts.passed) == (pytest.ExitCode.OK, 2)

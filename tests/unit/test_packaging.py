"""What the wheel asks for: nothing in a workspace, everything for local use."""

import sys
from pathlib import Path

import pytest

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


def test_pytest_plugin_has_the_name_of_its_module() -> None:
    plugins = PROJECT["project"]["entry-points"]["pytest11"]
    assert plugins == {"headwater.testing.plugin": "headwater.testing.plugin"}

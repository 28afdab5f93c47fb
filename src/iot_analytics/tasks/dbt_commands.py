"""dbt's commands over the tables of a target, as notebooks run them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headwater.tasks.dbt import run_dbt_command
from iot_analytics.tasks.parameters import DBT, FULL_REFRESH, SELECT

DEPS_PARAMETERS = DBT
BUILD_PARAMETERS = (*DBT, SELECT, FULL_REFRESH)
TEST_PARAMETERS = (*DBT, SELECT)


def deps(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Install the packages of the project.

    Raises:
        JobError: DBT_FAILED.
    """
    return _run(spark, parameters, "deps")


def build(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Build the selected models and run their tests.

    Raises:
        JobError: DBT_FAILED; what the models had before stays.
    """
    more = ["--full-refresh"] if parameters["full_refresh"] == "true" else []
    return _run(spark, parameters, "build", "--select", *parameters["select"].split(), *more)


def test(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Run the selected tests.

    Raises:
        JobError: DBT_FAILED, by tests of severity error.
    """
    return _run(spark, parameters, "test", "--select", *parameters["select"].split())


def _run(spark: Any, parameters: Mapping[str, str], *words: str) -> dict[str, Any]:
    folder = Path(parameters["project_dir"]).resolve()
    environment = {
        "DBT_CATALOG": parameters["catalog"],
        "DBT_ENV_PREFIX": parameters["env_prefix"],
        "DBT_PROFILES_DIR": str(folder),
        "DBT_PROJECT_DIR": str(folder),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_TARGET": parameters["dbt_target"],
    }
    return run_dbt_command(spark, words, environment)

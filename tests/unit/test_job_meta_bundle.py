"""The job that the bundle deploys starts what the wheel has, with parameters that it knows."""

from __future__ import annotations

from pathlib import Path

from databricks.sdk.service.jobs import JobSettings
from ruamel.yaml import YAML

from lakeflow_job_meta.main import PARAMETERS

ROOT = Path(__file__).parents[2]
JOB = YAML(typ="safe").load(ROOT / "resources/job_meta.job.yml")["resources"]["jobs"][
    "job_meta_monitor"
]


def test_job_is_one_that_the_jobs_api_knows() -> None:
    assert JobSettings.from_dict(JOB).as_dict() == JOB


def test_task_is_the_monitor_of_the_wheel() -> None:
    (task,) = JOB["tasks"]
    wheel = task["python_wheel_task"]
    assert wheel["package_name"] == "headwater"
    assert f"{wheel['entry_point']} = " in (ROOT / "pyproject.toml").read_text()
    assert set(wheel["named_parameters"]) <= set(PARAMETERS)


def test_environment_brings_what_the_library_needs() -> None:
    (environment,) = JOB["environments"]
    assert environment["environment_key"] == JOB["tasks"][0]["environment_key"]
    assert environment["spec"]["dependencies"] == ["--editable ${workspace.file_path}[job-meta]"]

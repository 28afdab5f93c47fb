"""Jobs of a bundle: what a local run takes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_bundle_support import PIPELINE, load, write_bundle

from headwater.bundle import load_bundle
from headwater.bundle.jobs import RUN_HERE
from headwater.errors import BundleError
from headwater.jobs.kinds import LOCAL_KINDS

JOBS = """
resources:
  jobs:
    nightly:
      schedule: {quartz_cron_expression: "${var.nowhere}"}
      parameters: [{name: day, default: "1"}]
      tasks:
        - task_key: load
          existing_cluster_id: ${resources.clusters.c.id}
          notebook_task: {notebook_path: ../etl/load, base_parameters: {day: "${bundle.target}"}}
        - task_key: each
          depends_on: [{task_key: load}]
          for_each_task:
            inputs: "[1]"
            task:
              task_key: one
              sql_task: {file: {path: ../etl/q.sql}, warehouse_id: "${resources.warehouses.w.id}"}
        - task_key: other
          run_job_task: {job_id: "${resources.jobs.other.id}"}
    other:
      name: another
      tasks: [{task_key: a, spark_python_task: {python_file: /Workspace/Users/me/a.py}}]
"""


def test_job_is_read_as_far_as_a_local_run_needs_it(tmp_path: Path) -> None:
    main = "include: [resources/jobs.yml]\ntargets: {dev: {mode: development}}\n"
    folder = write_bundle(tmp_path, main, **{"resources/jobs.yml": JOBS})
    bundle = load_bundle(folder, user_name="ada@example.org")
    nightly, other = bundle.job("nightly"), bundle.job("[dev ada] another")
    load_task, each, run_other = nightly.settings["tasks"]
    assert load_task == {
        "task_key": "load",
        "notebook_task": {"notebook_path": "etl/load", "base_parameters": {"day": "dev"}},
    }
    assert each["for_each_task"]["task"]["sql_task"] == {"file": {"path": "etl/q.sql"}}
    assert run_other["run_job_task"] == {"job_id": other.id}
    assert other.id.isdecimal()
    assert nightly.name == "[dev ada] nightly"
    assert nightly.places["each"].endswith("resources/jobs.yml:11")
    assert other.settings["tasks"][0]["spark_python_task"]["python_file"].startswith("/Workspace/")


def test_target_changes_a_task_a_parameter_and_adds_another(tmp_path: Path) -> None:
    main = """
    resources:
      jobs:
        j:
          parameters: [{name: day, default: "1"}]
          tasks:
            - {task_key: a, max_retries: 1, notebook_task: {notebook_path: ./a}}
    targets:
      dev:
        resources:
          jobs:
            j:
              parameters: [{name: day, default: "2"}]
              tasks:
                - {task_key: b, notebook_task: {notebook_path: ./b}}
                - {task_key: a, max_retries: 3}
    """
    settings = load(tmp_path, main).job("j").settings
    assert settings["parameters"] == [{"name": "day", "default": "2"}]
    assert [(t["task_key"], t.get("max_retries")) for t in settings["tasks"]] == [
        ("a", 3),
        ("b", None),
    ]


@pytest.mark.parametrize(
    ("task", "code"),
    [
        ("{task_key: a, notebook_task: {notebook_path: ../../up}}", "BUNDLE_PATH_OUTSIDE"),
        ("{task_key: a, sql_task: {query: '${var.nowhere}'}}", "VARIABLE_UNDEFINED"),
        ("{task_key: '${workspace.workspace_id}'}", "REFERENCE_UNAVAILABLE"),
    ],
)
def test_job_with_a_fault_is_refused_when_it_is_asked_for(
    tmp_path: Path, task: str, code: str
) -> None:
    bundle = load(tmp_path, PIPELINE + f"  jobs: {{j: {{tasks: [{task}]}}}}\n")
    assert list(bundle.pipelines) == ["flow"]
    with pytest.raises(BundleError) as caught:
        bundle.job("j")
    assert caught.value.code == code


def test_unknown_job_gets_the_nearest_name(tmp_path: Path) -> None:
    bundle = load(tmp_path, PIPELINE + "  jobs: {nightly: {tasks: []}}\n")
    with pytest.raises(BundleError, match="JOB_UNKNOWN") as caught:
        bundle.job("nigthly")
    assert "'nightly'" in caught.value.hint


def test_paths_from_git_count_from_the_checkout_and_those_of_storage_stay(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    jobs = """
resources:
  jobs:
    j:
      tasks:
        - {task_key: a, notebook_task: {notebook_path: src/nb, source: GIT}}
        - {task_key: b, spark_python_task: {python_file: "s3://bucket/b.py"}}
    """
    folder = write_bundle(tmp_path, "include: [resources/j.yml]", **{"resources/j.yml": jobs})
    git, storage = load_bundle(folder).job("j").settings["tasks"]
    assert git["notebook_task"] == {"notebook_path": "src/nb"}
    assert storage["spark_python_task"] == {"python_file": "s3://bucket/b.py"}


VARIABLES = """
variables:
  job: {default: {name: whole, tasks: "${var.tasks}"}}
  tasks: {default: [{task_key: a, notebook_task: "${var.notebook}"}, "${var.loop}"]}
  notebook: {default: {notebook_path: ./a}}
  loop: {default: {task_key: b, for_each_task: {inputs: "[1]", task: "${var.inner}"}}}
  inner:
    default: {task_key: c, job_cluster_key: k, notebook_task: {notebook_path: ./c}}
resources:
  jobs:
    whole: ${var.job}
    parts: {tasks: "${var.tasks}"}
"""


@pytest.mark.parametrize("key", ["whole", "parts"])
def test_job_is_read_through_variables(tmp_path: Path, key: str) -> None:
    bundle = load(tmp_path, VARIABLES)
    first, loop = bundle.job(key).settings["tasks"]
    assert first == {"task_key": "a", "notebook_task": {"notebook_path": "a"}}
    inner = {"task_key": "c", "notebook_task": {"notebook_path": "c"}}
    assert loop["for_each_task"] == {"inputs": "[1]", "task": inner}


def test_variables_that_are_each_other_are_refused(tmp_path: Path) -> None:
    text = VARIABLES.replace('{name: whole, tasks: "${var.tasks}"}', '"${var.other}"')
    text = text.replace("resources:", '  other: {default: "${var.job}"}\nresources:')
    with pytest.raises(BundleError, match="REFERENCE_CYCLE"):
        load(tmp_path, text).job("whole")


@pytest.mark.parametrize("job", ["${var.nowhere}", "${resources.dashboards.x.job}"])
def test_fault_of_a_job_that_is_a_reference_stops_no_pipeline(tmp_path: Path, job: str) -> None:
    bundle = load(tmp_path, PIPELINE + f'    jobs: {{j: "{job}"}}\n'.replace("    jobs", "  jobs"))
    assert bundle.pipeline().key
    with pytest.raises(BundleError):
        bundle.job("j")


def test_kinds_that_run_here_are_those_of_the_runner() -> None:
    assert frozenset(LOCAL_KINDS) == RUN_HERE


def test_tasks_of_a_workspace_alone_leave_the_job_readable(tmp_path: Path) -> None:
    main = """
    targets: {dev: {default: true, cluster_id: "${resources.clusters.c.id}"}}
    resources:
      jobs:
        j:
          tasks:
            - {task_key: a, notebook_task: {notebook_path: nb.py}}
            - {task_key: b, dashboard_task: {dashboard_id: "${resources.dashboards.d.id}"}}
            - {task_key: c, sql_task: {alert: {alert_id: "${resources.alerts.l.id}"}}}
    """
    _, dashboard, alert = load(tmp_path, main).job("j").settings["tasks"]
    assert dashboard["dashboard_task"] == {"dashboard_id": "${resources.dashboards.d.id}"}
    assert alert["sql_task"] == {"alert": {"alert_id": "${resources.alerts.l.id}"}}

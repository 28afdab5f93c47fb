"""Jobs as the Jobs API takes them: paths, references of a deployment, presets; `api_jobs/`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from databricks.sdk.service.jobs import JobSettings

from headwater.bundle.job_settings import job_settings
from headwater.bundle.load import TargetTree, read_target
from headwater.cli.main import cli
from headwater.errors import BundleError, UsageError
from headwater.operations.job_files import FOLDER, file_changes, rendered_jobs
from headwater.operations.shaped_jobs import shaped_jobs
from unit.test_bundle_support import write_bundle

ROOT = Path(__file__).parents[2]
COMMITTED = sorted(each.name for each in (ROOT / FOLDER).iterdir())


def seen(folder: Path, target: str | None = None, user: str = "ada@example.org") -> TargetTree:
    return read_target(folder, target, variables={}, environment={}, user_name=user)


def settings(folder: Path, main: str, key: str = "j", **files: str) -> Any:
    return shaped_jobs(seen(write_bundle(folder, main, **files)))[key].plain()


@pytest.mark.parametrize("target", COMMITTED)
def test_committed_files_are_the_jobs_of_the_bundle(target: str) -> None:
    changes = file_changes(seen(ROOT, target), ROOT / FOLDER)
    stale = [f"{each.action} {each.file.name}" for each in changes if each.action != "nothing"]
    assert stale == [], f"Run: headwater ops export-jobs -t {target}"


def test_files_are_committed_for_a_target() -> None:
    assert COMMITTED == ["test"]


@pytest.mark.parametrize("target", COMMITTED)
def test_files_hold_no_path_of_a_machine_and_no_host(target: str) -> None:
    text = "".join(each.read_text() for each in (ROOT / FOLDER / target).glob("*.json"))
    for word in (str(ROOT), str(Path.home()), "local.invalid", "https://", "/tmp/"):  # noqa: S108
        assert word not in text


@pytest.mark.parametrize("target", ["dev", "test", "staging", "prod"])
def test_settings_of_all_targets_are_known_to_the_jobs_api(target: str) -> None:
    for text in rendered_jobs(job_settings(seen(ROOT, target))).values():
        plain = json.loads(re.sub(r'"\$\{resources\.jobs\.\w+\.id\}"', "1", text))
        assert JobSettings.from_dict(plain).as_dict() == _without_empty(plain)


def _without_empty(value: Any) -> Any:
    """The SDK leaves empty lists out."""
    if isinstance(value, dict):
        return {key: _without_empty(each) for key, each in value.items() if each != []}
    return [_without_empty(each) for each in value] if isinstance(value, list) else value


def test_settings_depend_on_neither_user_nor_folder(tmp_path: Path) -> None:
    bundle = """
        targets: {prod: {mode: production}}
        resources:
          jobs:
            j: {tasks: [{task_key: t, notebook_task: {notebook_path: ./nb.py}}],
                tags: {by: "${workspace.current_user.userName}", at: "${workspace.root_path}"}}
    """
    told = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_bundle(tmp_path / name, bundle)
        told.append(rendered_jobs(job_settings(seen(tmp_path / name, user=f"{name}@x.org"))))
    assert told[0] == told[1]
    assert "${workspace.current_user.userName}" in told[0]["j"]


def test_ids_of_a_deployment_stay_references(tmp_path: Path) -> None:
    bundle = """
        variables: {house: {lookup: {warehouse: Small}}, all: {default: "${var.house}"}}
        resources:
          pipelines: {p: {schema: s, libraries: [{file: {path: flow.py}}]}}
          jobs:
            other: {name: o}
            j:
              tasks:
                - {task_key: a, pipeline_task: {pipeline_id: "${resources.pipelines.p.id}"}}
                - {task_key: b, run_job_task: {job_id: "${resources.jobs.other.id}"}}
                - {task_key: c, sql_task: {warehouse_id: "${var.all}", query: {query_id: q}}}
    """
    one, two, three = settings(tmp_path, bundle)["tasks"]
    assert one["pipeline_task"]["pipeline_id"] == "${resources.pipelines.p.id}"
    assert two["run_job_task"]["job_id"] == "${resources.jobs.other.id}"
    assert three["sql_task"]["warehouse_id"] == "${var.house}"


def test_paths_are_those_of_a_workspace_and_notebooks_lose_their_suffix(tmp_path: Path) -> None:
    job = """
        resources:
          jobs:
            j:
              tasks:
                - {task_key: n, notebook_task: {notebook_path: ../code/nb.ipynb}}
                - {task_key: s, spark_python_task: {python_file: ../code/run.py}}
                - {task_key: g, notebook_task: {notebook_path: code/nb, source: GIT}}
                - task_key: f
                  for_each_task:
                    inputs: "[1]"
                    task: {task_key: i, notebook_task: {notebook_path: /Shared/nb.py}}
                - {task_key: l, notebook_task: {notebook_path: ../nb.py}}
    """
    told = settings(tmp_path, "include: [resources/*.yml]", **{"resources__j.yml": job})["tasks"]
    assert told[0]["notebook_task"]["notebook_path"] == "${workspace.file_path}/code/nb"
    assert told[1]["spark_python_task"]["python_file"] == "${workspace.file_path}/code/run.py"
    assert told[2]["notebook_task"]["notebook_path"] == "code/nb"
    nested = told[3]["for_each_task"]["task"]
    assert nested["notebook_task"]["notebook_path"] == "/Shared/nb.py"
    assert told[4]["notebook_task"]["notebook_path"] == "${workspace.file_path}/nb"


WHEEL = """
    resources:
      volumes: {admin_configs: {catalog_name: c, schema_name: s, name: admin_configs}}
      jobs: {j: {tasks: [{task_key: t, libraries: [{whl: ./dist/*.whl}]}]}}
"""


def test_wheel_of_the_bundle_is_in_its_volume(tmp_path: Path) -> None:
    project = '[project]\nname = "my-lib"\nversion = "1.2"\nrequires-python = ">=3.10"\n'
    project += '[other]\nversion = "9"\n'
    (told,) = settings(tmp_path, WHEEL, **{"pyproject.toml": project})["tasks"]
    path = "/Volumes/c/s/admin_configs/my_lib-1.2-py3-none-any.whl"
    assert told["libraries"] == [{"whl": path}]


def test_wheel_that_can_not_be_named_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as raised:
        settings(tmp_path, WHEEL)
    assert raised.value.code == "WHEEL_UNNAMED"


def test_development_pauses_and_tags(tmp_path: Path) -> None:
    bundle = """
        targets: {dev: {mode: development}}
        resources:
          jobs:
            j: {schedule: {quartz_cron_expression: 0 0 5 * * ?, timezone_id: UTC}}
            k: {continuous: {pause_status: UNPAUSED}, max_concurrent_runs: 7, tags: {dev: mine}}
    """
    told = settings(tmp_path, bundle)
    assert told["schedule"]["pause_status"] == "PAUSED"
    assert told["max_concurrent_runs"] == 4
    assert told["tags"] == {"dev": "${workspace.current_user.short_name}"}
    own = settings(tmp_path, bundle, "k")
    assert (own["continuous"]["pause_status"], own["max_concurrent_runs"]) == ("UNPAUSED", 7)
    assert own["tags"] == {"dev": "mine"}


def test_target_says_who_runs_its_jobs_and_permissions_are_no_setting(tmp_path: Path) -> None:
    bundle = """
        run_as: {user_name: bot}
        resources: {jobs: {j: {name: n, permissions: [{level: CAN_VIEW, group_name: g}]}}}
    """
    assert settings(tmp_path, bundle) == {"name": "n", "run_as": {"user_name": "bot"}}


def test_numbers_and_flags_are_texts_where_the_api_has_texts(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        variables: {n: {default: 3}}
        resources: {jobs: {j: {
          tags: {x: 1}, max_concurrent_runs: 2, parameters: [{name: n, default: 1.0}],
          tasks: [{task_key: s, max_retries: 1,
            notebook_task: {notebook_path: /a, base_parameters: {f: true}},
            spark_python_task: {python_file: /a.py, parameters: [--n, "${var.n}", 4, true]}}]}}}
        """,
    )
    (task,) = found["tasks"]
    assert task["spark_python_task"]["parameters"] == ["--n", "3", "4", "true"]
    assert task["notebook_task"]["base_parameters"] == {"f": "true"}
    assert (found["tags"], found["parameters"][0]["default"]) == ({"x": "1"}, "1")
    assert (found["max_concurrent_runs"], task["max_retries"]) == (2, 1)


def test_job_that_is_a_variable_is_whole(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        """
        variables: {job: {default: {tasks: [{task_key: t, notebook_task: {notebook_path: /a}}]}}}
        resources: {jobs: {j: "${var.job}"}}
        """,
    )
    assert [each["task_key"] for each in found["tasks"]] == ["t"]


def test_secret_in_plain_text_is_not_written(tmp_path: Path) -> None:
    bundle = "resources: {jobs: {j: {name: n, parameters: [{name: password, default: hunter2}]}}}"
    written = rendered_jobs(job_settings(seen(write_bundle(tmp_path, bundle))))
    assert "hunter2" not in written["j"]


def test_key_that_is_no_file_name_is_refused(tmp_path: Path) -> None:
    bundle = "resources: {jobs: {'../j': {name: n}}}"
    with pytest.raises(UsageError) as raised:
        rendered_jobs(job_settings(seen(write_bundle(tmp_path, bundle))))
    assert raised.value.code == "JOB_KEY_INVALID"


def test_export_writes_removes_and_then_changes_nothing(tmp_path: Path) -> None:
    write_bundle(tmp_path, "resources: {jobs: {j: {name: n}}}")
    place = tmp_path / FOLDER / "default"
    place.mkdir(parents=True)
    (place / "gone.json").write_text("{}")
    command = ["ops", "export-jobs", "--bundle", str(tmp_path), "--json"]
    dry = CliRunner().invoke(cli, [*command, "--dry-run"])
    assert dry.exit_code == 1
    assert not (place / "j.json").exists()
    done = CliRunner().invoke(cli, command)
    actions = [each["action"] for each in json.loads(done.stdout)["files"]]
    assert (done.exit_code, actions) == (0, ["remove", "create"])
    assert json.loads((place / "j.json").read_text()) == {"name": "n"}
    assert not (place / "gone.json").exists()
    assert CliRunner().invoke(cli, [*command, "--dry-run"]).exit_code == 0


def test_presets_add_to_what_complex_variables_hold(tmp_path: Path) -> None:
    bundle = """
        variables:
          sched: {type: complex, default: {quartz_cron_expression: 0 0 6 * * ?, timezone_id: UTC}}
          jtags: {type: complex, default: {team: core}}
          ptags: {type: complex, default: {cost: "1"}}
        targets: {dev: {mode: development, presets: {tags: "${var.ptags}"}}}
        resources:
          jobs:
            j: {schedule: "${var.sched}", tags: "${var.jtags}"}
    """
    told = settings(tmp_path, bundle)
    assert told["schedule"] == {
        "quartz_cron_expression": "0 0 6 * * ?",
        "timezone_id": "UTC",
        "pause_status": "PAUSED",
    }
    assert {"cost": "1", "team": "core"}.items() <= told["tags"].items()
    assert "dev" in told["tags"]


def test_development_keeps_what_a_job_and_the_presets_say(tmp_path: Path) -> None:
    bundle = """
        targets: {dev: {mode: development, presets: {tags: {team: flow}}}}
        resources:
          jobs:
            j: {max_concurrent_runs: 1, tasks: [{task_key: t, run_job_task: {job_id: 1}}]}
            k: {tasks: [{task_key: t, run_job_task: {job_id: 1}}]}
    """
    alone, others = (settings(tmp_path, bundle, key) for key in "jk")
    assert (alone["max_concurrent_runs"], others["max_concurrent_runs"]) == (1, 4)
    assert alone["tags"] == {"dev": "${workspace.current_user.short_name}", "team": "flow"}


def test_serverless_environments_install_from_the_workspace(tmp_path: Path) -> None:
    bundle = """
        resources:
          volumes: {admin_configs: {catalog_name: main, schema_name: ops, name: admin_configs}}
          jobs:
            j:
              environments:
                - environment_key: default
                  spec:
                    environment_version: "3"
                    dependencies: [./dist/own-1.whl, "-r ./more.txt", faker, "-r /Volumes/a.txt"]
              tasks: [{task_key: t, run_job_task: {job_id: 1}}]
    """
    [environment] = settings(tmp_path, bundle)["environments"]
    assert environment["spec"]["dependencies"] == [
        "/Volumes/main/ops/admin_configs/own-1.whl",
        "-r ${workspace.file_path}/more.txt",
        "faker",
        "-r /Volumes/a.txt",
    ]

"""`headwater ops deploy-jobs` over HTTP: the emulator's Jobs API, our fake for pipelines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import JobSettings

from faulty_server import FaultyServer, faulty_server
from headwater.cli.main import cli
from headwater.dev.minilake import Minilake
from headwater.tagged_jobs.tags import TAG
from job_meta_support import client_of, needs_minilake
from unit.operations_support import shop
from workspace_fake import FakeWorkspace, fake_workspace, sign_in

pytestmark = [pytest.mark.servers, needs_minilake]

FILES = "/Workspace/Shared/shop"
BUNDLE = """
bundle: {name: shop}
variables: {house: {lookup: {warehouse: Small}}}
targets: {test: {mode: production, default: true}}
resources:
  pipelines:
    flow: {name: flow, catalog: shop, schema: silver, libraries: [{file: {path: flow.py}}]}
  jobs:
    nightly:
      name: nightly
      tasks:
        - {task_key: all, run_job_task: {job_id: "${resources.jobs.load.id}"}}
        - {task_key: nb, notebook_task: {notebook_path: ./nb.py}, timeout_seconds: 60}
    load:
      name: load
      tasks: [{task_key: p, pipeline_task: {pipeline_id: "${resources.pipelines.flow.id}"}}]
"""


@pytest.fixture
def fake(
    workspace_server: Minilake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeWorkspace]:
    """A workspace with the pipeline and the files, and without jobs."""
    workspace_server.reset()
    with fake_workspace(workspace_server.host) as fake:
        sign_in(monkeypatch, tmp_path, fake.host)
        fake.pipelines["p1"] = {"pipeline_id": "p1", "name": "flow"}
        client_of(fake.host).workspace.mkdirs(FILES)
        shop(tmp_path, BUNDLE)
        yield fake


def deploy(folder: Path, *arguments: str) -> Result:
    command = ["ops", "deploy-jobs", "--json", "--bundle", str(folder), "--files", FILES]
    return CliRunner().invoke(cli, [*command, *arguments])


def results(result: Result) -> dict[str, str]:
    return {each["job"]: each["result"] for each in json.loads(result.stdout)["jobs"]}


def told(result: Result, job: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        each for each in json.loads(result.stdout)["jobs"] if each["job"] == job
    )
    return found


def code(result: Result) -> str:
    return str(getattr(result.exception, "code", ""))


def jobs(client: WorkspaceClient) -> dict[str, JobSettings]:
    listed = [client.jobs.get(each.job_id or 0) for each in client.jobs.list()]
    return {str(each.settings.name): each.settings for each in listed if each.settings}


def edit(folder: Path, before: str, after: str) -> None:
    file = folder / "databricks.yml"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))


def test_dry_run_writes_nothing(fake: FakeWorkspace, tmp_path: Path) -> None:
    result = deploy(tmp_path)
    assert (result.exit_code, results(result)) == (0, {"load": "create", "nightly": "create"})
    assert jobs(client_of(fake.host)) == {}


def test_jobs_are_made_in_order_with_the_ids_of_the_workspace(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    result = deploy(tmp_path, "--apply")
    assert (result.exit_code, results(result)) == (0, {"load": "created", "nightly": "created"})
    made = jobs(client_of(fake.host))
    (load,), (start, notebook) = made["load"].tasks or (), made["nightly"].tasks or ()
    assert load.pipeline_task and load.pipeline_task.pipeline_id == "p1"
    assert start.run_job_task and start.run_job_task.job_id == told(result, "load")["job_id"]
    assert notebook.notebook_task and notebook.notebook_task.notebook_path == f"{FILES}/nb"


def test_second_run_changes_nothing(fake: FakeWorkspace, tmp_path: Path) -> None:
    deploy(tmp_path, "--apply")
    before = jobs(client_of(fake.host))
    fake.asked.clear()
    result = deploy(tmp_path, "--apply")
    assert results(result) == {"load": "unchanged", "nightly": "unchanged"}
    assert jobs(client_of(fake.host)) == before
    assert not {path for path in fake.asked if path.endswith(("/create", "/reset"))}


def test_change_is_shown_setting_by_setting_and_then_made(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    deploy(tmp_path, "--apply")
    edit(tmp_path, "timeout_seconds: 60", "timeout_seconds: 90")
    dry = deploy(tmp_path)
    assert results(dry) == {"load": "nothing", "nightly": "change"}
    change = {"path": "tasks[nb].timeout_seconds", "before": 60, "after": 90}
    assert told(dry, "nightly")["changes"] == [change]
    assert results(deploy(tmp_path, "--apply"))["nightly"] == "changed"
    assert [each.timeout_seconds for each in jobs(client_of(fake.host))["nightly"].tasks or ()] == [
        None,
        90,
    ]
    assert set(results(deploy(tmp_path)).values()) == {"nothing"}


def test_change_shows_no_secret(fake: FakeWorkspace, tmp_path: Path) -> None:
    deploy(tmp_path, "--apply")
    before = "name: nightly\n"
    edit(tmp_path, before, f"{before}      parameters: [{{name: password, default: hunter2}}]\n")
    result = deploy(tmp_path)
    assert told(result, "nightly")["changes"]
    assert "hunter2" not in result.output


def test_job_that_was_renamed_by_hand_is_found_and_named_again(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    job_id = told(deploy(tmp_path, "--apply"), "load")["job_id"]
    client = client_of(fake.host)
    client.jobs.update(job_id, new_settings=JobSettings(name="mine now"))
    dry = told(deploy(tmp_path), "load")
    assert (dry["result"], dry["job_id"]) == ("change", job_id)
    assert dry["changes"] == [{"path": "name", "before": "mine now", "after": "load"}]
    deploy(tmp_path, "--apply")
    assert sorted(jobs(client)) == ["load", "nightly"]


def test_job_of_others_with_the_name_is_left_alone(fake: FakeWorkspace, tmp_path: Path) -> None:
    client_of(fake.host).jobs.create(name="load", tasks=[])
    result = deploy(tmp_path, "--apply")
    assert result.exit_code == 1
    assert results(result) == {"load": "refused", "nightly": "not done"}
    assert told(result, "load")["error"]["code"] == "JOB_NAME_TAKEN"
    assert list(jobs(client_of(fake.host))) == ["load"]


def test_two_jobs_of_one_tag_are_never_chosen_between(fake: FakeWorkspace, tmp_path: Path) -> None:
    deploy(tmp_path, "--apply")
    client = client_of(fake.host)
    client.jobs.create(name="copy", tags=jobs(client)["nightly"].tags, tasks=[])
    edit(tmp_path, "timeout_seconds: 60", "timeout_seconds: 90")
    result = deploy(tmp_path, "--apply")
    assert told(result, "nightly")["error"]["code"] == "JOB_AMBIGUOUS"
    assert result.exit_code == 1


def test_job_that_left_the_bundle_is_named_and_kept(fake: FakeWorkspace, tmp_path: Path) -> None:
    deploy(tmp_path, "--apply")
    shop(
        tmp_path,
        BUNDLE.replace("    nightly:\n", "    later:\n").replace("name: nightly", "name: x"),
    )
    result = deploy(tmp_path, "--apply")
    assert results(result) == {"load": "unchanged", "later": "created", "nightly": "left"}
    assert sorted(jobs(client_of(fake.host))) == ["load", "nightly", "x"]


@pytest.mark.parametrize(
    ("pipelines", "found"), [((), "PIPELINE_MISSING"), (("p1", "p2"), "PIPELINE_AMBIGUOUS")]
)
def test_pipeline_that_is_not_the_one_keeps_all_jobs_from_being_written(
    fake: FakeWorkspace, tmp_path: Path, pipelines: tuple[str, ...], found: str
) -> None:
    fake.pipelines = {each: {"pipeline_id": each, "name": "flow"} for each in pipelines}
    result = deploy(tmp_path, "--apply")
    assert results(result) == {"load": "refused", "nightly": "not done"}
    assert told(result, "load")["error"]["code"] == found
    assert jobs(client_of(fake.host)) == {}


def test_files_have_to_be_there(fake: FakeWorkspace, tmp_path: Path) -> None:
    result = deploy(tmp_path, "--apply", "--files", "/Workspace/Shared/none")
    assert told(result, "nightly")["error"]["code"] == "FILES_MISSING"
    assert jobs(client_of(fake.host)) == {}


def test_lookup_is_answered_by_name(fake: FakeWorkspace, tmp_path: Path) -> None:
    task = "{task_key: s, sql_task: {warehouse_id: '${var.house}', query: {query_id: q}}}"
    edit(tmp_path, "tasks: [{task_key: p,", f"tasks: [{task}, {{task_key: p,")
    assert told(deploy(tmp_path), "load")["error"]["code"] == "LOOKUP_FAILED"
    client = client_of(fake.host)
    client.warehouses.create(name="Small", cluster_size="Small")
    (house,) = [each.id for each in client.warehouses.list() if each.name == "Small"]
    assert deploy(tmp_path, "--apply").exit_code == 0
    (sql, _) = jobs(client)["load"].tasks or ()
    assert sql.sql_task and sql.sql_task.warehouse_id == house


def test_missing_permission_is_told_and_the_next_run_repairs(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    deploy(tmp_path, "--apply")
    edit(tmp_path, "timeout_seconds: 60", "timeout_seconds: 90")
    edit(tmp_path, "task_key: p,", "task_key: q,")
    fake.refused["/api/2.2/jobs/reset"] = 403
    result = deploy(tmp_path, "--apply")
    assert (result.exit_code, results(result)) == (1, {"load": "failed", "nightly": "not done"})
    assert told(result, "load")["error"]["code"] == "PERMISSION_DENIED"
    assert "Ada" not in result.output
    fake.refused.clear()
    assert results(deploy(tmp_path, "--apply")) == {"load": "changed", "nightly": "changed"}


def test_expired_token_ends_the_command_before_anything_is_written(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    fake.refused["/api/2.2/jobs/list"] = 401
    result = deploy(tmp_path, "--apply")
    assert (code(result), jobs_made(fake)) == ("WORKSPACE_TOKEN_REFUSED", [])


def test_token_that_expires_while_jobs_are_written_ends_it_there(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    fake.refused["/api/2.2/jobs/create"] = 401
    result = deploy(tmp_path, "--apply")
    assert results(result) == {"load": "failed", "nightly": "not done"}
    assert {each["error"]["code"] for each in json.loads(result.stdout)["jobs"]} == {
        "WORKSPACE_TOKEN_REFUSED"
    }
    assert jobs_made(fake) == ["/api/2.2/jobs/create"]


def jobs_made(fake: FakeWorkspace) -> list[str]:
    return [path for path in fake.asked if path.endswith("/jobs/create")]


@pytest.fixture
def proxy_of_fake(
    fake: FakeWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyServer]:
    with faulty_server(fake.host) as proxy:
        sign_in(monkeypatch, tmp_path, proxy.endpoint)
        yield proxy


@pytest.mark.parametrize("kind", ["503", "cut before", "cut after"])
def test_lost_answer_makes_no_second_job(
    proxy_of_fake: FaultyServer, fake: FakeWorkspace, tmp_path: Path, kind: str
) -> None:
    proxy_of_fake.fail_next("/api/2.2/jobs/create", kind)
    assert deploy(tmp_path, "--apply").exit_code == 0
    assert len(list(client_of(fake.host).jobs.list())) == 2
    assert set(results(deploy(tmp_path)).values()) == {"nothing"}


def test_jobs_carry_the_tag_and_two_targets_do_not_meet(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    deploy(tmp_path, "--apply")
    fake.pipelines["p2"] = {"pipeline_id": "p2", "name": "o flow"}
    other = "mode: production}, other: {default: true, presets: {name_prefix: 'o '}}}"
    edit(tmp_path, "mode: production, default: true}}", other)
    assert results(deploy(tmp_path, "--apply")) == {"load": "created", "nightly": "created"}
    made = jobs(client_of(fake.host))
    assert len({(each.tags or {})[TAG] for each in made.values()}) == 4


def test_text_output_names_job_setting_and_what_to_do(fake: FakeWorkspace, tmp_path: Path) -> None:
    deploy(tmp_path, "--apply")
    edit(tmp_path, "timeout_seconds: 60", "timeout_seconds: 90")
    command = ["ops", "deploy-jobs", "--bundle", str(tmp_path), "--files", FILES]
    said = CliRunner().invoke(cli, command).stdout
    assert "  tasks[nb].timeout_seconds: 60 -> 90\n" in said
    assert said.endswith("1 nothing, 1 change. Nothing is written without --apply.\n")


def test_jobs_of_our_own_bundle_are_made_and_then_in_step(fake: FakeWorkspace) -> None:
    for name in ("patient_flow", "iot_bronze"):
        fake.pipelines[name] = {"pipeline_id": name, "name": name}
    arguments = ("-t", "test", "--var", "warehouse_id=abc")
    own = Path(__file__).parents[2]
    made = results(deploy(own, *arguments, "--apply"))
    assert (len(made), set(made.values())) == (20, {"created"})
    assert set(results(deploy(own, *arguments)).values()) == {"nothing"}
    text = json.dumps([each.as_dict() for each in jobs(client_of(fake.host)).values()])
    assert "${" not in text
    assert f"{FILES}/dbt" in text

"""`headwater ops ... --workspace` over HTTP: the emulator, and our fake where it has no answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from databricks.sdk.service.catalog import (
    ColumnInfo,
    ColumnTypeName,
    DataSourceFormat,
    PermissionsChange,
    Privilege,
    TableType,
)
from databricks.sdk.service.jobs import NotebookTask, Task

from headwater.cli.main import cli
from headwater.dev.minilake import Minilake
from headwater.errors import WorkspaceError
from headwater.events.log import EventLog
from headwater.events.rows import Event
from headwater.operations.workspace import open_workspace, workspace_metadata
from job_meta_support import client_of, needs_minilake
from unit.operations_support import shop
from workspace_fake import PIPELINES, FakeWorkspace, fake_workspace, sign_in

pytestmark = [pytest.mark.servers, needs_minilake]

BUNDLE = """
bundle: {name: shop}
resources:
  pipelines:
    flow: {name: flow, catalog: shop, schema: silver, libraries: [{file: {path: flow.py}}]}
  jobs:
    nightly: {name: nightly, tasks: [{task_key: t, notebook_task: {notebook_path: ./nb.py}}]}
"""


@pytest.fixture
def workspace(
    workspace_server: Minilake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeWorkspace]:
    """A workspace that the bundle was deployed to, as far as the emulator and our fake know it."""
    workspace_server.reset()
    with fake_workspace(workspace_server.host) as fake:
        sign_in(monkeypatch, tmp_path, fake.host)
        deploy(fake)
        (tmp_path / "nb.py").write_text("# Databricks notebook source\n")
        shop(tmp_path, BUNDLE)
        yield fake


def deploy(fake: FakeWorkspace) -> None:
    client = client_of(fake.host)
    client.catalogs.create("shop")
    client.schemas.create("silver", "shop")
    client.tables.create(
        "events",
        "shop",
        "silver",
        TableType.MANAGED,
        DataSourceFormat.DELTA,
        "",
        columns=[
            ColumnInfo(name="id", type_name=ColumnTypeName.LONG, type_text="bigint", position=0)
        ],
    )
    change = PermissionsChange(principal="readers", add=[Privilege.SELECT])
    client.grants.update("TABLE", "shop.silver.events", changes=[change])
    task = Task(task_key="t", notebook_task=NotebookTask(notebook_path="/Shared/nb"))
    client.jobs.create(name="nightly", tasks=[task])
    fake.pipelines["p1"] = {
        "pipeline_id": "p1",
        "name": "flow",
        "state": "IDLE",
        "spec": {"name": "flow", "configuration": {"db_password": "hunter2"}},
        "latest_updates": [{"update_id": "u1", "state": "COMPLETED"}],
    }


def back_up(folder: Path, *arguments: str) -> Result:
    command = ["ops", "backup-metadata", "--workspace", "--json", *arguments]
    return CliRunner().invoke(cli, [*command, "--bundle", str(folder)])


def code(result: Result) -> str:
    return str(getattr(result.exception, "code", ""))


def test_backup_of_a_workspace_has_all_parts(workspace: FakeWorkspace, tmp_path: Path) -> None:
    told = json.loads(back_up(tmp_path).stdout)
    assert told["missing"] == []
    assert {part: count > 0 for part, count in told["entries"].items()} == dict.fromkeys(
        ("schemas", "tables", "grants", "jobs", "pipelines"), True
    )
    folder = Path(told["folder"])
    assert json.loads((folder / "tables.json").read_text())[0]["full_name"] == "shop.silver.events"
    assert "readers" in (folder / "grants.json").read_text()
    assert "hunter2" not in (folder / "pipelines.json").read_text()


def test_what_may_not_be_seen_is_named_and_the_rest_is_written(
    workspace: FakeWorkspace, tmp_path: Path
) -> None:
    workspace.refused["/api/2.1/unity-catalog/permissions/TABLE"] = 403
    result = back_up(tmp_path)
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["missing"] == [
        {"subject": "grants of shop.silver.events", "code": "PERMISSION_DENIED"}
    ]
    assert told["entries"]["tables"] == 1
    assert "Ada" not in result.output
    del workspace.refused["/api/2.1/unity-catalog/permissions/TABLE"]
    assert json.loads(back_up(tmp_path / ".", str(tmp_path / "again")).stdout)["missing"] == []


def test_half_a_deployment_is_named(workspace: FakeWorkspace, tmp_path: Path) -> None:
    workspace.pipelines.clear()
    result = back_up(tmp_path)
    assert json.loads(result.stdout)["missing"] == [
        {"subject": "pipeline flow", "code": "NOT_FOUND"}
    ]
    assert result.exit_code == 1


def validate(folder: Path, *arguments: str) -> tuple[int, dict[tuple[str, str], tuple[bool, str]]]:
    command = ["ops", "validate-deployment", "--workspace", "--json", *arguments]
    result = CliRunner().invoke(cli, [*command, "--bundle", str(folder)])
    checks = json.loads(result.stdout)["checks"]
    told = {(x["subject"], x["measure"]): (x["verdict"] == "ok", x["note"]) for x in checks}
    return result.exit_code, told


def expect_events(folder: Path) -> None:
    """Let an update on this machine have defined `shop.silver.events`."""
    with EventLog(shop(folder, BUNDLE).event_log("flow"), {"update_id": "1"}) as log:
        name = "shop.silver.events"
        defined = {"dataset_type": "STREAMING_TABLE"}
        log.emit(Event("dataset_definition", "", defined, origin={"dataset_name": name}))
        schema = [{"name": "id", "data_type": "bigint"}, {"name": "gone", "data_type": "string"}]
        flow = {"output_dataset": name, "flow_type": "APPEND", "schema": schema}
        log.emit(Event("flow_definition", "", flow))


def test_deployment_of_a_workspace_is_compared_with_the_bundle(
    workspace: FakeWorkspace, tmp_path: Path
) -> None:
    status, told = validate(tmp_path)
    assert (status, set(told.values())) == (0, {(True, "")})
    assert set(told) == {("shop.silver", "schema"), ("flow", "update"), ("nightly", "tasks")}


def test_half_a_deployment_fails_and_says_what_is_missing(
    workspace: FakeWorkspace, tmp_path: Path
) -> None:
    workspace.pipelines["p1"]["latest_updates"][0]["state"] = "FAILED"
    two = "{task_key: t, notebook_task: {notebook_path: ./nb.py}}"
    more = BUNDLE.replace(two, f"{two}, {two.replace('task_key: t', 'task_key: u')}")
    (tmp_path / "databricks.yml").write_text(more + "    gone: {name: gone, tasks: []}\n")
    status, told = validate(tmp_path)
    assert status == 1
    assert told["flow", "update"] == (False, "")
    assert told["nightly", "tasks"] == (False, "missing: u")
    assert told["gone", "job"] == (False, "NOT_FOUND")


def test_tables_of_the_last_local_update_are_expected_with_their_columns(
    workspace: FakeWorkspace, tmp_path: Path
) -> None:
    expect_events(tmp_path)
    _, told = validate(tmp_path)
    assert told["shop.silver.events", "table"] == (True, "")
    assert told["shop.silver.events", "columns"] == (False, "missing: gone")


def test_warehouse_counts_rows_and_tries_queries_of_dashboards(
    workspace: FakeWorkspace, tmp_path: Path
) -> None:
    expect_events(tmp_path)
    dashboards = "  dashboards: {sales: {display_name: S, file_path: s.lvdash.json}}\n"
    (tmp_path / "databricks.yml").write_text(BUNDLE + dashboards)
    queries = ["SELECT id FROM events;", "SELECT nope FROM events", "SELECT :day"]
    datasets = [{"name": str(number), "query": text} for number, text in enumerate(queries)]
    (tmp_path / "s.lvdash.json").write_text(json.dumps({"datasets": datasets}))
    warehouse = client_of(workspace.host).warehouses.create(name="w").response.id
    _, told = validate(tmp_path, "--warehouse", str(warehouse))
    assert told["shop.silver.events", "rows"] == (True, "")
    assert told["sales: 0", "query"] == (True, "")
    assert told["sales: 1", "query"][0] is False
    assert told["sales: 2", "query"] == (
        True,
        "not run: only the dashboard fills in its parameters",
    )


def test_token_without_a_permission_is_a_check_that_does_not_hold(
    workspace: FakeWorkspace, tmp_path: Path
) -> None:
    workspace.refused["/api/2.2/jobs"] = 403
    status, told = validate(tmp_path)
    assert (status, told["nightly", "job"]) == (1, (False, "PERMISSION_DENIED"))


@pytest.mark.parametrize("path", ["/api/2.1/unity-catalog/schemas", PIPELINES])
def test_expired_token_ends_the_backup_before_anything_is_written(
    workspace: FakeWorkspace, tmp_path: Path, path: str
) -> None:
    workspace.refused[path] = 401
    assert code(back_up(tmp_path)) == "WORKSPACE_TOKEN_REFUSED"
    assert not (tmp_path / "backups").exists()


def test_workspace_that_is_away_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", "none")
    client = open_workspace(None, timeout_seconds=1)
    with pytest.raises(WorkspaceError) as caught:
        workspace_metadata(client, shop(tmp_path, BUNDLE))
    assert caught.value.code == "WORKSPACE_UNREACHABLE"

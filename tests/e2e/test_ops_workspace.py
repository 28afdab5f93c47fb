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
from headwater.operations.workspace import open_workspace, workspace_metadata
from job_meta_support import client_of, needs_minilake
from unit.operations_support import shop
from workspace_fake import PIPELINES, FakeWorkspace, fake_workspace

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
        monkeypatch.setenv("DATABRICKS_HOST", fake.host)
        monkeypatch.setenv("DATABRICKS_TOKEN", "none")
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "no file"))
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

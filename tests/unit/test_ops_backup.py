"""`headwater ops backup-metadata` on this machine: what is in it, what never is, and kills."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headwater.cli.main import cli
from headwater.errors import SettingError, UsageError
from headwater.operations.backup import backup_folder, write_backup
from headwater.operations.metadata import Metadata, Missing
from headwater.operations.workspace import open_workspace
from headwater.state.target import Target
from unit.operations_support import make_table, shop

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
BUNDLE = """
bundle: {name: shop}
variables: {size: {default: 2}}
resources:
  schemas:
    silver: {catalog_name: main, name: silver, grants: [{principal: readers, privileges: [SELECT]}]}
  pipelines:
    flow:
      name: flow of size ${var.size}
      catalog: main
      schema: silver
      libraries: [{file: {path: flow.py}}]
      configuration: {db_password: hunter2}
      permissions: [{level: CAN_VIEW, group_name: readers}]
  jobs:
    nightly: {name: nightly, tasks: [{task_key: run, pipeline_task: {pipeline_id: x}}]}
"""


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["ops", "backup-metadata", *arguments, "--bundle", str(folder)])


def full(folder: Path) -> Target:
    target = shop(folder, BUNDLE)
    rows = {"name": ["Ada Lovelace"], "age": [987654321]}
    make_table(target, "main.silver.people", rows, change={"keys": "name"})
    return target


def test_backup_has_all_parts_and_a_manifest_with_their_hashes(tmp_path: Path) -> None:
    full(tmp_path)
    told = json.loads(run(tmp_path, "--json", "--var", "size=3").stdout)
    folder = Path(told["folder"])
    assert folder.parent == tmp_path / "backups"
    assert told["entries"] == {"schemas": 1, "tables": 1, "grants": 2, "jobs": 1, "pipelines": 1}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["version"], manifest["target"], manifest["missing"]) == (1, "default", [])
    for name, file in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
    (pipeline,) = json.loads((folder / "pipelines.json").read_text())
    assert pipeline["settings"]["name"] == "flow of size 3"
    (table,) = json.loads((folder / "tables.json").read_text())
    assert (table["table"], table["rows"], table["version"]) == ("main.silver.people", 1, 0)
    assert [(each["name"], each["type"]) for each in table["columns"]] == [
        ("name", "string"),
        ("age", "long"),
    ]
    assert (folder.stat().st_mode & 0o777) == 0o700


def test_backup_holds_no_values_of_rows_and_no_secrets(tmp_path: Path) -> None:
    full(tmp_path)
    folder = Path(json.loads(run(tmp_path, "--json").stdout)["folder"])
    texts = "".join(each.read_text() for each in folder.iterdir())
    assert "Ada" not in texts
    assert "987654321" not in texts
    assert "hunter2" not in texts


def test_dry_run_writes_nothing(tmp_path: Path) -> None:
    full(tmp_path)
    told = json.loads(run(tmp_path, "--json", "--dry-run").stdout)
    assert (told["written"], (tmp_path / "backups").exists()) == (False, False)
    assert "Would write" in run(tmp_path, "--dry-run").stdout


def test_table_that_cannot_be_read_is_named_and_ends_with_1(tmp_path: Path) -> None:
    target = full(tmp_path)
    broken = make_table(target, "main.silver.broken", {"id": [1]})
    (broken / "_delta_log" / f"{0:020}.json").write_text("{")
    result = run(tmp_path, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["entries"]["tables"]) == (1, 1)
    assert told["missing"] == [{"subject": "table main.silver.broken", "code": "TABLE_UNREADABLE"}]


def test_backup_never_replaces_another(tmp_path: Path) -> None:
    made = write_backup(Metadata("here"), tmp_path, "dev", NOW)
    before = {each.name: each.read_bytes() for each in made.iterdir()}
    with pytest.raises(UsageError, match="BACKUP_EXISTS"):
        write_backup(Metadata("here", missing=[Missing("x", "Y")]), tmp_path, "dev", NOW)
    assert {each.name: each.read_bytes() for each in made.iterdir()} == before


def test_name_of_a_target_leads_nowhere_else(tmp_path: Path) -> None:
    assert backup_folder(tmp_path, "../x", NOW).parent == tmp_path


def test_backup_that_fails_leaves_nothing_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="BACKUP_NOT_WRITTEN"):
        write_backup(Metadata("here"), tmp_path / "file", "dev", NOW)
    unwritable = Metadata("here")
    unwritable.parts["no/such/folder"] = []
    with pytest.raises(UsageError, match="BACKUP_NOT_WRITTEN"):
        write_backup(unwritable, tmp_path / "out", "dev", NOW)
    assert [each.name for each in (tmp_path / "out").iterdir()] == [".gitignore"]


def test_new_folder_of_backups_is_left_out_of_git_and_one_that_is_there_stays(
    tmp_path: Path,
) -> None:
    write_backup(Metadata("here"), tmp_path / "new", "dev", NOW)
    assert (tmp_path / "new" / ".gitignore").read_text() == "*\n"
    (tmp_path / "mine").mkdir()
    write_backup(Metadata("here"), tmp_path / "mine", "dev", NOW)
    assert not (tmp_path / "mine" / ".gitignore").exists()


def test_what_a_killed_backup_left_is_cleared_up_by_a_later_one(tmp_path: Path) -> None:
    left, young = (tmp_path / f".headwater-backup-{each}" for each in ("old", "young"))
    for each in (left, young):
        each.mkdir()
    os.utime(left, (1, 1))
    made = write_backup(Metadata("here"), tmp_path, "dev", NOW)
    assert sorted(tmp_path.iterdir()) == sorted([made, young])


def test_workspace_without_credentials_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in os.environ if each.startswith("DATABRICKS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("DATABRICKS_AUTH_TYPE", "pat")
    with pytest.raises(SettingError, match="WORKSPACE_UNKNOWN") as caught:
        open_workspace(None)
    assert "DATABRICKS_HOST" in caught.value.hint
    full(tmp_path)
    refused = run(tmp_path, "--workspace").exception
    assert getattr(refused, "code", None) == "WORKSPACE_UNKNOWN"
    assert not (tmp_path / "backups").exists()


def test_profile_without_workspace_is_refused(tmp_path: Path) -> None:
    shop(tmp_path)
    refused = run(tmp_path, "--profile", "prod").exception
    assert getattr(refused, "code", None) == "OPTION_WITHOUT_EFFECT"

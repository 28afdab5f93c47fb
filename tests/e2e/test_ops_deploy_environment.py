"""`headwater ops deploy-environment` over HTTP: volumes and files of the emulator."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from databricks.sdk.errors import NotFound

from headwater.cli.main import cli
from headwater.dev.minilake import Minilake
from job_meta_support import client_of, needs_minilake
from unit.operations_support import shop
from workspace_fake import FakeWorkspace, fake_workspace, sign_in

pytest.importorskip("hatchling")
pytestmark = [pytest.mark.servers, needs_minilake]

VOLUME = "/Volumes/shop/ops/admin_configs"
FILES = "/api/2.0/fs/files"
BUNDLE = """
bundle: {name: shop}
resources:
  volumes: {admin_configs: {catalog_name: shop, schema_name: ops, name: admin_configs}}
  pipelines:
    flow: {name: flow, catalog: shop, schema: silver, libraries: [{file: {path: flow.py}}]}
"""
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "one"
version = "1.0"
requires-python = ">=3.10"
[tool.hatch.build.targets.wheel]
packages = ["one"]
"""
WHEEL = f"{VOLUME}/one-1.0-py3-none-any.whl"
REQUIREMENTS = f"{VOLUME}/requirements.txt"


@pytest.fixture
def fake(
    workspace_server: Minilake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeWorkspace]:
    """A workspace with the schema, and without the volume."""
    workspace_server.reset()
    with fake_workspace(workspace_server.host) as fake:
        sign_in(monkeypatch, tmp_path, fake.host)
        client = client_of(fake.host)
        client.catalogs.create("shop")
        client.schemas.create("ops", "shop")
        with suppress(NotFound):  # the emulator keeps the folders of volumes
            client.volumes.delete("shop.ops.admin_configs")
        shop(tmp_path, BUNDLE)
        package = tmp_path / "infrastructure/external_libs/one"
        (package / "one").mkdir(parents=True)
        (package / "pyproject.toml").write_text(PROJECT)
        (package / "one/__init__.py").write_text("x = 1\n")
        (tmp_path / "infrastructure/requirements.txt").write_text("ruamel.yaml\n")
        yield fake


def deploy(folder: Path, *arguments: str) -> Result:
    command = ["ops", "deploy-environment", "--json", "--bundle", str(folder)]
    return CliRunner().invoke(cli, [*command, *arguments])


def results(result: Result) -> dict[str, str]:
    return {each["path"]: each["result"] for each in json.loads(result.stdout)["steps"]}


def code(result: Result) -> str:
    return str(getattr(result.exception, "code", ""))


def read(fake: FakeWorkspace, path: str) -> bytes:
    contents = client_of(fake.host).files.download(path).contents
    assert contents
    return contents.read()


def test_dry_run_writes_nothing(fake: FakeWorkspace, tmp_path: Path) -> None:
    result = deploy(tmp_path)
    assert results(result) == {VOLUME: "create", WHEEL: "upload", REQUIREMENTS: "upload"}
    assert results(deploy(tmp_path)) == results(result)
    assert list(client_of(fake.host).volumes.list("shop", "ops")) == []


def test_volume_is_made_and_files_are_there_and_twice_changes_nothing(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    done = deploy(tmp_path, "--apply")
    assert results(done) == {VOLUME: "created", WHEEL: "uploaded", REQUIREMENTS: "uploaded"}
    assert read(fake, REQUIREMENTS).decode() == f"ruamel.yaml\n{WHEEL}\n"
    assert read(fake, WHEEL).startswith(b"PK")
    again = deploy(tmp_path, "--apply")
    assert (again.exit_code, set(results(again).values())) == (0, {"unchanged"})


def test_only_what_differs_is_uploaded_also_at_the_same_size(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    deploy(tmp_path, "--apply")
    changed = b"x" * len(read(fake, REQUIREMENTS))
    client_of(fake.host).files.upload(REQUIREMENTS, io.BytesIO(changed), overwrite=True)
    assert results(deploy(tmp_path)) == {
        VOLUME: "nothing",
        WHEEL: "nothing",
        REQUIREMENTS: "replace",
    }
    (tmp_path / "infrastructure/requirements.txt").write_text("ruamel.yaml>=0.18\n")
    assert results(deploy(tmp_path, "--apply"))[REQUIREMENTS] == "replaced"
    assert read(fake, REQUIREMENTS).startswith(b"ruamel.yaml>=0.18\n")


def test_missing_permission_is_told_and_the_next_run_does_the_rest(
    fake: FakeWorkspace, tmp_path: Path
) -> None:
    fake.refused[f"{FILES}{WHEEL}"] = 403
    result = deploy(tmp_path, "--apply")
    assert result.exit_code == 1
    assert results(result) == {VOLUME: "created", WHEEL: "failed", REQUIREMENTS: "not done"}
    assert json.loads(result.stdout)["steps"][1]["error"]["code"] == "PERMISSION_DENIED"
    assert "Ada" not in result.output
    fake.refused.clear()
    assert results(deploy(tmp_path, "--apply")) == {
        VOLUME: "unchanged",
        WHEEL: "uploaded",
        REQUIREMENTS: "uploaded",
    }


def test_expired_token_ends_the_command(fake: FakeWorkspace, tmp_path: Path) -> None:
    fake.refused["/api/2.1/unity-catalog/volumes"] = 401
    assert code(deploy(tmp_path, "--apply")) == "WORKSPACE_TOKEN_REFUSED"


def test_schema_has_to_be_there(fake: FakeWorkspace, tmp_path: Path) -> None:
    (tmp_path / "databricks.yml").write_text(BUNDLE.replace("schema_name: ops", "schema_name: no"))
    assert code(deploy(tmp_path, "--apply")) == "SCHEMA_MISSING"


def test_bundle_without_the_volume_is_refused(fake: FakeWorkspace, tmp_path: Path) -> None:
    (tmp_path / "databricks.yml").write_text(BUNDLE.replace("{admin_configs:", "{other:"))
    assert code(deploy(tmp_path)) == "VOLUME_MISSING"


def test_requirements_have_to_be_there(fake: FakeWorkspace, tmp_path: Path) -> None:
    (tmp_path / "infrastructure/requirements.txt").unlink()
    assert code(deploy(tmp_path)) == "REQUIREMENTS_MISSING"

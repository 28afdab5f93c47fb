"""Which dbt project a command means, and how dbt connects."""

from __future__ import annotations

import json
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from pyspark.sql import SparkSession

from headwater.bundle import Bundle, load_bundle
from headwater.dbt.profiles import connection_of
from headwater.dbt.projects import find_project, projects_of, read_project
from headwater.dbt.results import DbtRun
from headwater.dbt.runner import DbtCommand, run_dbt
from headwater.dbt.seeds import literal
from headwater.errors import SettingError, UsageError
from headwater.names import TableName
from headwater.settings import environment_with
from headwater.state.store import Store
from headwater.state.target import Target

BUNDLE = "bundle: {name: b}\ntargets: {dev: {default: true}}\n"
SESSION = "{type: spark, method: session, schema: s, host: none}"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder without connections, and nothing chosen in the environment."""
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def bundle_in(folder: Path, text: str = BUNDLE) -> Bundle:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "databricks.yml").write_text(text)
    return load_bundle(folder)


def project_in(folder: Path, text: str = "name: shop") -> Path:
    folder.mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(text)
    return folder


def test_project_of_a_folder_above_wins_over_the_only_one_of_the_bundle(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path / "b")
    project_in(tmp_path / "b" / "dbt")
    inner = project_in(tmp_path / "b" / "more" / "deep", "name: deep\nprofile: other")
    found = find_project(bundle, inner / "models")
    assert (found.name, found.profile) == ("deep", "other")
    assert find_project(bundle, tmp_path / "b" / "more").name == "shop"
    assert find_project(bundle, tmp_path).name == "shop"


def test_several_projects_and_none_are_told(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path / "b")
    with pytest.raises(UsageError, match="There is no dbt project"):
        find_project(bundle, tmp_path / "b")
    project_in(tmp_path / "b" / "one")
    project_in(tmp_path / "b" / "two")
    with pytest.raises(UsageError, match="several dbt projects: one, two"):
        find_project(bundle, tmp_path / "b")
    with pytest.raises(UsageError, match="DBT_PROJECT_NOT_FOUND"):
        read_project(tmp_path)
    (tmp_path / "dbt_project.yml").write_text("version: 2")
    with pytest.raises(UsageError, match="DBT_PROJECT_INVALID"):
        read_project(tmp_path)


def test_project_that_only_a_job_names_is_one_of_the_bundle(tmp_path: Path) -> None:
    task = "{task_key: t, dbt_task: {project_directory: far/off/dbt, commands: [dbt run]}}"
    job = f"resources: {{jobs: {{j: {{name: j, tasks: [{task}]}}}}}}\n"
    project_in(tmp_path / "b" / "far" / "off" / "dbt")
    bundle = bundle_in(tmp_path / "b", BUNDLE + job)
    assert [each.name for each in projects_of(bundle)] == ["shop"]


def test_connection_is_made_where_the_user_has_none_that_is_local(
    tmp_path: Path, home: Path
) -> None:
    project = read_project(project_in(tmp_path / "dbt"))

    def connection(*arguments: str) -> dict[str, Any]:
        return dict(connection_of(project, arguments, "sales", tmp_path / "scratch"))

    cloud = "shop: {target: prod, outputs: {prod: {type: databricks, host: h}}}"
    (project.folder / "profiles.yml").write_text(cloud)
    assert connection("build") == {
        "DBT_PROFILE": "shop",
        "DBT_PROFILES_DIR": str(tmp_path / "scratch"),
        "DBT_TARGET": "headwater",
    }
    written = json.loads((tmp_path / "scratch" / "profiles.yml").read_text())
    assert written["shop"]["outputs"]["headwater"]["schema"] == "sales"

    home.mkdir()
    (home / ".dbt").mkdir()
    profile = f"shop: {{target: x, outputs: {{x: {{type: databricks}}, here: {SESSION}}}}}"
    (home / ".dbt" / "profiles.yml").write_text(profile)
    assert connection("build")["DBT_TARGET"] == "here"
    (project.folder / "profiles.yml").write_text(profile.replace("here", "nearer"))
    assert connection("build")["DBT_TARGET"] == "nearer"
    several = f"shop: {{target: ci, outputs: {{here: {SESSION}, ci: {SESSION}}}}}"
    (project.folder / "profiles.yml").write_text(several)
    assert connection("build")["DBT_TARGET"] == "ci"
    (project.folder / "profiles.yml").write_text(several.replace("ci,", "other,"))
    assert connection("build")["DBT_TARGET"] == "here"


def test_connection_that_the_user_chooses_is_left_to_dbt(tmp_path: Path) -> None:
    project = read_project(project_in(tmp_path / "dbt"))
    scratch = tmp_path / "scratch"
    for chosen in (["--target", "x"], ["--target=x"], ["-t", "x"], ["--profiles-dir", "y"]):
        assert connection_of(project, ["run", *chosen], "s", scratch) == {}
    (project.folder / "profiles.yml").write_text(f"shop: {{outputs: {{x: {SESSION}}}}}")
    own = {"DBT_PROFILES_DIR": str(project.folder)}
    assert connection_of(project, ["run", "--target", "x"], "s", scratch) == own
    with environment_with({"DBT_PROFILES_DIR": "elsewhere"}):
        assert connection_of(project, ["run"], "s", scratch) == {}
    assert not scratch.exists()


def test_views_are_found_by_their_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    name = TableName("main", "Odd schema", "v.1")
    file = store.view_file(name)
    file.parent.mkdir(parents=True)
    file.write_text("CREATE VIEW ...")
    assert [str(each) for each in store.views()] == [str(TableName("main", "odd schema", "v.1"))]


def target_with_project(folder: Path) -> Target:
    bundle = bundle_in(folder)
    project_in(folder / "dbt")
    return Target(bundle, Store(folder / ".headwater" / "dev"))


def no_session() -> SparkSession:
    raise AssertionError("no session is needed")


def run(target: Target, *arguments: str) -> DbtRun:
    project = find_project(target.bundle, target.bundle.root)
    return run_dbt(target, DbtCommand(project, arguments, quiet=True), no_session)


def test_command_that_needs_no_session_starts_none_and_leaves_the_environment_alone(
    tmp_path: Path,
) -> None:
    target, before = target_with_project(tmp_path / "b"), dict(os.environ)
    assert run(target, "parse").succeeded
    assert dict(os.environ) == before
    assert not (tmp_path / "b" / "dbt" / "target").exists(), "artefacts are in the state folder"
    with pytest.raises(UsageError, match=r"DBT_USAGE.*No such option"):
        run(target, "build", "--nonsense")
    with pytest.raises(UsageError, match=r"DBT_USAGE.*No command of dbt is given"):
        run(target)


def test_interrupt_prints_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    target = target_with_project(tmp_path / "b")
    project = find_project(target.bundle, target.bundle.root)
    monkeypatch.setattr("dbt.parser.manifest.ManifestLoader.load", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_dbt(target, DbtCommand(project, ("parse",)), no_session)
    said = "".join(capfd.readouterr())
    assert "Running with dbt" in said
    assert "Traceback" not in said
    assert "Encountered an error" not in said


def test_second_command_at_once_is_refused(tmp_path: Path) -> None:
    target = target_with_project(tmp_path / "b")
    state = target.store.dbt_path("shop")
    state.mkdir(parents=True)
    with (
        FileLock(state / "dbt.lock"),
        pytest.raises(UsageError, match=r"DBT_IN_PROGRESS.*project 'shop'"),
    ):
        run(target, "parse")
    assert run(target, "parse").succeeded


def test_dbt_that_is_missing_is_told_by_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "headwater.dbt.library", raising=False)
    monkeypatch.setitem(sys.modules, "dbt.cli.main", None)
    with pytest.raises(SettingError, match=r"DBT_NOT_INSTALLED.*headwater\[dbt\]"):
        run(target_with_project(tmp_path / "b"), "parse")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("1.10"), "1.10"),
        (Decimal("6.62607015E-34"), "'6.62607015E-34'"),
        (10**40, f"'{10**40}'"),
        (None, "null"),
        (True, "true"),
        ("O'Neil\\", "'O\\'Neil\\\\'"),
    ],
)
def test_values_of_seeds_are_literals_that_spark_reads(value: Any, written: str) -> None:
    assert literal(value) == written

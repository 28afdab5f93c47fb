"""A new project: its names, its files, and a bundle that can be read for every target."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.bundle import load_bundle
from headwater.errors import UsageError
from headwater.projects import TEMPLATES, check_name, create_project
from headwater.quality.limits import read_limits
from headwater.settings import Settings, read_settings


@pytest.fixture
def settings() -> Settings:
    return read_settings()


@pytest.mark.parametrize("template", TEMPLATES)
def test_files_are_filled_in_and_the_bundle_is_read_for_each_target(
    template: str, tmp_path: Path, settings: Settings
) -> None:
    files = create_project(tmp_path, "shop", template, settings)
    for file in files:
        assert "project_name" not in str(file)
        assert "{{." not in (tmp_path / file).read_text()
    for target in ("dev", "test", "prod"):
        bundle = load_bundle(tmp_path, target=target)
        assert (list(bundle.pipelines), list(bundle.jobs)) == (["shop"], ["shop_daily"])
        assert bundle.warnings == ()
        assert list(read_limits(tmp_path / "resources" / "limits" / f"{target}.yml")) == ["shop"]


def test_fixtures_are_in_the_landing_volume_of_the_default_target(
    tmp_path: Path, settings: Settings
) -> None:
    create_project(tmp_path, "shop", "sql", settings)
    landed = tmp_path.glob(".headwater/dev/volumes/main/*_shop/landing/orders/*.json")
    assert [each.name for each in sorted(landed)] == ["2026-01-01.json", "2026-01-02.json"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("my-shop", "Use: my_shop"),
        ("2shop", "Use: shop"),
        ("Shop", "Use: shop"),
        ("..", "Use: my_project"),
        ("json", "Use: json_pipeline"),
        ("class", "Use: class_pipeline"),
        ("pyspark", "Use: pyspark_pipeline"),
        ("yaml", "Use: yaml_pipeline"),
    ],
)
def test_name_that_no_package_can_have_is_refused_with_one_that_can(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)
    assert (caught.value.code, caught.value.hint) == ("PROJECT_NAME_INVALID", hint)


def test_existing_file_is_refused_before_anything_is_written(
    tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "databricks.yml").write_text("mine")
    with pytest.raises(UsageError, match="PROJECT_EXISTS"):
        create_project(tmp_path, "shop", "python", settings)
    assert [each.name for each in tmp_path.iterdir()] == ["databricks.yml"]
    assert (tmp_path / "databricks.yml").read_text() == "mine"


def test_folder_with_other_files_keeps_them(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "LICENSE").write_text("mine")
    create_project(tmp_path, "shop", "python", settings)
    assert (tmp_path / "LICENSE").read_text() == "mine"

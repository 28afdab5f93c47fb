"""The libraries that are shipped beside the bundle: what they do, and their wheels."""

from __future__ import annotations

import importlib
import io
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from headwater.errors import UsageError
from headwater.operations.environment_files import (
    LIBRARIES,
    REQUIREMENTS,
    built_wheel,
    library_projects,
)

ROOT = Path(__file__).parents[2]
NAMES = ["faker_wheel", "hls_external_libs"]


def library(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / LIBRARIES / name / "src"))
    return importlib.import_module(name)


def test_libraries_are_the_two_examples() -> None:
    assert [each.name for each in library_projects(ROOT)] == NAMES
    assert (ROOT / REQUIREMENTS).is_file()


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("1234567893", True),
        ("1234567890", False),
        ("2234567893", False),
        ("1234567983", False),  # two digits changed places
        ("3234567892", False),  # begins with neither 1 nor 2
        ("123456789", False),
        ("12345678９3", False),  # noqa: RUF001 - a digit, but not of ASCII
        ("", False),
    ],
)
def test_npi_is_known_by_its_check_digit(
    text: str, is_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert library("hls_external_libs", monkeypatch).is_npi(text) is is_one


def test_exactly_one_digit_completes_an_npi(monkeypatch: pytest.MonkeyPatch) -> None:
    is_npi = library("hls_external_libs", monkeypatch).is_npi
    for body in range(100_000_000, 100_000_200):
        assert sum(is_npi(f"{body}{last}") for last in range(10)) == 1


def test_person_is_the_same_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_person = library("faker_wheel", monkeypatch).fake_person
    persons = [fake_person(seed) for seed in range(50)]
    assert persons == [fake_person(seed) for seed in range(50)]
    assert len(set(persons)) == 50
    assert all(1930 <= each.birth_date.year < 2024 for each in persons)


@pytest.mark.parametrize("name", NAMES)
def test_wheel_is_built_twice_to_the_same_bytes(name: str) -> None:
    pytest.importorskip("hatchling")
    wheel = built_wheel(ROOT / LIBRARIES / name)
    assert wheel.name == f"{name}-0.1.0-py3-none-any.whl"
    assert f"{name}/__init__.py" in zipfile.ZipFile(io.BytesIO(wheel.content)).namelist()
    assert built_wheel(ROOT / LIBRARIES / name).sha256 == wheel.sha256


def test_project_of_another_build_tool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[build-system]\nbuild-backend = "flit_core.buildapi"')
    with pytest.raises(UsageError) as raised:
        built_wheel(tmp_path)
    assert raised.value.code == "BUILD_BACKEND_UNKNOWN"


def test_project_that_does_not_build_is_named(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    (tmp_path / "pyproject.toml").write_text('[build-system]\nbuild-backend = "hatchling.build"')
    with pytest.raises(UsageError) as raised:
        built_wheel(tmp_path)
    assert (raised.value.code, raised.value.where) == ("BUILD_FAILED", str(tmp_path))

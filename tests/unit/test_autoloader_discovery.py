"""Which files a source has: folders, globs, hidden names, filters."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headwater.autoloader.discovery import base_folder, list_files
from headwater.autoloader.options import read_options
from headwater.autoloader.request import CloudFiles
from headwater.errors import DefinitionError, Location

FILES = (
    "a.json",
    "b.csv",
    "2025/01/a.json",
    "2025/02/b.json",
    "2026/01/c.json",
    "_hidden.json",
    ".dot.json",
    "_delta_log/x.json",
    "day/_key=1/k.json",
    "half.json._COPYING_",
    "odd[1]/o.json",
)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "in"


def listed(landing: Path, pattern: str = "", *, exclude: str = "", **options: str) -> set[str]:
    given = {"cloudFiles.format": "json", **options}
    request = CloudFiles(str(landing / pattern), given, Location("pipeline.py", 3))
    shut = [landing / exclude] if exclude else []
    found = list_files(request, read_options(request), shut)
    return {Path(each.path).relative_to(landing).as_posix() for each in found}


DATA = {
    "a.json",
    "b.csv",
    "2025/01/a.json",
    "2025/02/b.json",
    "2026/01/c.json",
    "day/_key=1/k.json",
    "odd[1]/o.json",
}


def test_a_folder_is_listed_with_all_below_it_but_hidden_names(landing: Path) -> None:
    assert listed(landing) == DATA


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("*.json", {"a.json"}),
        ("202?/01", {"2025/01/a.json", "2026/01/c.json"}),
        ("202[0-5]", {"2025/01/a.json", "2025/02/b.json"}),
        ("202[^5]/*/*.json", {"2026/01/c.json"}),
        ("{a,b}.*", {"a.json", "b.csv"}),
        ("{2025/02,2026/01}/*", {"2025/02/b.json", "2026/01/c.json"}),
        ("202[56]/0[12]/[ab].json", {"2025/01/a.json", "2025/02/b.json"}),
        ("nothing*", set()),
        ("a.json", {"a.json"}),
        ("odd[1]", {"odd[1]/o.json"}),
    ],
)
def test_strict_globs(landing: Path, pattern: str, wanted: set[str]) -> None:
    assert listed(landing, pattern, **{"cloudFiles.useStrictGlobber": "true"}) == wanted


@pytest.mark.parametrize(
    ("pattern", "file", "default", "strict"),
    [
        ("b", "b/c/file.txt", True, True),
        ("b", "b_dir/c/file.txt", False, False),
        ("b/", "b.txt", False, False),
        ("*/c/", "b/c/file.txt", True, True),
        ("*/c/", "b/c/d/file.txt", True, True),
        ("*/c/", "b/x/y/c/file.txt", True, False),
        ("*/c", "b/c_file.txt", True, False),
        ("*/c/", "b/c_file.txt", True, False),
        ("*/c/", "b/cookie/file.txt", True, False),
        ("b*", "b.txt", True, True),
        ("b*", "b/file.txt", True, True),
        ("{0.txt,1.txt}", "0.txt", True, True),
        ("*/{0.txt,1.txt}", "0.txt", False, False),
        ("b/[cde-h]/i/", "b/c/i/file.txt", True, True),
    ],
)
def test_documented_table_of_both_globbers(
    tmp_path: Path, pattern: str, file: str, default: bool, strict: bool
) -> None:
    for name in (file, "b/keep/x", "other/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    for way, is_read in (("false", default), ("true", strict)):
        options = {"cloudFiles.format": "text", "cloudFiles.useStrictGlobber": way}
        request = CloudFiles(f"{tmp_path}/{pattern}", options, Location("p.py", 1))
        found = [each.path for each in list_files(request, read_options(request))]
        assert (str(tmp_path / file) in found) == is_read, way


def test_path_glob_filter_looks_at_the_name_only(landing: Path) -> None:
    assert listed(landing, pathGlobFilter="{a,c}.json") == {
        "a.json",
        "2025/01/a.json",
        "2026/01/c.json",
    }


def test_own_state_below_the_source_is_no_data(landing: Path) -> None:
    assert listed(landing, exclude="2025") == {name for name in DATA if "2025" not in name}


def test_modified_after_and_before(landing: Path) -> None:
    for name in DATA:
        os.utime(landing / name, (1_700_000_000, 1_700_000_000))
    os.utime(landing / "a.json", (1_800_000_000, 1_800_000_000))
    assert listed(landing, modifiedAfter="2026-01-01T00:00:00Z") == {"a.json"}
    assert listed(landing, modifiedBefore="2026-01-01") == DATA - {"a.json"}


def test_files_over_the_maximum_age_are_not_looked_at(landing: Path) -> None:
    os.utime(landing / "a.json", (1_700_000_000, 1_700_000_000))
    assert listed(landing, **{"cloudFiles.maxFileAge": "14 days"}) == DATA - {"a.json"}


def test_oldest_files_come_first(landing: Path) -> None:
    for number, name in enumerate(sorted(DATA, reverse=True)):
        os.utime(landing / name, (number, number))
    given = {"cloudFiles.format": "json"}
    request = CloudFiles(str(landing), given, Location("p.py", 1))
    found = [Path(each.path).name for each in list_files(request, read_options(request))]
    assert found == [Path(name).name for name in sorted(DATA, reverse=True)]


def test_a_loop_of_links_ends(landing: Path) -> None:
    (landing / "day" / "back").symlink_to(landing)
    assert listed(landing) >= DATA


def test_missing_folder_is_named(landing: Path) -> None:
    with pytest.raises(DefinitionError) as raised:
        listed(landing, "nowhere/*.json")
    assert raised.value.code == "SOURCE_PATH_NOT_FOUND"
    assert raised.value.parameters["path"] == str(landing / "nowhere")
    assert raised.value.where == Location("pipeline.py", 3)


def test_base_folder_ends_before_the_first_glob() -> None:
    given = {"cloudFiles.format": "json"}
    request = CloudFiles("file:///data/in/20*/x", given, Location("p.py", 1))
    assert base_folder(request) == "/data/in"


def test_remote_paths_are_refused() -> None:
    request = CloudFiles("s3://bucket/x", {"cloudFiles.format": "json"}, Location("p.py", 1))
    with pytest.raises(DefinitionError) as raised:
        base_folder(request)
    assert raised.value.code == "AUTOLOADER_PATH_NOT_BUILT"

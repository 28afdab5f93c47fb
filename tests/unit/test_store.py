"""Paths of a target: volumes, tables, confinement."""

from pathlib import Path

import pytest

from headwater.errors import UsageError
from headwater.names import TableName
from headwater.state.store import Store, folder_name, separate_catalogs


def test_volume_path_becomes_a_local_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.volume_path("main", "bronze", "landing")
    folder.mkdir(parents=True)
    assert store.local_path("/Volumes/main/bronze/landing/a/*.json") == f"{folder}/a/*.json"
    assert store.local_path("dbfs:/Volumes/main/bronze/landing") == str(folder)


def test_other_paths_stay_as_they_are(tmp_path: Path) -> None:
    assert Store(tmp_path).local_path("/data/x") == "/data/x"


def test_unknown_volume_names_the_nearest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.volume_path("main", "bronze", "landing").mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        store.local_path("/Volumes/main/bronze/landingg/x")
    assert caught.value.code == "VOLUME_UNKNOWN"
    assert "main.bronze.landing" in caught.value.hint


def test_volume_path_cannot_climb_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.volume_path("main", "bronze", "landing").mkdir(parents=True)
    with pytest.raises(UsageError) as caught:
        store.local_path("/Volumes/main/bronze/landing/../../secret")
    assert caught.value.code == "PATH_OUTSIDE_VOLUME"


@pytest.mark.parametrize("path", ["/Volumes", "/Volumes/main/", "dbfs:/Volumes/main/bronze"])
def test_folders_above_volumes_are_those_of_the_target(tmp_path: Path, path: str) -> None:
    store = Store(tmp_path)
    volume = store.volume_path("main", "bronze", "landing")
    volume.mkdir(parents=True)
    names = path.rstrip("/").split("/")[2:]
    assert store.local_path(path) == str(tmp_path.joinpath("volumes", *names))


@pytest.mark.parametrize("path", ["/Volumes/other", "/Volumes/main/silver"])
def test_folder_without_volumes_is_unknown(tmp_path: Path, path: str) -> None:
    store = Store(tmp_path)
    store.volume_path("main", "bronze", "landing").mkdir(parents=True)
    with pytest.raises(UsageError, match="VOLUME_UNKNOWN"):
        store.local_path(path)


@pytest.mark.parametrize("name", ["../..", "a/b", ".", "..", "c:d", "a b", "tab\tle"])
def test_table_folders_stay_inside_the_state(tmp_path: Path, name: str) -> None:
    path = Store(tmp_path).table_path(TableName(name, name, name)).resolve()
    assert path.is_relative_to(tmp_path.resolve())
    assert len(path.relative_to(tmp_path.resolve()).parts) == 4


def test_folder_name_is_reversible_for_tables_on_disk(tmp_path: Path) -> None:
    store = Store(tmp_path)
    name = TableName("main", "a.b", "c d")
    (store.table_path(name) / "_delta_log").mkdir(parents=True)
    assert list(store.tables()) == [name]
    assert "." not in folder_name("a.b")


@pytest.mark.parametrize(
    ("names", "first", "apart"),
    [
        ("a.s.t b.s.t", "b", {"a"}),
        ("a.s.t b.s.t", "c", {"b"}),
        ("a.s.t b.s.u c.t.t", "a", set()),
        ("a.s.t b.s.t b.s.u c.s.u", "A", {"b"}),
        ("a.s.t b.s.t b.s.u c.s.u a.s.u", "a", {"b", "c"}),
        ("", "a", set()),
    ],
)
def test_catalogs_share_their_schemas_until_two_have_one_table(
    names: str, first: str, apart: set[str]
) -> None:
    tables = [TableName(*name.split(".")) for name in names.split()]
    assert separate_catalogs(tables, first) == apart


@pytest.mark.parametrize(
    "path", ["/Volumes/main/s/landing", "/Volumes/main/odd name/v/a/b.json", "/elsewhere/x"]
)
def test_path_in_a_volume_is_shown_as_it_was_written(tmp_path: Path, path: str) -> None:
    store = Store(tmp_path)
    store.volume_path("main", "s", "landing").mkdir(parents=True)
    store.volume_path("main", "odd name", "v").mkdir(parents=True)
    assert store.shown_path(store.local_path(path)) == path

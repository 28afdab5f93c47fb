"""Paths of files, local and in Azure storage, as Spark's logs and rewritten copies show them."""

from pathlib import Path

import pytest

from headwater.autoloader.spark_paths import spark_paths
from headwater.autoloader.storage import (
    STAGED,
    SourceFile,
    Storage,
    address_of,
    is_remote,
    origin,
    path_of,
    staged_name,
)
from headwater.errors import SettingError

PATHS = [
    "/data/in/a.parquet",
    "/data/odd name/100%/a#b?.parquet",
    "abfs://land@acme.dfs.core.windows.net/in/a.parquet",
    "abfss://land@acme.dfs.core.windows.net/odd name/100%/é=1/a#b.parquet",
]


@pytest.mark.parametrize("path", PATHS)
def test_address_gives_its_path_back(path: str) -> None:
    assert path_of(address_of(path)) == path
    assert " " not in address_of(path)


@pytest.mark.parametrize("path", PATHS)
def test_copy_tells_its_original(path: str) -> None:
    assert origin(f"/state/{STAGED}/{staged_name(path)}") == path
    assert origin(path) == path


@pytest.mark.parametrize("path", ["/in/ev-10:30:00Z.json", "abfs://c@a.dfs.net/in/10:30.parquet"])
def test_name_of_a_copy_has_no_colon(path: str) -> None:
    assert ":" not in staged_name(path)
    assert origin(f"/state/{STAGED}/{staged_name(path)}") == path


@pytest.mark.parametrize("name", ["10:30.json", "a [1].json", "x:y/{b}?*.json"])
def test_a_file_with_a_pattern_or_colon_in_its_path_is_lent_a_link(
    tmp_path: Path, name: str
) -> None:
    odd = tmp_path / name
    odd.parent.mkdir(exist_ok=True)
    odd.write_text("{}")
    files = [SourceFile("/in/a.json", 1, 1), SourceFile(str(odd), 2, 1)]
    with spark_paths(files) as paths:
        plain, link = paths
        assert (plain, list(paths.values())) == ("/in/a.json", files)
        assert not set(link) & set("[]{}?*:")
        assert (Path(link).suffix, Path(link).read_text()) == (".json", "{}")
    assert not Path(link).parent.exists()


def test_remote_paths_are_those_of_azure_storage() -> None:
    assert [is_remote(path) for path in PATHS] == [False, False, True, True]
    assert not is_remote("s3://bucket/a")
    assert not is_remote("abfs:/no/container")


def test_account_without_a_key_is_named() -> None:
    with pytest.raises(SettingError) as caught:
        Storage({}.get).stat(PATHS[2])
    assert caught.value.code == "STORAGE_ACCOUNT_UNKNOWN"
    assert "'acme'" in str(caught.value)

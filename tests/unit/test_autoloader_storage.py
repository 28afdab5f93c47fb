"""Paths of files, local and in Azure storage, as Spark's logs and rewritten copies show them."""

import pytest

from headwater.autoloader.storage import (
    STAGED,
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


def test_remote_paths_are_those_of_azure_storage() -> None:
    assert [is_remote(path) for path in PATHS] == [False, False, True, True]
    assert not is_remote("s3://bucket/a")
    assert not is_remote("abfs:/no/container")


def test_account_without_a_key_is_named() -> None:
    with pytest.raises(SettingError) as caught:
        Storage({}.get).stat(PATHS[2])
    assert caught.value.code == "STORAGE_ACCOUNT_UNKNOWN"
    assert "'acme'" in str(caught.value)

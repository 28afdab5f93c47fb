"""`dbutils` of local runs: files are confined, secrets have the names that pipelines know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headwater.errors import HeadwaterError
from headwater.jobs.dbutils import OF_JOBS
from headwater.sandbox.dbutils import FileSystem, Secrets


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run's folder with a table in its state; beside it a file that is none of its business."""
    (tmp_path / "outside.txt").write_text("not yours")
    base = tmp_path / "run"
    (base / ".headwater/local/tables/t").mkdir(parents=True)
    (base / "data").mkdir()
    (base / "data/a.txt").write_text("a")
    (base / "out").symlink_to(tmp_path)
    return base


@pytest.fixture
def fs(root: Path) -> FileSystem:
    volumes = root / ".headwater/local/volumes"
    return FileSystem(root, lambda *names: volumes.joinpath(*names), OF_JOBS)


def test_parameters_have_the_names_that_databricks_gives_them(fs: FileSystem, root: Path) -> None:
    fs.mkdirs(dir="deep/er")
    fs.put(file="deep/er/b.txt", contents="b", overwrite=False)
    fs.cp(from_="deep", to="/Volumes/main/s/v/copied/deep", recurse=True)
    fs.mv(from_="deep/er/b.txt", to="moved/c.txt", recurse=False)
    assert fs.head(file="moved/c.txt", maxBytes=1) == "b"
    assert [each.name for each in fs.ls(dir="dbfs:/Volumes/main/s/v/copied/deep")] == ["er/"]
    fs.rm(dir="deep", recurse=True)
    assert not (root / "deep").exists()


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "/etc/hostname",
        "out/outside.txt",
        "/Volumes/main/s/v/../../../../../../outside.txt",
        "/Volumes/main/s",
        "s3://bucket/key",
        "abfss:/x",
        "dbfs:/mnt/x",
        "..",
    ],
)
def test_other_files_are_out_of_reach(fs: FileSystem, path: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: fs.head(path),
        lambda: fs.put(path, "mine", overwrite=True),
        lambda: fs.cp("data/a.txt", path),
        lambda: fs.mv("data/a.txt", path),
        lambda: fs.rm(path, recurse=True),
    ]
    for call in calls:
        with pytest.raises(HeadwaterError) as caught:
            call()
        assert caught.value.code == "PATH_OUTSIDE_ROOT"


@pytest.mark.parametrize(
    "path", [".", "", ".headwater", ".headwater/local/tables", "/Volumes/main/s/v", "data/.."]
)
def test_what_others_need_stays(fs: FileSystem, root: Path, path: str) -> None:
    fs.mkdirs("/Volumes/main/s/v")
    with pytest.raises(HeadwaterError) as caught:
        fs.rm(path, recurse=True)
    assert caught.value.code in ("PATH_PROTECTED", "PATH_OUTSIDE_ROOT")
    with pytest.raises(HeadwaterError):
        fs.mv(path, "elsewhere", recurse=True)
    assert (root / ".headwater/local/tables/t").is_dir()


def test_of_a_link_the_link_is_deleted(fs: FileSystem, root: Path) -> None:
    (root / "link.txt").symlink_to(root / "data/a.txt")
    (root / "lost.txt").symlink_to(root / "gone")
    assert [each.name for each in fs.ls(".")] == [
        ".headwater/",
        "data/",
        "link.txt",
        "lost.txt",
        "out/",
    ]
    for name in ("link.txt", "lost.txt", "out"):
        fs.rm(name, True)
    assert fs.head("data/a.txt") == "a"
    assert (root.parent / "outside.txt").is_file()


def test_links_in_a_folder_bring_nothing_in(fs: FileSystem, root: Path) -> None:
    (root / "data/b.txt").symlink_to(root.parent / "outside.txt")
    fs.cp("data", "/Volumes/main/s/v", recurse=True)
    with pytest.raises(HeadwaterError) as caught:
        fs.head("/Volumes/main/s/v/b.txt")
    assert caught.value.code == "PATH_OUTSIDE_ROOT"
    assert fs.head("/Volumes/main/s/v/a.txt") == "a"


@pytest.mark.parametrize("call", ["rm", "mv"])
def test_folder_needs_recurse(fs: FileSystem, call: str) -> None:
    with pytest.raises(HeadwaterError) as caught:
        fs.rm("data") if call == "rm" else fs.mv("data", "other")
    assert caught.value.code == "PATH_NOT_EMPTY"


def test_what_is_not_there_is_named(fs: FileSystem) -> None:
    with pytest.raises(HeadwaterError) as caught:
        fs.mount("x", "y")
    assert caught.value.code == "DBUTILS_UNSUPPORTED"


def test_secret_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SECRET_KV_DB_PASSWORD", "x")
    assert Secrets(OF_JOBS).get("kv", "db-password") == "x"
    assert Secrets(OF_JOBS).getBytes("kv", "db-password") == b"x"

"""`dbutils` of pipelines: files in volumes and below the bundle, nowhere else."""

import json
from pathlib import Path

import pytest

from headwater.errors import DefinitionError
from headwater.sandbox.dbutils import DBUtils
from headwater.state.store import Store

VOLUME = "/Volumes/main/s/landing"


@pytest.fixture
def utils(tmp_path: Path) -> DBUtils:
    project = tmp_path / "project"
    store = Store(project / ".headwater" / "dev")
    store.volume_path("main", "s", "landing").mkdir(parents=True)
    return DBUtils(store, {}, project)


def test_files_of_volumes_are_written_copied_moved_and_deleted(utils: DBUtils) -> None:
    fs = utils.fs
    fs.mkdirs(f"{VOLUME}/in")
    fs.put(file=f"{VOLUME}/in/a.txt", contents="ä", overwrite=False)
    fs.cp(f"dbfs:{VOLUME}/in", f"{VOLUME}/copy", recurse=True)
    fs.mv(f"{VOLUME}/copy/a.txt", f"{VOLUME}/b.txt")
    assert fs.head(file=f"{VOLUME}/b.txt") == "ä"
    assert [(each.name, each.path, each.size, each.isDir()) for each in fs.ls(VOLUME)] == [
        ("b.txt", f"{VOLUME}/b.txt", 2, False),
        ("copy/", f"{VOLUME}/copy/", 0, True),
        ("in/", f"{VOLUME}/in/", 0, True),
    ]
    assert [each.isFile() for each in fs.ls(VOLUME)] == [True, False, False]
    fs.rm(dir=f"{VOLUME}/in", recurse=True)
    assert [each.name for each in fs.ls(VOLUME)] == ["b.txt", "copy/"]


def test_paths_below_the_bundle_are_reached(utils: DBUtils, tmp_path: Path) -> None:
    utils.fs.put("data/a.txt", "x")
    assert utils.fs.head(f"file:{tmp_path}/project/data/a.txt") == "x"


@pytest.mark.parametrize(
    "path",
    ["/mnt/checkpoints", "dbfs:/mnt/x", "file:/etc", "../outside", "s3://b/x", "/", "link/x"],
)
def test_nothing_else_is_reached(utils: DBUtils, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "outside")
    for act in (utils.fs.ls, utils.fs.mkdirs, utils.fs.rm):
        with pytest.raises(DefinitionError) as caught:
            act(path)  # type: ignore[operator]
        assert caught.value.code == "PATH_OUTSIDE_TARGET"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (".", "PATH_OUTSIDE_TARGET"),
        (".headwater", "PATH_OUTSIDE_TARGET"),
        (".headwater/dev", "PATH_OUTSIDE_TARGET"),
        (VOLUME, "PATH_NOT_EMPTY"),
        ("/Volumes/main/s/other", "VOLUME_UNKNOWN"),
        (f"{VOLUME}/../x", "PATH_OUTSIDE_VOLUME"),
    ],
)
def test_what_others_need_is_not_deleted(utils: DBUtils, path: str, code: str) -> None:
    utils.fs.put(f"{VOLUME}/a.txt", "a")
    with pytest.raises(DefinitionError) as caught:
        utils.fs.rm(path, recurse=code != "PATH_NOT_EMPTY")
    assert caught.value.code == code


@pytest.mark.parametrize("path", [".headwater/dev/tables/main/s/t/x.parquet", ".headwater/a/b"])
def test_state_is_read_and_not_changed(utils: DBUtils, tmp_path: Path, path: str) -> None:
    file = tmp_path / "project" / path
    file.parent.mkdir(parents=True)
    file.write_text("kept")
    assert utils.fs.head(path) == "kept"
    for act in (utils.fs.rm, lambda each: utils.fs.put(each, "x", True)):
        with pytest.raises(DefinitionError) as caught:
            act(path)
        assert caught.value.code == "PATH_OUTSIDE_TARGET"
    assert file.read_text() == "kept"


def test_file_of_a_volume_may_be_named_by_its_own_path(utils: DBUtils, tmp_path: Path) -> None:
    utils.fs.put(f"{VOLUME}/a.txt", "a")
    own = tmp_path / "project/.headwater/dev/volumes/main/s/landing/a.txt"
    utils.fs.mv(f"file:{own}", f"{VOLUME}/done/a.txt")
    assert [each.name for each in utils.fs.ls(VOLUME)] == ["done/"]


def test_parts_that_do_not_exist_here_are_refused_by_name(utils: DBUtils) -> None:
    for part in (lambda: utils.jobs, lambda: utils.fs.mount, lambda: utils.secrets.list):
        with pytest.raises(DefinitionError) as caught:
            part()
        assert caught.value.code == "API_NOT_BUILT"


def test_context_of_the_notebook_tells_where_it_is_and_who_runs_it(utils: DBUtils) -> None:
    context = utils.notebook.entry_point.getDbutils().notebook().getContext()
    here = str(Path(__file__).with_suffix(""))
    told = json.loads(context.toJson())
    assert context.notebookPath().get() == told["extraContext"]["notebook_path"] == here
    assert context.userName().get() == context.tags().apply("user") == told["tags"]["user"]
    assert context.tags().get("jobId").getOrElse("none") == "none"
    for ask in (
        lambda: context.tags().apply("jobId"),
        lambda: context.apiToken(),
        lambda: utils.notebook.run("x"),
    ):
        with pytest.raises(DefinitionError) as caught:
            ask()
        assert caught.value.code in ("TAG_UNKNOWN", "API_NOT_BUILT")
    assert not hasattr(context, "__wrapped__")

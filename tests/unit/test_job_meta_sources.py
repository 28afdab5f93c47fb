"""What YAML files change in a control table, and which files changed: no Spark needed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from headwater.errors import UsageError
from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.folder_changes import FolderWatch
from lakeflow_job_meta.load_plan import (
    Change,
    ChangeKind,
    LoadResult,
    StoredRow,
    plan_file,
    plan_folder,
    summary,
)
from lakeflow_job_meta.metadata_manager import MetadataManager
from lakeflow_job_meta.sources import Source, read_source, source_row
from lakeflow_job_meta.yaml_files import SourceFile

FAULT = Fault("YAML_INVALID", "not valid YAML")


def source(name: str, **fields: object) -> Source:
    module, _, source_id = name.partition("/")
    return Source(source_id, module, "notebook", **fields)  # type: ignore[arg-type]


def row(name: str, owner: str | None = None, **fields: object) -> StoredRow:
    stored = source(name, **fields)
    return StoredRow((stored.module_name, stored.source_id), stored, (), stored.is_active, owner)


def file(path: str, *names: str, modules: tuple[str, ...] = ()) -> SourceFile:
    sources = tuple(source(name) for name in names)
    named = {each.module_name for each in sources} | set(modules)
    return SourceFile(path, sources, frozenset(named))


def bad(path: str, text: str | None) -> SourceFile:
    return SourceFile(path, faults=(FAULT,), text=text)


def shown(changes: tuple[Change, ...]) -> list[str]:
    return sorted(f"{change.kind.value} {'/'.join(change.key)}" for change in changes)


def test_a_file_is_what_its_modules_are() -> None:
    stored = [row("m/a"), row("m/b"), row("m/off", is_active=False), row("other/x")]
    changes = plan_file(stored, file("/f.yml", "m/a", "m/c"))
    assert shown(changes) == ["added m/c", "deactivated m/b"]
    assert summary(changes, "yaml:/f.yml", [source("m/a"), source("m/c")]) == LoadResult(
        added=1, deactivated=1, unchanged=1, modules=("m",)
    )


def test_modules_that_leave_a_file_are_deactivated_with_it() -> None:
    stored = [row("old/a", "yaml:/f.yml"), row("old/b", "yaml:/g.yml"), row("old/c")]
    assert shown(plan_file(stored, file("/f.yml", "m/a"))) == ["added m/a", "deactivated old/a"]


def test_a_module_without_sources_is_deactivated() -> None:
    assert shown(plan_file([row("m/a")], file("/f.yml", modules=("m",)))) == ["deactivated m/a"]


def test_contents_are_compared_as_json() -> None:
    stored = [row("m/a", source_config={"flag": 1})]
    held = SourceFile("/f.yml", (source("m/a", source_config={"flag": True}),), frozenset("m"))
    assert shown(plan_file(stored, held)) == ["updated m/a"]


def test_a_source_that_comes_back_is_active_again() -> None:
    stored = [row("m/a", is_active=False)]
    (change,) = plan_file(stored, file("/f.yml", "m/a"))
    assert change.kind is ChangeKind.UPDATED and change.source and change.source.is_active


def test_rows_with_faults_are_replaced_or_deactivated() -> None:
    broken = [StoredRow(("m", each), None, (FAULT,), True, None) for each in "ab"]
    changes = plan_file(broken, file("/f.yml", "m/a"))
    assert shown(changes) == ["deactivated m/b", "updated m/a"]


def test_a_folder_is_the_union_of_its_files() -> None:
    stored = [row("m/a", "yaml:/d/1.yml"), row("m/b", "yaml:/d/2.yml")]
    moved = [file("/d/1.yml", modules=("m",)), file("/d/2.yml", "m/a", "m/b")]
    assert plan_folder(stored, moved, "/d") == ()


def test_files_that_leave_a_folder_take_their_sources_along() -> None:
    stored = [
        row("m/a", "yaml:/d/gone.yml"),
        row("m/b", "yaml:/dd/x.yml"),
        row("m/c"),
        row("n/d", "yaml:/d/gone.yml"),
    ]
    changes = plan_folder(stored, [file("/d/1.yml", "n/d")], "/d")
    assert shown(changes) == ["deactivated m/a"]
    assert [change.owner for change in changes] == ["yaml:/d/gone.yml"]


def test_rows_that_came_from_elsewhere_belong_to_the_folder_that_holds_them() -> None:
    stored = [row("m/a", "yaml:/home/m.yml"), row("m/b")]
    changes = plan_folder(stored, [file("/d/1.yml", "m/a", "m/b")], "/d")
    assert shown(changes) == ["updated m/a", "updated m/b"]
    assert {change.owner for change in changes} == {"yaml:/d/1.yml"}


@pytest.mark.parametrize("text", ["- module_name: m\n  source_id: [", None])
def test_what_a_faulty_file_may_hold_stays(text: str | None) -> None:
    stored = [row("m/a", "yaml:/d/1.yml"), row("n/b", "yaml:/d/2.yml")]
    files = [file("/d/1.yml", "m/c"), bad("/d/2.yml", text)]
    assert shown(plan_folder(stored, files, "/d")) == ["added m/c"]


def test_a_faulty_file_does_not_hold_back_other_modules() -> None:
    stored = [row("other/a", "yaml:/d/1.yml"), row("m/b", "yaml:/d/2.yml")]
    files = [file("/d/1.yml", "other/c"), bad("/d/2.yml", "m: [")]
    assert shown(plan_folder(stored, files, "/d")) == ["added other/c", "deactivated other/a"]


def test_a_row_is_read_back_as_it_was_written() -> None:
    held = source("m/a", source_config={"ü": [1, None, "\n"]}, module_config={"x": 1})
    again, faults = read_source(source_row(held), "t")
    assert (again, faults) == (held, ())
    assert again and again.content_hash == held.content_hash


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        '{"a": ' + "[" * 100_000,
        "1" * 5_000,
    ],
)
def test_json_that_cannot_be_written_again_is_a_fault(text: str) -> None:
    held, faults = read_source({**source_row(source("m/a")), "source_config": text}, "t")
    assert held is None and [fault.code for fault in faults] == ["JSON_INVALID"]
    assert text not in str(faults[0])


def test_a_manager_needs_a_folder_to_sync_and_a_name_that_is_one() -> None:
    with pytest.raises(UsageError, match="VOLUME_NOT_SET"):
        MetadataManager("main.ops.t").sync_volume()
    with pytest.raises(UsageError, match="TABLE_NAME_INVALID"):
        MetadataManager("main.ops.t; DROP TABLE x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.yml", "b.yaml"):
        touch(tmp_path / name, "[]", 1_000)
    return tmp_path


def touch(path: Path, text: str, age_seconds: float = 0) -> None:
    """Write a file that seems to be of some age."""
    path.write_text(text)
    moment = time.time() - age_seconds
    os.utime(path, (moment, moment))


def accepted(folder: Path) -> FolderWatch:
    watch = FolderWatch(folder)
    assert watch.changed() == (f"{folder}/a.yml", f"{folder}/b.yaml")
    watch.accept()
    assert watch.changed() == ()
    return watch


def test_new_changed_and_gone_files_are_seen_until_accepted(folder: Path) -> None:
    watch = accepted(folder)
    (folder / "sub").mkdir()
    touch(folder / "sub/c.yml", "[]")
    touch(folder / "a.yml", "[1]")
    (folder / "b.yaml").unlink()
    expected = (f"{folder}/a.yml", f"{folder}/b.yaml", f"{folder}/sub/c.yml")
    assert watch.changed() == expected == watch.changed()
    watch.accept()
    assert watch.changed() == ()


def test_a_touched_file_is_no_change(folder: Path) -> None:
    watch = accepted(folder)
    touch(folder / "a.yml", "[]", 10)
    assert watch.changed() == ()


def test_a_file_rewritten_within_the_same_tick_is_seen(folder: Path) -> None:
    touch(folder / "a.yml", "[1]")
    stat = (folder / "a.yml").stat()
    watch = accepted(folder)
    (folder / "a.yml").write_text("[2]")
    os.utime(folder / "a.yml", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert watch.changed() == (f"{folder}/a.yml",)


def test_a_settled_file_is_not_read_again(folder: Path) -> None:
    watch = accepted(folder)
    stat = (folder / "a.yml").stat()
    (folder / "a.yml").write_text("{}")
    os.utime(folder / "a.yml", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert watch.changed() == ()


def test_a_change_that_is_taken_back_is_none(folder: Path) -> None:
    watch = accepted(folder)
    touch(folder / "a.yml", "[1]")
    assert watch.changed() != ()
    touch(folder / "a.yml", "[]")
    assert watch.changed() == ()


def test_a_folder_that_goes_away_is_unreachable_and_no_change(folder: Path) -> None:
    watch = accepted(folder)
    away = folder.rename(folder.with_name("away"))
    with pytest.raises(UsageError, match="VOLUME_UNREACHABLE"):
        watch.changed()
    away.rename(folder)
    assert watch.changed() == ()

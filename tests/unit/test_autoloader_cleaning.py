"""`cleanSource`: what is due, where it goes, and that no kill loses a file."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from headwater.autoloader.archive import Archive, Archived
from headwater.autoloader.cleaning import Cleaner
from headwater.autoloader.commits import commit_times
from headwater.autoloader.manifest import Manifest
from headwater.autoloader.readers import Reader
from headwater.autoloader.request import Cleaning, CloudFiles, SourceState
from headwater.autoloader.storage import LOCAL, Storage, address_of
from headwater.errors import Location, SourceFileError

DAY = 86400


class Killed(BaseException):
    """The end of the process."""


@dataclass(frozen=True)
class KilledStorage(Storage):
    """Ends the process before or after its `at`-th change."""

    at: int = 0
    after: bool = False
    changes: list[str] = field(default_factory=list)

    def move(self, path: str, target: str) -> None:
        self._change(path)
        super().move(path, target)
        if self.after and len(self.changes) > self.at:
            raise Killed

    def _change(self, path: str) -> None:
        self.changes.append(path)
        if not self.after and len(self.changes) > self.at:
            raise Killed


class Landed:
    """Three files that were entered, of which two are committed, a day ago."""

    def __init__(self, root: Path, name: str = "") -> None:
        self.root = root
        self.place = SourceState(root / f"state{name}", root / f"checkpoint{name}")
        for name in ("a.json", "day=1/a.json", "c.json"):
            self.land(name, name)
        self.enter("a.json", "day=1/a.json")
        self.commit(0, seconds=time.time() - DAY)
        self.enter("c.json")

    def land(self, name: str, text: str) -> Path:
        path = self.root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def enter(self, *names: str) -> None:
        files = [LOCAL.stat(str(self.root / "in" / name)) for name in names]
        known = [file for file in files if file]
        versions = {file.path: file.version for file in known}
        Manifest(self.place.folder).append([(file.path, file.size) for file in known], versions)

    def commit(self, batch: int, *, seconds: float) -> None:
        """Commit all entries so far as Spark does."""
        logged = {each["timestamp"] for each in self.logged()}
        lines = [
            {"path": address_of(each.path), "timestamp": each.order, "batchId": batch}
            for each in Manifest(self.place.folder).entries()
            if each.order not in logged
        ]
        for name, content in (
            (f"sources/0/{batch}", [json.dumps(line) for line in lines]),
            (f"offsets/{batch}", ["{}", json.dumps({"logOffset": batch})]),
            (f"commits/{batch}", ["{}"]),
        ):
            path = self.place.checkpoint / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(["v1", *content]))
        os.utime(path, (seconds, seconds))

    def logged(self) -> list[dict[str, int]]:
        files = (self.place.checkpoint / "sources" / "0").glob("*")
        return [json.loads(line) for file in files for line in file.read_text().splitlines()[1:]]

    def clean(
        self,
        mode: str = "MOVE",
        *readers: Reader,
        seconds: float = 0,
        storage: Storage = LOCAL,
    ) -> None:
        target = str(self.root / "archive") if mode == "MOVE" else ""
        cleaning = Cleaning(mode, seconds, target)
        where = Location("p.py", 1)
        Cleaner(cleaning, str(self.root / "in"), storage, self.place, where, readers).clean()

    def files(self) -> dict[str, str]:
        found = [*(self.root / "in").rglob("*"), *(self.root / "archive").rglob("*")]
        return {
            path.relative_to(self.root).as_posix(): path.read_text()
            for path in found
            if path.is_file()
        }


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path)


MOVED = {
    "archive/a.json": "a.json",
    "archive/day=1/a.json": "day=1/a.json",
    "in/c.json": "c.json",
}


def test_what_is_committed_long_enough_is_moved_below_the_destination(landed: Landed) -> None:
    before = landed.files()
    landed.clean(seconds=2 * DAY)
    assert landed.files() == before
    for _ in range(2):
        landed.clean()
        assert landed.files() == MOVED
    assert [(each.mode, each.time is None) for each in Archive(landed.place.folder).read()] == [
        ("MOVE", False),
        ("MOVE", False),
    ]


def test_files_are_deleted(landed: Landed) -> None:
    landed.clean("DELETE")
    assert landed.files() == {"in/c.json": "c.json"}


def test_a_file_that_was_modified_or_removed_meanwhile_is_left_alone(landed: Landed) -> None:
    landed.land("a.json", "other rows")
    (landed.root / "in" / "day=1" / "a.json").unlink()
    landed.clean("DELETE")
    assert landed.files() == {"in/a.json": "other rows", "in/c.json": "c.json"}
    assert Archive(landed.place.folder).read() == []


def test_a_file_in_the_archive_is_never_replaced(landed: Landed) -> None:
    landed.clean()
    landed.land("a.json", "second")
    landed.enter("a.json")
    landed.commit(1, seconds=time.time() - DAY)
    landed.clean()
    kept = landed.files()
    assert kept.pop("archive/a.json") == "a.json"
    (again,) = (name for name, text in kept.items() if text == "second")
    assert again.startswith("archive/a-")
    assert again.endswith(".json")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [0, 1])
def test_a_kill_at_any_moment_is_gone_on_with(landed: Landed, at: int, after: bool) -> None:
    for left in (at, 0):  # and killed once more as it goes on
        with pytest.raises(Killed):
            landed.clean(storage=KilledStorage(LOCAL.setting, left, after))
        assert sorted(landed.files().values()) == ["a.json", "c.json", "day=1/a.json"]
        if at and after:
            break  # all is moved
    landed.clean()
    assert landed.files() == MOVED


def test_a_move_that_was_begun_is_ended_after_a_new_file_took_the_name(landed: Landed) -> None:
    with pytest.raises(Killed):
        landed.clean(storage=KilledStorage(LOCAL.setting, 0, after=True))
    landed.land("a.json", "new")
    landed.clean()
    assert landed.files() == {**MOVED, "in/a.json": "new"}


def test_a_delete_that_was_begun_is_not_ended_once_files_are_to_be_moved(landed: Landed) -> None:
    entry = Manifest(landed.place.folder).entries()[0]
    Archive(landed.place.folder).write([Archived(entry.origin, entry.order, "DELETE")])
    landed.clean("MOVE")
    assert landed.files() == MOVED


def test_what_the_storage_refuses_is_named(landed: Landed) -> None:
    (landed.root / "archive").write_text("a file where a folder is wanted")
    with pytest.raises(SourceFileError) as raised:
        landed.clean()
    assert raised.value.code == "SOURCE_FILE_NOT_CLEANED"
    assert raised.value.where == Location("p.py", 1)
    assert len(list((landed.root / "in").rglob("*.json"))) == 3


def test_files_have_the_time_of_the_batch_that_read_them(landed: Landed) -> None:
    landed.commit(1, seconds=2000)
    first = landed.place.checkpoint / "commits" / "0"
    os.utime(first, (1000, 1000))
    by_name = {
        Path(path).name: at for (path, _), at in commit_times(landed.place.checkpoint).items()
    }
    assert by_name == {"a.json": 1000, "c.json": 2000}
    first.unlink()  # Spark forgets old batches
    assert set(commit_times(landed.place.checkpoint).values()) == {2000}


def reader(path: Path, *lists: SourceState, **options: str) -> Reader:
    given = {"cloudFiles.format": "json", **options}
    return Reader(CloudFiles(str(path), given, Location("p.py", 2)), lists)


def test_a_file_stays_until_every_reader_of_it_has_committed_it(landed: Landed) -> None:
    before = landed.files()
    landed.clean("MOVE", reader(landed.root))  # it has not run yet
    assert landed.files() == before
    other = SourceState(landed.root / "other", landed.root / "checkpoint2")
    Manifest(other.folder).append([(str(landed.root / "in" / "a.json"), 1)])
    landed.clean("MOVE", reader(landed.root / "in", other))  # it has entered one file
    assert landed.files() == before
    landed.clean("MOVE", reader(landed.root / "gone", other), reader(landed.root / "in" / "day=1"))
    assert sorted(landed.files()) == ["archive/a.json", "in/c.json", "in/day=1/a.json"]
    landed.clean("MOVE", reader(landed.root / "in", landed.place))
    assert landed.files() == MOVED


def test_a_file_that_another_reader_never_lists_does_not_wait_for_it(landed: Landed) -> None:
    landed.clean("MOVE", reader(landed.root / "in", pathGlobFilter="*.csv"))
    assert landed.files() == MOVED


def test_a_move_that_was_begun_never_replaces_what_was_moved_there_since(landed: Landed) -> None:
    with pytest.raises(Killed):
        landed.clean(storage=KilledStorage(LOCAL.setting, 0))
    (landed.root / "archive").mkdir()
    (landed.root / "archive" / "a.json").write_text("of another source")
    landed.clean()
    wanted = ["a.json", "c.json", "day=1/a.json", "of another source"]
    assert sorted(landed.files().values()) == wanted


def test_a_move_replaces_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FileExistsError):
        LOCAL.move(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (tmp_path / "b").read_text() == "b"


def test_a_file_is_not_moved_to_where_it_would_be_read_again(landed: Landed) -> None:
    landed.land("in/b.json", "b")
    landed.enter("in/b.json")
    landed.commit(1, seconds=time.time() - DAY)
    place, where = landed.place, Location("p.py", 1)
    Cleaner(Cleaning("MOVE", 0, str(landed.root)), f"{landed.root}/in", LOCAL, place, where).clean()
    assert (landed.root / "in" / "in" / "b.json").exists()
    assert (landed.root / "c.json").exists()


def test_files_that_are_not_below_the_source_any_more_are_left_alone(landed: Landed) -> None:
    place, where = landed.place, Location("p.py", 1)
    base = f"{landed.root}/in/day=1"
    Cleaner(Cleaning("DELETE", 0), base, LOCAL, place, where).clean()
    assert landed.files() == {"in/a.json": "a.json", "in/c.json": "c.json"}

"""A project that is moved: what was read stays known, whenever the program is killed."""

import json
import shutil
from pathlib import Path

import pytest

from headwater.autoloader.archive import Archive, Archived
from headwater.autoloader.commits import committed_files
from headwater.autoloader.findings import VERSIONS
from headwater.autoloader.manifest import Manifest, SkippedFiles
from headwater.autoloader.relocation import follow_move
from headwater.autoloader.spark_paths import link_to
from headwater.autoloader.storage import STAGED, SourceFile, staged_name

FLOW = ("t", "f", "0")


def entry(path: str) -> str:
    return json.dumps({"path": path, "timestamp": 7, "batchId": 0})


class State:
    """The state of a pipeline whose one flow has read `a b.json` and not yet a rewritten copy."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.root = project / "pipelines" / "p"
        self.source = self.root.joinpath("autoloader", *FLOW, "0")
        self.checkpoint = self.root.joinpath("checkpoints", *FLOW)

    def fill(self) -> None:
        read = self.project / "in" / "a b.json"
        staged = self.source / STAGED / str(self.project / "in" / "c.json").lstrip("/")
        staged.parent.mkdir(parents=True)
        staged.write_text("copy")
        odd = self.project / "in" / "10:30.json"
        odd.parent.mkdir()
        odd.write_text("odd")
        link = link_to(str(odd), self.source / STAGED / staged_name(str(odd)))
        version = self.source / VERSIONS / "7-3" / STAGED / staged_name(str(read))
        read.write_text("again")
        again = link_to(str(read), version)
        manifest = Manifest(self.source)
        manifest.start()
        manifest.append([(str(read), 1), (str(staged), 1), (link, 1), ("/elsewhere/d.json", 1)])
        manifest.append([(again, 5)], {again: "7-3"})
        archived = Archived(str(read), 1, "MOVE", f"{self.project}/done/a b.json")
        Archive(self.source).write([archived])
        SkippedFiles(self.source).add([SourceFile(str(self.project / "e.json"), 1, 1)], "CORRUPT")
        log = self.checkpoint / "sources" / "0"
        log.mkdir(parents=True)
        (log / "0").write_text("v1\n" + entry(f"file://{self.project}/in/a%20b.json"))
        (log / ".0.crc").write_text("sum")
        for name, text in (("commits/0", "v1\n{}"), ("offsets/0", 'v1\n{}\n{"logOffset":0}')):
            (self.checkpoint / name).parent.mkdir()
            (self.checkpoint / name).write_text(text)
        follow_move(self.root, {"bundle": self.project})

    def moved(self, project: Path) -> "State":
        project.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.project, project)
        return State(project)

    def check(self) -> None:
        origins = [each.origin for each in Manifest(self.source).entries()]
        assert origins == [
            f"{self.project}/in/a b.json",
            f"{self.project}/in/c.json",
            f"{self.project}/in/10:30.json",
            "/elsewhere/d.json",
            f"{self.project}/in/a b.json",
        ]
        staged = [e.path for e in Manifest(self.source).entries() if e.path != e.origin]
        assert [Path(each).read_text() for each in staged] == [
            "copy",
            "odd",
            "again",
        ]
        assert [each.file.path for each in SkippedFiles(self.source).read()] == [
            f"{self.project}/e.json"
        ]
        (archived,) = Archive(self.source).read()
        assert archived.path == f"{self.project}/in/a b.json"
        assert archived.destination == f"{self.project}/done/a b.json"
        assert committed_files(self.checkpoint) == {(f"{self.project}/in/a b.json", 7)}
        assert not list(self.root.rglob("*.relocated"))


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "p")
    made.fill()
    return made


@pytest.mark.parametrize("name", ["q", "p/q", "q (1)/ü"])
def test_paths_follow_a_project_that_is_moved(state: State, tmp_path: Path, name: str) -> None:
    aside = state.moved(tmp_path / "aside")  # a folder can't be moved into itself at once
    there = aside.moved(tmp_path / name)
    for _ in range(2):
        follow_move(there.root, {"bundle": there.project})
        there.check()
    assert not list(there.checkpoint.rglob("*.crc"))


def test_addresses_are_written_as_spark_writes_them(state: State, tmp_path: Path) -> None:
    there = state.moved(tmp_path / "q (1) + ü")
    follow_move(there.root, {"bundle": there.project})
    text = (there.checkpoint / "sources" / "0" / "0").read_text()
    assert json.loads(text.splitlines()[1])["path"].endswith("/q%20(1)%20+%20ü/in/a%20b.json")


def killed(state: State, at: int) -> bool:
    """Follow a move, killed at the `at`-th time that a file is put in another's place."""
    left = [at]
    real = Path.replace

    class Killed(BaseException):
        pass

    def replace(self: Path, target: Path) -> Path:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return real(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        try:
            follow_move(state.root, {"bundle": state.project})
        except Killed:
            return True
    return False


@pytest.mark.parametrize("name", ["q", "p/q"])
def test_kill_at_any_moment_is_gone_on_with(state: State, tmp_path: Path, name: str) -> None:
    there = state.moved(tmp_path / "aside").moved(tmp_path / name)
    before = tmp_path / "before"
    shutil.copytree(there.root, before, symlinks=True)
    at = 0
    while killed(there, at):
        follow_move(there.root, {"bundle": there.project})
        there.check()
        shutil.rmtree(there.root)
        shutil.copytree(before, there.root, symlinks=True)
        at += 1
    there.check()
    assert at == 12  # five logs twice over, and the two notes


def test_project_that_is_moved_on_after_a_kill_is_followed(state: State, tmp_path: Path) -> None:
    there = state.moved(tmp_path / "q")
    assert killed(there, 7)
    further = there.moved(tmp_path / "r")
    follow_move(further.root, {"bundle": further.project})
    further.check()

"""A state folder tells the version of its layout: older is migrated, newer is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from headwater.cli.main import cli
from headwater.errors import UsageError
from headwater.settings import Settings
from headwater.state.format import FORMAT, check_format
from headwater.state.migrations import MIGRATIONS, prepare_state
from headwater.state.target import open_target
from unit.test_bundle_support import PIPELINE, write_bundle


def written(root: Path) -> object:
    return json.loads((root / "format.json").read_text())["format"]


def old_state(root: Path, number: int | None = None) -> Path:
    (root / "pipelines/flow").mkdir(parents=True)
    if number is not None:
        (root / "format.json").write_text(json.dumps({"format": number}))
    return root


def steps(done: list[int], count: int):  # type: ignore[no-untyped-def]
    return [lambda _, number=number: done.append(number) for number in range(count)]


def test_steps_lead_to_the_format_that_is_written() -> None:
    assert len(MIGRATIONS) == FORMAT


def test_new_state_has_the_newest_format_and_nothing_to_migrate(tmp_path: Path) -> None:
    done: list[int] = []
    prepare_state(tmp_path / "a/b", steps(done, 3))
    assert (written(tmp_path / "a/b"), done) == (3, [])


@pytest.mark.parametrize(("number", "wanted"), [(None, [0, 1, 2]), (1, [1, 2]), (2, [2]), (3, [])])
def test_older_state_is_migrated_step_by_step(
    tmp_path: Path, number: int | None, wanted: list[int]
) -> None:
    done: list[int] = []
    prepare_state(old_state(tmp_path, number), steps(done, 3))
    assert (written(tmp_path), done) == (3, wanted)


def test_state_of_before_the_number_gets_one_and_keeps_its_files(tmp_path: Path) -> None:
    prepare_state(old_state(tmp_path))
    assert written(tmp_path) == FORMAT
    assert (tmp_path / "pipelines/flow").is_dir()


@pytest.mark.parametrize("folder", ["tables/main/s", "volumes/main/s/v", "warehouse/s.db"])
def test_state_of_any_command_is_known_as_one(tmp_path: Path, folder: str) -> None:
    done: list[int] = []
    (tmp_path / folder).mkdir(parents=True)
    prepare_state(tmp_path, steps(done, 1))
    assert done == [0]


def test_step_that_was_killed_is_repeated_and_those_before_are_not(tmp_path: Path) -> None:
    done: list[int] = []

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_state(old_state(tmp_path), [*steps(done, 1), killed])
    assert written(tmp_path) == 1
    prepare_state(tmp_path, steps(done, 2))
    assert (written(tmp_path), done) == (2, [0, 1])


def test_newer_state_is_refused_with_what_to_do(tmp_path: Path) -> None:
    old_state(tmp_path, FORMAT + 1)
    for opens in (check_format, prepare_state):
        with pytest.raises(UsageError) as caught:
            opens(tmp_path)
        assert caught.value.code == "STATE_NEWER"
        assert (caught.value.where, caught.value.parameters) == (
            str(tmp_path),
            {"found": FORMAT + 1, "newest": FORMAT},
        )
        assert "--state" in caught.value.hint
    assert written(tmp_path) == FORMAT + 1


@pytest.mark.parametrize("text", ["", "1", "[]", '{"format": "1"}', '{"format": true}', "{}"])
def test_file_without_a_number_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "format.json").write_text(text)
    with pytest.raises(UsageError) as caught:
        prepare_state(tmp_path)
    assert caught.value.code == "STATE_FORMAT_INVALID"
    assert (tmp_path / "format.json").read_text() == text


@pytest.mark.parametrize(
    "command",
    [
        ("show", "t"),
        ("events",),
        ("graph",),
        ("run",),
        ("run", "--validate"),
        ("sql", "SELECT 1"),
    ],
)
def test_every_command_refuses_newer_state(tmp_path: Path, command: tuple[str, ...]) -> None:
    write_bundle(tmp_path, PIPELINE)
    root = old_state(tmp_path / ".headwater/default", FORMAT + 1)
    result = CliRunner().invoke(cli, [*command, "--bundle", str(tmp_path)])
    assert getattr(result.exception, "code", None) == "STATE_NEWER"
    assert sorted(each.name for each in root.iterdir()) == ["format.json", "pipelines"]


def test_reading_writes_nothing_into_an_older_state(tmp_path: Path, settings: Settings) -> None:
    write_bundle(tmp_path, PIPELINE)
    root = old_state(tmp_path / ".headwater/default")
    open_target(tmp_path, settings=settings)
    CliRunner().invoke(cli, ["events", "--bundle", str(tmp_path)])
    assert [each.name for each in root.iterdir()] == ["pipelines"]


MIGRATE = """
import sys, pathlib, time
from headwater.state.migrations import prepare_state
root = pathlib.Path(sys.argv[1])
def slow(root):
    with (root / "steps").open("a") as file:
        file.write("begin ")
        file.flush()
        time.sleep(0.3)
        file.write("end ")
prepare_state(root, [slow])
"""


def test_two_processes_at_once_migrate_once(tmp_path: Path) -> None:
    old_state(tmp_path)
    command = [sys.executable, "-c", MIGRATE, str(tmp_path)]
    for process in [subprocess.Popen(command) for _ in range(3)]:
        assert process.wait() == 0
    assert (tmp_path / "steps").read_text() == "begin end "
    assert written(tmp_path) == 1


def test_folder_that_can_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused by the system, which lets root write anywhere: a test can't take the right away."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(UsageError) as caught:
        prepare_state(tmp_path)
    assert (caught.value.code, caught.value.where) == ("STATE_NOT_WRITABLE", str(tmp_path))


def test_read_only_folder_of_this_format_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_state(tmp_path)
    monkeypatch.setattr(Path, "mkdir", None)  # nothing is created
    prepare_state(tmp_path)

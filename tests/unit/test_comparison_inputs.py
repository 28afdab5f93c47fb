"""The input of a comparison: what a target's volumes have, links among it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.comparison.inputs import link_inputs
from headwater.state.store import Store


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """The folder of a volume, beside a folder of somebody else."""
    folder = tmp_path / "source/volumes/main/s/landing"
    folder.mkdir(parents=True)
    (tmp_path / "others").mkdir()
    (tmp_path / "others/a.json").write_text("a")
    return folder


def linked(tmp_path: Path) -> Path:
    link_inputs(Store(tmp_path / "source"), Store(tmp_path / "a/b/there"), ())
    return tmp_path / "a/b/there/volumes/main/s/landing"


def test_file_behind_a_relative_link_is_read(landing: Path, tmp_path: Path) -> None:
    (landing / "link.json").symlink_to("../../../../../others/a.json")
    assert (linked(tmp_path) / "link.json").read_text() == "a"


def test_folder_behind_a_link_is_read(landing: Path, tmp_path: Path) -> None:
    (landing / "more").symlink_to(tmp_path / "others")
    assert (linked(tmp_path) / "more/a.json").read_text() == "a"


def test_volume_that_is_a_link_is_read(landing: Path, tmp_path: Path) -> None:
    landing.rmdir()
    landing.symlink_to(tmp_path / "others")
    assert (linked(tmp_path) / "a.json").read_text() == "a"


def test_link_around_ends(landing: Path, tmp_path: Path) -> None:
    (landing / "a.json").write_text("a")
    (landing / "again").symlink_to(landing)
    (landing / "above").symlink_to(tmp_path / "source")
    assert [each.name for each in linked(tmp_path).iterdir()] == ["a.json"]

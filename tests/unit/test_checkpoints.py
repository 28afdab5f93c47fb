"""The checkpoint of a stream: batches by number, and offsets of the sources that tell any."""

from __future__ import annotations

from pathlib import Path

from headwater.state.checkpoints import (
    DELTA_ID,
    batches,
    clear_unfinished,
    newest_batch,
    source_offsets,
)


def test_offsets_are_those_of_one_batch_without_sources_that_tell_none(tmp_path: Path) -> None:
    (tmp_path / "offsets").mkdir()
    for number in (9, 10):
        told = ["v1", "{}", f'{{"{DELTA_ID}": "t", "reservoirVersion": {number}}}', "-", "5"]
        (tmp_path / "offsets" / str(number)).write_text("\n".join(told))
    (tmp_path / "offsets" / ".10.crc").touch()
    assert batches(tmp_path / "offsets") == {9, 10}
    assert newest_batch(tmp_path / "offsets") == 10
    assert source_offsets(tmp_path, 9) == [{DELTA_ID: "t", "reservoirVersion": 9}]


def test_stream_that_never_ran_has_no_batches(tmp_path: Path) -> None:
    assert batches(tmp_path / "commits") == set()
    assert newest_batch(tmp_path / "commits") == -1
    assert source_offsets(tmp_path, -1) == []


def test_only_a_stream_without_any_batch_is_cleared(tmp_path: Path) -> None:
    clear_unfinished(tmp_path)
    for name, files in {"offsets": ("0", ".1.x.tmp"), "commits": (".0.y.tmp", ".0.crc")}.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    clear_unfinished(tmp_path)
    left = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file())
    assert left == ["offsets/.1.x.tmp", "offsets/0"]

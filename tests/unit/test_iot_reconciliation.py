"""What landed, counted from the files alone."""

from __future__ import annotations

import json
from pathlib import Path

from iot_analytics.feeds import IOT_EVENTS
from iot_analytics.reconciliation import lines


def test_array_stands_for_the_lines_in_it(tmp_path: Path) -> None:
    folder = tmp_path / IOT_EVENTS.folder
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('[{"n": 1}, {"n": 2}]\n[]\n\n[broken\n{"n": 3}\n')
    found = list(lines(tmp_path, IOT_EVENTS))
    assert found[2] == "[broken\n"
    assert [json.loads(each) for each in (*found[:2], *found[3:])] == [{"n": n} for n in (1, 2, 3)]

"""What landed, counted from the files alone: what tables are held against. Pure Python."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from iot_analytics.feeds import Feed

_OPERATIONS = ("I", "U", "D")


def lines(landing: Path, feed: Feed) -> Iterator[str]:
    """Read the lines of all files of a feed; an array stands for the lines that are in it."""
    for file in sorted((landing / feed.folder).rglob("*.json")):
        with file.open(encoding="utf-8") as opened:
            for line in filter(str.strip, opened):
                yield from _in_array(line) if line.lstrip().startswith("[") else [line]


def _in_array(line: str) -> Iterator[str]:
    try:
        yield from map(json.dumps, json.loads(line))
    except ValueError:
        yield line


def latest_changes(landing: Path, feed: Feed) -> dict[str, int]:
    """Return the keys that are there once all changes are applied, and the `seq` of each.

    The greatest `seq` of a key counts; where it is equal, a delete wins.
    """
    latest: dict[str, tuple[int, bool]] = {}
    for line in lines(landing, feed):
        change = _parsed(line)
        said = change.get(feed.key)
        key = "" if said is None else str(said).strip(" ")
        if not key or change.get("op") not in _OPERATIONS or change.get("seq") is None:
            continue
        found = int(change["seq"]), change["op"] == "D"
        latest[key] = max(latest.get(key, found), found)
    return {key: seq for key, (seq, is_deleted) in latest.items() if not is_deleted}


def _parsed(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

"""The state of each file that a source has seen."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from headwater.autoloader.commits import committed_files
from headwater.autoloader.manifest import Manifest, SkippedFiles
from headwater.autoloader.request import SourceState


def file_states(place: SourceState) -> list[dict[str, Any]]:
    """List the files of a source: path, size, discovery_time, state and reason.

    States: COMMITTED, DISCOVERED (entered, not committed), EXISTING (there before the first start
    and not wanted), CORRUPT (set aside). Reads only.

    Example:
        >>> file_states(place)[0]["state"]
        'COMMITTED'
    """
    committed = committed_files(place.checkpoint)
    found = [
        _row(
            entry.origin,
            entry.size,
            entry.discovered,
            "COMMITTED" if entry.key in committed else "DISCOVERED",
        )
        for entry in Manifest(place.folder).entries()
    ]
    found += [
        _row(each.file.path, each.file.size, each.discovered, each.state, each.reason)
        for each in SkippedFiles(place.folder).read()
    ]
    return found


def _row(path: str, size: int, seconds: float, state: str, reason: str = "") -> dict[str, Any]:
    return {
        "path": path,
        "size": size,
        "discovery_time": datetime.fromtimestamp(seconds, timezone.utc),
        "state": state,
        "reason": reason or None,
    }

"""Read event logs: as SQL through `event_log(...)`, and as rows without a JVM."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deltalake.exceptions import DeltaError
from pyarrow import ArrowException

from headwater.delta import read_delta
from headwater.errors import UsageError, nearest

_TABLE = re.compile(r"^\w+\s*\(\s*TABLE\s*\(\s*(.+?)\s*\)\s*\)$", re.I | re.S)
_TEXT = re.compile(r"^\w+\s*\(\s*(?:'((?:[^']|'')*)'|\"([^\"]*)\")\s*\)$", re.I | re.S)


def function_argument(call: str) -> tuple[str, bool] | None:
    """Take apart the call of a function that takes one text, or one table as `TABLE(<table>)`.

    Returns:
        The text or the table's name, and whether it is a table; None for other arguments.
    """
    table, text = _TABLE.match(call), _TEXT.match(call)
    if table:
        return table[1], True
    if text:
        return (text[1] or text[2] or "").replace("''", "'"), False
    return None


def event_log_argument(call: str) -> tuple[str, bool]:
    """Take apart `event_log('<pipeline>')` or `event_log(TABLE(<table>))`.

    Returns:
        The pipeline's id, name or key, or the table's name; and whether it is a table.

    Raises:
        UsageError: EVENT_LOG_ARGUMENT.
    """
    found = function_argument(call)
    if found is not None:
        return found
    raise UsageError(
        "EVENT_LOG_ARGUMENT",
        "event_log takes one pipeline or one table",
        hint="Write event_log('<pipeline id or name>') or event_log(TABLE(<table>)).",
    )


def expand_event_log(call: str, find: Callable[[str, bool], Path]) -> str:
    """Return the SQL that replaces a call of `event_log`.

    Args:
        find: names the folder of the log for a pipeline or, if true, for a table.
    """
    path = find(*event_log_argument(call))
    return f"(SELECT * FROM delta.`{str(path).replace('`', '``')}`)"


def no_event_log(wanted: str, known: list[str]) -> UsageError:
    """Make the error for a pipeline or table that has no event log."""
    return UsageError(
        "EVENT_LOG_UNKNOWN",
        f"No event log for '{wanted}' in this target",
        hint=nearest(wanted, known) or "Run the pipeline once; the log starts with its update.",
    )


def read_events(path: Path, *, update_id: str | None = None) -> list[dict[str, Any]]:
    """Read events in the order they happened, `details` parsed; starts no JVM.

    Args:
        update_id: only this update; `"latest"` for the last one started.

    Raises:
        UsageError: EVENT_LOG_UNKNOWN, when nothing was ever run; EVENT_LOG_UNREADABLE;
            UPDATE_UNKNOWN.
    """
    if not (path / "_delta_log").is_dir():
        raise no_event_log(path.parent.name, [])
    try:
        table = read_delta(path)
    except (DeltaError, ArrowException, OSError) as error:
        raise UsageError(
            "EVENT_LOG_UNREADABLE",
            f"The event log can't be read: {type(error).__name__}",
            where=str(path),
            hint="Restore the folder from a backup, or move it away: the next update begins a new "
            "log.",
        ) from error
    rows: list[dict[str, Any]] = table.sort_by([("timestamp", "ascending")]).to_pylist()
    if update_id == "latest":
        created = [row for row in rows if row["event_type"] == "create_update"]
        update_id = created[-1]["origin"]["update_id"] if created else None
    if update_id is not None:
        known = [row["origin"]["update_id"] for row in rows]
        wanted = whole_id(update_id, known)
        rows = [row for row in rows if row["origin"]["update_id"] == wanted]
        if not rows:
            raise UsageError(
                "UPDATE_UNKNOWN",
                f"The event log has no update '{update_id}'",
                hint=f"The last one is {known[-1]}." if known else "Run the pipeline once.",
                update_id=update_id,
            )
    rows.sort(key=_order(rows))
    for row in rows:
        row["details"] = json.loads(row["details"])
    return rows


def whole_id(given: str, known: list[str]) -> str:
    """Complete the beginning of an id, as `headwater run` prints it, if only one has it."""
    found = {each for each in known if given and each.startswith(given)}
    return next(iter(found)) if len(found) == 1 else given


def _order(rows: list[dict[str, Any]]) -> Callable[[dict[str, Any]], tuple[Any, str, int]]:
    """Order updates by their first events, and events of one as it told them: clocks go back."""
    starts: dict[str, Any] = {}
    for row in rows:
        update = row["origin"]["update_id"]
        starts[update] = min(starts.get(update, row["timestamp"]), row["timestamp"])

    def place(row: dict[str, Any]) -> tuple[Any, str, int]:
        update = row["origin"]["update_id"]
        return starts[update], update or "", row["sequence"]["data_plane_id"]["seq_no"]

    return place

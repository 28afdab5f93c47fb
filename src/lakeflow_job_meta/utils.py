"""Names made safe: task keys, and identifiers of tables in SQL."""

from __future__ import annotations

import re

from headwater.errors import UsageError
from headwater.names import Part, name_parts, quote
from headwater.tagged_jobs.tags import digest

MAX_TASK_KEY = 100
MAX_NAME = 240
"""Characters of a table's name, with room for `_jobs` below the 255 of Unity Catalog."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")


def sanitize_task_key(text: str) -> str:
    """Replace what a task key can't hold by `_`, and cut to 100 characters.

    Two texts may give one key; `task_key` tells them apart.
    Source: Jobs API 2.2, `task_key`: 1-100 characters of letters, digits, `-` and `_`.

    Example:
        >>> sanitize_task_key("load customers (EU)")
        'load_customers_EU'
    """
    return _UNSAFE.sub("_", text).strip("_")[:MAX_TASK_KEY] or "task"


def task_key(source_id: str) -> str:
    """Return the task key of a source: the id itself if it is safe, else a safe form with a digest.

    It depends on nothing but the id, so that a key stays the same whatever else a module holds.
    """
    safe = sanitize_task_key(source_id)
    return safe if safe == source_id else f"{safe[: MAX_TASK_KEY - 9]}_{digest(source_id, 8)}"


def split_table_name(name: str) -> tuple[str, ...]:
    """Split `catalog.schema.table`; parts may be quoted with backticks.

    Raises:
        UsageError: TABLE_NAME_INVALID for anything else than one to three well-formed parts.
    """
    try:
        parts = name_parts(name)
    except UsageError:
        raise _bad_name(name) from None
    if len(parts) > 3 or not all(map(_is_usable, parts)):
        raise _bad_name(name)
    return tuple(part.text for part in parts)


def _is_usable(part: Part) -> bool:
    return len(part.text) <= MAX_NAME and (part.is_quoted or bool(_PLAIN.fullmatch(part.text)))


def quoted_table_name(name: str, suffix: str = "") -> str:
    """Quote a table's name for SQL, with a suffix on its last part.

    Example:
        >>> quoted_table_name("main.ops.etl_control", "_jobs")
        '`main`.`ops`.`etl_control_jobs`'
    """
    *parents, last = split_table_name(name)
    return ".".join(quote(part) for part in (*parents, last + suffix))


def _bad_name(name: str) -> UsageError:
    return UsageError(
        "TABLE_NAME_INVALID",
        f"Not a table name: {name[:80]!r}",
        hint="Write catalog.schema.table; put a part with other characters in backticks.",
    )

"""A change of a row in a table, as the log of its source has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

Image = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """An insert, update or delete.

    Attributes:
        ts: when it was committed.
        op: `I`, `U` or `D`.
        key: of the row.
        image: the row after it, without its key; empty after a delete.
        delay_s: how much later than others its line lands.
        counted_as: what truth counts it as, beside its kind.
    """

    ts: int
    op: str
    key: str
    image: Image
    delay_s: int = 0
    counted_as: tuple[str, ...] = ()


History = list[Change]
"""The changes of one row, in their order."""


def inserted(ts: int, key: str, image: Image) -> History:
    """Begin the history of a row."""
    return [Change(ts, "I", key, image)]


def updated(history: History, ts: int, **fields: Any) -> History:
    """Return a history with an update of some fields at its end."""
    last = history[-1]
    return [*history, Change(ts, "U", last.key, {**last.image, **fields})]


def counted(change: Change, name: str, delay_s: int = 0) -> Change:
    """Return a change that truth counts under one more name, and that may land late."""
    return replace(change, counted_as=(*change.counted_as, name), delay_s=change.delay_s + delay_s)

"""How changes of a table are sent: with a place in its log, and with what goes wrong on the way.

The log says what is true: of changes of a row the one with the greatest `seq`. Lines may land in
another order, and again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from iot_analytics.feeds import CHANGES, Feed
from iot_analytics.simulator.changes import Change, History, counted, inserted
from iot_analytics.simulator.fleet import Fleet
from iot_analytics.simulator.histories import HISTORIES
from iot_analytics.simulator.moments import HOUR, text

_TOUCHED = 6
_EVERY = 60
_REPLAYED = 25
_KINDS = {"I": "inserts", "U": "updates", "D": "deletes"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A line of a change feed.

    Attributes:
        lands_at: when it lands.
        text: the line.
        counted_as: what truth counts it as.
        seq, key, op: its place in the log, of which row, and what happened; 0 for a line that is
            rejected.
    """

    lands_at: int
    text: str
    counted_as: tuple[str, ...]
    seq: int = 0
    key: str = ""
    op: str = ""


def sent(fleet: Fleet, table: str) -> list[Sent]:
    """Return all lines of a table's feed in the order in which they land."""
    feed = CHANGES[table]
    histories = [list(each) for each in HISTORIES[table](fleet)]
    changes = [each for history in _disturbed(fleet, feed, histories) for each in history]
    changes.sort(key=lambda each: (each.ts, each.key))  # stable: those of a row keep their order
    lines = [*_rejected(fleet, feed, changes[0])]
    for seq, change in enumerate(changes, 1):
        lines += _lines(fleet, feed, seq, change)
    return sorted(lines, key=lambda each: each.lands_at)


def alive(lines: list[Sent]) -> int:
    """Count the rows that are there once some lines of a feed have landed."""
    last: dict[str, Sent] = {}
    for each in lines:
        if each.seq and (each.key not in last or last[each.key].seq < each.seq):
            last[each.key] = each
    return sum(each.op != "D" for each in last.values())


def _disturbed(fleet: Fleet, feed: Feed, histories: list[History]) -> Iterator[History]:
    """Return the histories, some with a fault, and those of rows that come and go."""
    options = fleet.options
    delay_s = (options.ends_at - options.starts_at) // 2
    touched = [_touched(fleet, each) for each in histories[:_TOUCHED]]
    number = 0
    for history in (*touched, *histories[_TOUCHED:]):
        if len(history) == 1 or history[-1].ts > options.ends_at - HOUR // 2:
            yield history
            continue
        place, number = number % _EVERY, number + 1
        if place < 2:
            yield _gone(fleet, history, delay_s, is_late=place == 1)
        if place == 0:
            late = counted(history[-2], "out_of_order", delay_s + _waiting(fleet, history))
            yield [*history[:-2], late, history[-1]]
        elif place == 1:
            yield _reinserted(history)
        elif place == 2:
            yield _incomplete(feed, history)
        else:
            yield history


def _touched(fleet: Fleet, history: History) -> History:
    """Return a history with an update that changes nothing, so that it has two changes at least."""
    last = history[-1]
    ts = max(last.ts, fleet.options.starts_at) + 30
    return [*history, replace(last, ts=ts, op="U", counted_as=())]


def _waiting(fleet: Fleet, history: History) -> int:
    """Return for how long the last change of a history comes after the one before, as it lands."""
    start = fleet.options.starts_at
    return max(history[-1].ts, start) - max(history[-2].ts, start)


def _reinserted(history: History) -> History:
    last = history[-1]
    again = replace(last, ts=last.ts + 120, op="I", counted_as=("reinserted",))
    return [*history, Change(last.ts + 60, "D", last.key, {}), again]


def _incomplete(feed: Feed, history: History) -> History:
    """Put an update without a column that it must have before the last one."""
    last = history[-1]
    image = {**last.image, feed.required[0]: None}
    part = replace(last, op="U", image=image, counted_as=("incomplete",))
    return [*history[:-1], part, last]


def _gone(fleet: Fleet, history: History, delay_s: int, *, is_late: bool) -> History:
    """Return a row that is inserted and deleted; its delete overtakes the change before."""
    key, image = f"{history[0].key}-gone{int(is_late)}", history[-1].image
    ts = max(history[0].ts, fleet.options.starts_at)
    insert = inserted(ts, key, image)[0]
    delete = Change(ts + 120, "D", key, {})
    if is_late:
        update = Change(ts + 60, "U", key, image)
        return [insert, counted(update, "update_after_delete", delay_s), delete]
    return [counted(insert, "delete_before_insert", delay_s), delete]


def _lines(fleet: Fleet, feed: Feed, seq: int, change: Change) -> Iterator[Sent]:
    options = fleet.options
    lands_at = min(max(change.ts, options.starts_at) + change.delay_s, options.ends_at - 1)
    row = {"op": change.op, "seq": seq, "ts": text(change.ts), feed.key: change.key}
    line = _json({**row, **change.image})
    told = (_KINDS[change.op], *change.counted_as)
    yield Sent(lands_at, line, told, seq, change.key, change.op)
    if seq % _REPLAYED == 1:
        again = min(lands_at + 9 * HOUR, options.ends_at - 1)
        yield Sent(again, line, ("replays",), seq, change.key, change.op)


def _rejected(fleet: Fleet, feed: Feed, change: Change) -> Iterator[Sent]:
    """Return a line without a key, one with an unknown operation, and one that is no JSON."""
    lands_at = fleet.options.starts_at
    envelope = {"op": change.op, "seq": 1, "ts": text(lands_at), feed.key: change.key}
    row = {**envelope, **change.image}
    line = _json(row)
    yield Sent(lands_at, _json({**row, feed.key: None}), ("rejected", "no_key"))
    yield Sent(lands_at, _json({**row, "op": "X"}), ("rejected", "unknown_op"))
    yield Sent(lands_at, line[: len(line) // 2], ("rejected", "broken"))


def _json(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False)

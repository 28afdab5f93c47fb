"""Notice that a change specification no longer fits the rows a target has.

The facts are recorded with the table when it is new or fully refreshed, as plain strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from headwater.cdc.plan import Memory, plan_change
from headwater.errors import DefinitionError, Location
from headwater.graph.model import AutoCdc

_COMPATIBLE = {
    (Memory.NOTHING.value, Memory.TOMBSTONES.value),
    (Memory.NOTHING.value, Memory.HIDDEN.value),
}
"""A target that carries its own sequence may start to take deletes: nothing was lost before.

It must not cease to: late upserts would bring deleted keys back.
"""

_OPENS = "each_sequence_opens"
"""Fact of a target with hidden events: whether each upsert is a version, by its sequence alone."""


def describe_change(
    source: DataFrame, change: AutoCdc, declared: StructType | None = None
) -> dict[str, str]:
    """Return the facts of a checked specification that can't change without a full refresh.

    Names are in lower case and sorted. Runs no job.

    Args:
        declared: the target's columns, if the source declares them: they may hold less than the
            query's, so that more has to be remembered.
    """
    plan = plan_change(source, change)
    stored = plan_change(source, change, declared)
    keys = sorted(plan.keys, key=str.lower)
    system = plan.system_type
    bitemporal = {} if system is None else {"system_sequence_type": system.simpleString()}
    return bitemporal | {
        "keys": _list(keys),
        "key_types": ", ".join(plan.types[key].simpleString() for key in keys),
        "scd_type": "bitemporal" if bitemporal else str(plan.scd_type),
        "sequence_type": plan.sequence_type.simpleString(),
        "tracked_columns": _tracked(change),
        "remembered": stored.memory.value,
        **({_OPENS: str(stored.each_opens)} if stored.memory is Memory.HIDDEN else {}),
    }


def check_drift(
    recorded: Mapping[str, str],
    current: Mapping[str, str],
    *,
    name: str,
    where: Location | None = None,
) -> None:
    """Refuse a specification that differs from what the target's rows were made with.

    Also tells whether two flows may share a target.

    Args:
        recorded: what `describe_change` gave when the table was new.
        current: what it gives now.
        name: the target, for messages.
        where: the user's line.

    Raises:
        DefinitionError: AUTOCDC_STATE_CHANGED, with the facts that changed.
    """
    if bool(recorded) != bool(current):
        raise DefinitionError(
            "AUTOCDC_STATE_CHANGED",
            f"'{name}' was filled by AUTO CDC before, and now other flows write to it"
            if recorded
            else f"AUTO CDC into '{name}', which other flows have filled before",
            where=where,
            hint=f"Undo the change, or run once with --full-refresh {name}.",
            changed=(),
        )
    changed = [fact for fact in current if not _fits(fact, recorded.get(fact), current[fact])]
    if changed:
        shown = ", ".join(f"{fact} ({recorded.get(fact)} -> {current[fact]})" for fact in changed)
        raise DefinitionError(
            "AUTOCDC_STATE_CHANGED",
            f"AUTO CDC into '{name}' was defined differently before: {shown}",
            where=where,
            hint=f"Undo the change, or run once with --full-refresh {name}.",
            changed=tuple(changed),
        )


def _fits(fact: str, before: str | None, now: str) -> bool:
    if fact == _OPENS and before is None:  # it was not noted, or the target remembered nothing
        return True
    return before == now or (before, now) in _COMPATIBLE


def _tracked(change: AutoCdc) -> str:
    if change.scd_type == 1:
        return ""
    if change.track_history_columns is not None:
        return _list(change.track_history_columns)
    left_out = change.track_history_except
    return f"* except {_list(left_out)}" if left_out else "*"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(name.lower() for name in names))

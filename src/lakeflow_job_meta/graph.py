"""Which task waits for which: execution order, and dependencies given by hand.

Pure functions on sources; nothing here knows the Jobs API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

from headwater.errors import nearest
from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.sources import Source


@dataclass(frozen=True, order=True)
class Dependency:
    """A task that is waited for; `outcome` ("true", "false") is for condition tasks only."""

    source_id: str
    outcome: str | None = None


def dependencies(sources: Sequence[Source]) -> dict[str, tuple[Dependency, ...]]:
    """Return what each source of a module waits for, by source id.

    A source waits for all sources of the next lower `execution_order`, gaps aside, and for what its
    `depends_on` names. A source without an order waits for the latter alone, and nothing waits for
    it unless by hand. Call it on sources that `graph_faults` finds no fault with.
    """
    before = _previous_group(sources)
    found = {}
    for source in sources:
        by_hand = {each.source_id: each for each in by_hand_of(source)}
        implied = (Dependency(name) for name in before.get(source.execution_order, ()))
        merged = {each.source_id: each for each in implied} | by_hand
        found[source.source_id] = tuple(sorted(merged.values()))
    return found


def by_hand_of(source: Source) -> tuple[Dependency, ...]:
    """Read `depends_on`: source ids, or mappings of `source_id` and `outcome`."""
    given: Iterable[Any] = source.transformation_config.get("depends_on") or ()
    return tuple(
        Dependency(each)
        if isinstance(each, str)
        else Dependency(each["source_id"], each["outcome"])
        for each in given
    )


def _previous_group(sources: Iterable[Source]) -> Mapping[int | None, tuple[str, ...]]:
    groups: dict[int, list[str]] = {}
    for source in sources:
        if source.execution_order is not None:
            groups.setdefault(source.execution_order, []).append(source.source_id)
    orders = sorted(groups)
    return {order: tuple(groups[previous]) for previous, order in pairwise(orders)}


def _outcome_faults(sources: Sequence[Source]) -> list[Fault]:
    """Find outcomes of tasks that have none, and tasks that are waited for twice."""
    conditions = {
        source.source_id
        for source in sources
        if source.transformation_config.get("task_type") == "condition"
    }
    faults = []
    for source in sources:
        named = [each.source_id for each in by_hand_of(source)]
        for each in by_hand_of(source):
            if each.outcome is not None and each.source_id not in conditions:
                said = (
                    f"depends_on asks for an outcome of '{each.source_id}', which is no condition"
                )
                faults.append(source.fault("OUTCOME_UNKNOWN", said, "Name its source id alone."))
        for name in sorted({name for name in named if named.count(name) > 1}):
            said = f"depends_on names '{name}' twice"
            faults.append(source.fault("DEPENDENCY_DUPLICATE", said, "Name it once."))
    return faults


def graph_faults(sources: Sequence[Source]) -> list[Fault]:
    """Find dependencies on unknown sources, or else the first cycle, printed as a path."""
    known = {source.source_id for source in sources}
    faults = [
        source.fault(
            "DEPENDENCY_UNKNOWN",
            f"depends_on names '{each.source_id}', which module '{source.module_name}' does "
            "not have",
            nearest(each.source_id, known) or f"It has: {', '.join(sorted(known)[:10])}.",
        )
        for source in sources
        for each in by_hand_of(source)
        if each.source_id not in known
    ]
    faults = faults or _outcome_faults(sources)
    if faults:
        return faults
    edges = {
        name: {each.source_id for each in found} for name, found in dependencies(sources).items()
    }
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        first = next(source for source in sources if source.source_id == cycle[0])
        return [
            first.fault(
                "DEPENDENCY_CYCLE",
                f"Tasks wait for each other: {' -> '.join(reversed(cycle))}",
                "Take one of these out of depends_on, or change its execution_order.",
            )
        ]
    return []

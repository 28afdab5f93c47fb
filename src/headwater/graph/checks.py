"""Faults visible in the declarations alone, before any query is evaluated."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.errors import DefinitionError, nearest
from headwater.graph.model import Dataset, DatasetKind, Flow, ReplaceWhere
from headwater.graph.registry import Registry


def check_declarations(registry: Registry) -> list[DefinitionError]:
    """Find flows without a target, mixed flows and unknown dependencies."""
    faults = list(_flows_without_target(registry))
    for dataset in registry.datasets.values():
        flows = [flow for flow in registry.flows.values() if flow.target == dataset.name]
        faults.extend(_mixtures(dataset, flows))
        faults.extend(_beside_snapshots(dataset, flows) if dataset.sink is None else ())
        faults.extend(_beside_replacing(dataset, flows) if dataset.sink is None else ())
        faults.extend(_into_sink(dataset, flows))
    faults.extend(_unknown_dependencies(registry))
    return faults


def _flows_without_target(registry: Registry) -> Iterator[DefinitionError]:
    known = [str(name) for name in registry.datasets]
    for flow in registry.flows.values():
        if flow.target not in registry.datasets:
            yield DefinitionError(
                "TARGET_UNKNOWN",
                f"Flow '{flow.name}' writes to '{flow.target}', which is not defined",
                where=flow.location,
                hint=nearest(str(flow.target), known)
                or "Define it with dp.create_streaming_table.",
                flow=flow.name,
            )


def _mixtures(dataset: Dataset, flows: list[Flow]) -> Iterator[DefinitionError]:
    changes = [flow for flow in flows if flow.change]
    if any(flow.snapshots or flow.replaces for flow in flows):
        return
    if changes and len(changes) != len(flows):
        yield DefinitionError(
            "FLOWS_MIXED",
            f"'{dataset.name}' has AUTO CDC flows and other flows",
            where=flows[-1].location,
            hint="A target of AUTO CDC takes AUTO CDC flows only.",
            dataset=str(dataset.name),
        )
    if len({_identity(flow) for flow in changes}) > 1:
        yield DefinitionError(
            "AUTOCDC_FLOWS_DISAGREE",
            f"The AUTO CDC flows into '{dataset.name}' differ in keys or SCD type",
            where=changes[-1].location,
            hint="Give all of them the same keys and stored_as_scd_type.",
            dataset=str(dataset.name),
        )
    if len(flows) > 1 and dataset.kind in (DatasetKind.VIEW, DatasetKind.MATERIALIZED_VIEW):
        yield DefinitionError(
            "VIEW_WITH_SEVERAL_FLOWS",
            f"'{dataset.name}' has a query of its own and can't take another flow",
            where=flows[-1].location,
            hint="Define the target with dp.create_streaming_table, and each query as an "
            "append flow into it.",
            dataset=str(dataset.name),
        )


def _beside_snapshots(dataset: Dataset, flows: list[Flow]) -> Iterator[DefinitionError]:
    """Find what a target of snapshots can't have: other flows, a query of its own, and rules.

    A snapshot takes out of its target whatever it doesn't have, so rows of others would not last.
    """
    owner = next((flow for flow in flows if flow.snapshots), None)
    if owner is None:
        return
    if len(flows) > 1 or dataset.kind is not DatasetKind.STREAMING_TABLE:
        yield DefinitionError(
            "SNAPSHOT_TARGET_SHARED",
            f"'{dataset.name}' takes snapshots, and is filled in another way as well",
            where=flows[-1].location,
            hint="Give each snapshot flow a table of its own, from dp.create_streaming_table.",
            dataset=str(dataset.name),
        )
    if dataset.expectations:
        yield DefinitionError(
            "SNAPSHOT_WITH_EXPECTATIONS",
            f"'{dataset.name}' takes snapshots, and has expectations",
            where=owner.location,
            hint="Put them on a view over the source, and take the snapshots from the view.",
            dataset=str(dataset.name),
        )


def _beside_replacing(dataset: Dataset, flows: list[Flow]) -> Iterator[DefinitionError]:
    """Find what a target of a replacing flow can't have: other flows and, by condition, rules."""
    owner = next((flow for flow in flows if flow.replaces), None)
    if owner is None:
        return
    if len(flows) > 1:
        other = next(flow for flow in reversed(flows) if flow is not owner)
        yield DefinitionError(
            "REPLACE_TARGET_SHARED",
            f"Flow '{owner.name}' replaces rows of '{dataset.name}', which has another flow",
            where=other.location,
            hint="Give each flow that replaces rows a table of its own.",
            dataset=str(dataset.name),
        )
    if isinstance(owner.replaces, ReplaceWhere) and dataset.expectations:
        yield DefinitionError(
            "REPLACE_WITH_EXPECTATIONS",
            f"'{dataset.name}' is filled by REPLACE WHERE, and has expectations",
            where=owner.location,
            hint="Put them on a view, and let the query read the view.",
            dataset=str(dataset.name),
        )


def _into_sink(dataset: Dataset, flows: list[Flow]) -> Iterator[DefinitionError]:
    """Find flows that a sink can't take, and those that only a sink takes."""
    for flow in flows:
        what, hint = _misplaced(dataset, flow)
        if what:
            yield DefinitionError(
                "SINK_FLOW_WRONG",
                f"Flow '{flow.name}' {what} '{dataset.name.table}'",
                where=flow.location,
                hint=hint,
                flow=flow.name,
            )


def _misplaced(dataset: Dataset, flow: Flow) -> tuple[str, str]:
    if dataset.sink is None:
        if flow.updates:
            return "sends updates, which only a sink takes, not", "Use an append or AUTO CDC flow."
    elif flow.change or flow.snapshots:
        return "is an AUTO CDC flow into the sink", "Write to a streaming table, and stream that."
    elif flow.replaces:
        return "replaces rows, which the sink can't", "Write to a streaming table."
    elif flow.once:
        return "has once=True and writes to the sink", "Read its source as a stream."
    elif flow.updates and dataset.sink.format == "delta":
        return "sends updates to the Delta sink", "Use @dp.foreach_batch_sink with a MERGE."
    return "", ""


def _identity(flow: Flow) -> tuple[object, ...]:
    change = flow.change
    if change is None:
        return ()
    is_bitemporal = change.system_sequence_by is not None
    return (change.scd_type, is_bitemporal, tuple(k.lower() for k in change.keys))


def _unknown_dependencies(registry: Registry) -> Iterator[DefinitionError]:
    for flow in registry.flows.values():
        if flow.target in flow.depends_on:
            yield DefinitionError(
                "GRAPH_CYCLE",
                f"Flow '{flow.name}' depends on '{flow.target}', which it writes to",
                where=flow.location,
                hint="Remove it from depends_on.",
                flow=flow.name,
            )
        for name in flow.depends_on:
            if name not in registry.datasets:
                yield DefinitionError(
                    "DEPENDENCY_UNKNOWN",
                    f"Flow '{flow.name}' depends on '{name}', which is not defined",
                    where=flow.location,
                    hint=nearest(str(name), map(str, registry.datasets)),
                    flow=flow.name,
                )

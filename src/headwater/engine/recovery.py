"""What an update is asked beside its tables: those that failed, flows that read or write others."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace

from headwater.engine.request import UpdateRequest
from headwater.errors import UsageError, nearest
from headwater.events.query import read_events
from headwater.events.report import event_of, report_of
from headwater.graph.model import Flow, ReplaceWhere
from headwater.graph.registry import Registry
from headwater.graph.selection import select
from headwater.state.pipeline import PipelineState
from headwater.state.places import FlowPlaces

_FINE = ("COMPLETED", "IDLE", "EXCLUDED")


def failed_tables(state: PipelineState) -> tuple[str, ...]:
    """Name the tables whose flows failed, were stopped or were skipped in the last update.

    Raises:
        UsageError: NOTHING_FAILED.
    """
    report = report_of(map(event_of, read_events(state.event_log, update_id="latest")))
    flows = report.flows.values()
    found = dict.fromkeys(flow.dataset for flow in flows if flow.status not in _FINE)
    if not found:
        raise UsageError(
            "NOTHING_FAILED",
            "No table failed in the last update",
            hint="Run without --refresh-failed to refresh all tables.",
        )
    return tuple(found)


def with_failed(request: UpdateRequest, state: PipelineState) -> UpdateRequest:
    """Return a request that names the tables which failed in the last update.

    Raises:
        UsageError: NOTHING_FAILED.
    """
    named = (*request.refresh, *failed_tables(state))
    return replace(request, refresh=named, refresh_failed=False)


def check_names(registry: Registry, request: UpdateRequest) -> None:
    """Refuse names of tables and flows that there are not; faults of the source come first.

    Raises:
        UsageError: as for `select` and `named_flows`.
    """
    if not registry.faults:
        select(registry, request.refresh, request.full_refresh)
        named_flows(request.reset_checkpoints, registry.flows)


def named_flows(names: Sequence[str], flows: Mapping[str, Flow]) -> tuple[str, ...]:
    """Return the flows that a reset of checkpoints names.

    Args:
        names: of flows, or `catalog.schema.flow` as Databricks has it.

    Raises:
        UsageError: FLOW_UNKNOWN, with the nearest name; FLOW_WITHOUT_CHECKPOINT.
    """
    found = []
    for name in names:
        known = _flow_named(name, flows)
        if known.once or isinstance(known.replaces, ReplaceWhere):
            raise UsageError(
                "FLOW_WITHOUT_CHECKPOINT",
                f"The flow '{name}' reads no stream and has no checkpoint",
                hint="Use --full-refresh of its table to run it again.",
                flow=name,
            )
        found.append(known.name)
    return tuple(found)


def replacing_where(flows: Mapping[str, Flow], asked: Sequence[tuple[str, str]]) -> dict[str, Flow]:
    """Return the flows that get another predicate, with it.

    Args:
        asked: names of REPLACE WHERE flows, or `catalog.schema.flow`, and predicates.

    Raises:
        UsageError: FLOW_UNKNOWN, with the nearest name; FLOW_WITHOUT_PREDICATE.
    """
    found = {}
    for name, predicate in asked:
        known = _flow_named(name, flows)
        if not isinstance(known.replaces, ReplaceWhere):
            raise UsageError(
                "FLOW_WITHOUT_PREDICATE",
                f"The flow '{name}' is no REPLACE WHERE flow, so it has no predicate to override",
                hint="Name a flow with replace_where.",
                flow=name,
            )
        found[known.name] = replace(known, replaces=ReplaceWhere(predicate))
    return found


def _flow_named(name: str, flows: Mapping[str, Flow]) -> Flow:
    known = name if name in flows else name.rpartition(".")[2]
    if known not in flows:
        raise UsageError(
            "FLOW_UNKNOWN",
            f"The pipeline has no flow '{name}'",
            hint=nearest(name, flows) or f"It has: {', '.join(flows)}.",
            flow=name,
        )
    return flows[known]


def without_checkpoint(places: FlowPlaces) -> FlowPlaces:
    """Name the places of a flow as they are once its checkpoint is reset; changes nothing."""
    nowhere = places.checkpoint.with_name(f"{places.checkpoint.name}.none")
    return replace(places, checkpoint=nowhere, standing=nowhere / places.standing.name)


def reset_checkpoint(places: FlowPlaces) -> None:
    """Forget what a flow has read; its table stays. Safe to repeat after a kill."""
    places.standing.unlink(missing_ok=True)
    if places.checkpoint.exists():
        old = places.checkpoint.with_name(f"{places.checkpoint.name}.reset")
        shutil.rmtree(old, ignore_errors=True)
        places.checkpoint.rename(old)  # at once: half a checkpoint would be read as a whole one
        shutil.rmtree(old, ignore_errors=True)

"""Which flows would run, and why."""

from __future__ import annotations

from headwater.engine.preview import Preview
from headwater.engine.standings import Standings
from headwater.flows.writes import write_of
from headwater.graph.dag import ResolvedFlow
from headwater.names import TableName
from headwater.planning.plan import FlowAction, Loss, PlannedFlow
from headwater.planning.waiting import waiting_of
from headwater.state.checkpoints import batches
from headwater.state.standing import read_standing


def planned_flows(preview: Preview) -> list[PlannedFlow]:
    """Return the flows in the order of the graph; each follows those that write its inputs."""
    written: set[TableName] = set()
    found = []
    for resolved in preview.context.graph.flows:
        planned = _planned(preview, resolved, written)
        if planned.action == "RUN":
            written.add(resolved.flow.target)
        found.append(planned)
    return found


def flow_loss(preview: Preview, resolved: ResolvedFlow, planned: PlannedFlow) -> Loss | None:
    """Name the loss where a flow appends what its table may have already."""
    context, flow = preview.context, resolved.flow
    write = write_of(flow)
    appends = not (write.merges or write.rewrites or write.recomputes)
    if not planned.starts_over or not appends or flow.target in preview.resets:
        return None
    if flow.name in preview.anew:
        return Loss(
            "FLOW_STARTS_OVER",
            planned.table,
            f"the flow '{flow.name}' reads all of its sources again, and the table keeps its rows: "
            "rows are written twice",
            "Use --full-refresh of the table instead, which empties it first.",
        )
    known = [each.flow.name for each in context.graph.flows_into(flow.target)]
    generation = context.states[flow.target].generation
    gone = context.tables.state.flows_gone(flow.target, known, generation)
    if not gone:
        return None
    return Loss(
        "FLOW_STARTS_OVER",
        planned.table,
        f"the flow '{flow.name}' starts from the beginning, and "
        + " and ".join(f"'{each}'" for each in gone)
        + ", which wrote to this table, is gone: if it was renamed, its rows are written twice",
        "Give it its old name, or refresh the table fully.",
    )


def _planned(preview: Preview, resolved: ResolvedFlow, written: set[TableName]) -> PlannedFlow:
    context, flow = preview.context, resolved.flow
    write = write_of(flow)
    places = context.places[flow.name]
    streams = not (write.is_batch or write.runs_once)
    starts_over = streams and not batches(places.checkpoint / "commits")
    action, reason = _why(preview, resolved, written, starts_over=starts_over)
    return PlannedFlow(
        flow.name,
        str(flow.target),
        flow.kind.value if flow.kind else "",
        action,
        reason,
        starts_over and action == "RUN",
        waiting_of(preview, resolved) if streams and action == "RUN" else (),
    )


def _why(
    preview: Preview, resolved: ResolvedFlow, written: set[TableName], *, starts_over: bool
) -> tuple[FlowAction, str]:
    context, flow = preview.context, resolved.flow
    write = write_of(flow)
    if flow.target not in preview.chosen:
        return "EXCLUDED", "not selected"
    if write.runs_once and flow.name in context.states[flow.target].once_done:
        return "REST", "runs once, and has run"
    if flow.target in preview.resets:
        return "RUN", "its table is refreshed fully"
    if flow.name in preview.anew:
        return "RUN", "its checkpoint is reset"
    if starts_over or write.runs_once:
        return "RUN", "has not run yet"
    follows = sorted(context.graph.upstream(resolved) & written)
    if follows:
        return "RUN", f"reads {', '.join(map(str, follows))}, which this update writes"
    return _by_standing(preview.standings, resolved)


def _by_standing(standings: Standings, resolved: ResolvedFlow) -> tuple[FlowAction, str]:
    """Compare where the inputs of a flow stand with where they stood when it was done."""
    now = standings.now(resolved)
    noted = read_standing(standings.context.places[resolved.flow.name].standing)
    if now is not None and standings.is_done(resolved, now):
        return "REST", "nothing is new"
    if now is None or now.digest is None:
        return "RUN", "runs each time: its answer may change without new rows"
    if noted is None:
        return "RUN", "has not run yet"
    if noted.digest is None:
        return "RUN", "did not end the last time"
    if (noted.files, noted.tables) != (now.files, now.tables):
        return "RUN", "its inputs have changed"
    return "RUN", "its source, configuration or table has changed"

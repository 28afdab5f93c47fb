"""Put together what an update would do."""

from __future__ import annotations

from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.errors import Faults
from headwater.planning.flows import flow_loss, planned_flows
from headwater.planning.plan import UpdatePlan
from headwater.planning.tables import planned_tables, table_losses


def plan_update(updater: Updater, request: UpdateRequest) -> UpdatePlan:
    """Return what an update would do; writes nothing, and reads no rows.

    What comes while the update runs is not foreseen: rows that its own flows write, and new
    columns of files that arrive.

    Args:
        request: what the update would be asked to do.

    Raises:
        GraphError: the source has faults.
        UsageError: a selection names an unknown table, or contradicts itself.

    Example:
        >>> plan_update(updater, UpdateRequest()).losses
        ()
    """
    preview = updater.preview(request)
    context = preview.context
    faults = Faults()
    for dataset in context.graph.tables():
        with faults:
            context.tables.check(context.graph, dataset, is_reset=dataset.name in preview.resets)
    tables = planned_tables(preview)
    flows = planned_flows(preview)
    pairs = zip(context.graph.flows, flows, strict=True)
    starts = (flow_loss(preview, resolved, planned) for resolved, planned in pairs)
    return UpdatePlan(
        tables=tuple(tables),
        flows=tuple(flows),
        losses=(
            *(loss for each in tables for loss in table_losses(each)),
            *(each for each in starts if each is not None),
        ),
        refusals=tuple(faults.found),
        warnings=context.graph.warnings,
    )

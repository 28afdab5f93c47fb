"""What set-up would do with each table, and what it would refuse or destroy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deltalake import DeltaTable

from headwater.analysis.changes import column_changes
from headwater.engine.preview import Preview
from headwater.flows.overwrite import is_delta, table_schema
from headwater.flows.properties import lacking_properties
from headwater.graph.model import Dataset, DatasetKind
from headwater.planning.plan import Loss, PlannedTable, TableAction


def planned_tables(preview: Preview) -> list[PlannedTable]:
    """Return the tables of the graph in its order, then those that are gone from the source."""
    context = preview.context
    found = [_planned(preview, each) for each in context.graph.tables()]
    declared = {each.name for each in context.graph.tables()}
    gone = [
        PlannedTable(str(name), state.kind, "INACTIVE")
        for name, state in context.tables.state.made_tables()
        if state.is_active and name not in declared
    ]
    return found + gone


def table_losses(table: PlannedTable) -> Iterator[Loss]:
    """Name what would be lost of a table."""
    if table.action == "FULL_REFRESH" and table.kind == DatasetKind.STREAMING_TABLE.value:
        yield Loss(
            "FULL_REFRESH",
            table.name,
            "all of its rows are deleted; those that its sources no longer have do not come back",
            "Leave it out of --full-refresh, or set its property pipelines.reset.allowed to false.",
        )
        return
    for column in table.columns:
        if column.after is None:
            yield Loss(
                "COLUMN_DROPPED",
                table.name,
                f"the column '{column.name}' is dropped",
                "Keep the column in the query until nobody reads it.",
            )
        elif column.before is not None:
            yield Loss(
                "COLUMN_RETYPED",
                table.name,
                f"the column '{column.name}' changes from {column.before} to {column.after}",
                "Add a column of the new type under another name.",
            )


def _planned(preview: Preview, dataset: Dataset) -> PlannedTable:
    context = preview.context
    path = context.tables.path(dataset)
    kind = dataset.kind.value if dataset.kind else ""
    known = context.tables.state.load(dataset.name)
    if known is not None and known.is_made and known.is_moved(dataset.private):
        return PlannedTable(str(dataset.name), kind, "FULL_REFRESH")
    if not is_delta(path):
        was_made = known is not None and known.is_made and known.kind == kind
        return PlannedTable(str(dataset.name), kind, "RECREATE" if was_made else "CREATE")
    is_reset = dataset.name in preview.resets
    stays = dataset.kind is DatasetKind.STREAMING_TABLE and not is_reset
    columns = column_changes(table_schema(path), context.graph.schemas[dataset.name])
    if stays:  # it keeps the columns that its query no longer has
        columns = tuple(each for each in columns if each.after is not None)
    elif dataset.name not in preview.chosen:
        columns = ()  # those of a materialized view change with its rows
    settings = tuple(_settings(dataset, path, known.cluster_by if known else ()))
    action: TableAction = "CHANGE" if columns or settings else "KEEP"
    if known is not None and not known.is_active:
        action = "CHANGE"
        settings = ("is active again", *settings)
    return PlannedTable(
        str(dataset.name), kind, "FULL_REFRESH" if is_reset else action, columns, settings
    )


def _settings(dataset: Dataset, path: Path, clustered: tuple[str, ...]) -> Iterator[str]:
    """Write out what changes beside the columns."""
    present = DeltaTable(path)
    for key, value in lacking_properties(dataset, present).items():
        yield f"{key} = {value}"
    if dataset.comment and present.metadata().description != dataset.comment:
        yield "comment"
    if tuple(dataset.cluster_by) != clustered:
        yield "clustered by " + (", ".join(dataset.cluster_by) or "nothing")

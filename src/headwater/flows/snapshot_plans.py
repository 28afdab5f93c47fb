"""What a function that is asked for snapshots will give, before the flow runs.

While the graph is resolved, the function is asked for the snapshot after the latest, as it will be
when the flow runs, on placeholders. Columns that its table has already stay columns of the graph.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from headwater.analysis.schemas import declared_schema, placeholder
from headwater.cdc import END, START
from headwater.errors import DefinitionError
from headwater.flows.overwrite import is_delta, table_schema
from headwater.flows.tables import Tables
from headwater.graph.model import Dataset, Flow, SnapshotCdc
from headwater.names import TableName
from headwater.sandbox.evaluation import Evaluation
from headwater.sandbox.snapshots import next_snapshot
from headwater.state.snapshots import SnapshotMemory, version_type


def planned_snapshot(
    flow: Flow,
    dataset: Dataset,
    evaluation: Evaluation,
    tables: Tables,
    resets: Collection[TableName],
) -> tuple[Flow, DataFrame]:
    """Return the flow with the type of its versions, and a frame of its columns.

    Args:
        dataset: the target.
        resets: datasets that start anew.

    Raises:
        HeadwaterError: what `next_snapshot` raises; SNAPSHOT_MISSING, when there is nothing yet
            that has columns.
    """
    path = tables.path(dataset)
    is_known = is_delta(path) and dataset.name not in resets
    folder = tables.state.changes(dataset.name, tables.state.generation(dataset.name, resets))
    latest = SnapshotMemory(folder, path).latest() if is_known else None
    evaluation.may_look = True
    found = next_snapshot(flow, evaluation, latest.version if latest else None)
    present = table_schema(path) if is_known else _declared(dataset)
    if found is not None:
        kind = version_type(found.version)
        frame = _widened(found.frame, _without_interval(present)) if is_known else found.frame
    elif present:
        kind = version_type(latest.version) if latest else _interval_type(present)
        frame = placeholder(evaluation.spark, _without_interval(present), False)
    else:
        raise _missing(flow)
    snapshots = replace(flow.snapshots or SnapshotCdc(()), version_type=kind or "bigint")
    return replace(flow, snapshots=snapshots), frame


def _declared(dataset: Dataset) -> StructType:
    return StructType([]) if dataset.schema is None else declared_schema(dataset)


def _without_interval(schema: StructType) -> StructType:
    return StructType([each for each in schema if each.name not in (START, END)])


def _interval_type(schema: StructType) -> str | None:
    return next((each.dataType.simpleString() for each in schema if each.name == START), None)


def _widened(frame: DataFrame, known: StructType) -> DataFrame:
    """Add the columns that only the table has."""
    have = {name.lower() for name in frame.columns}
    missing = [each for each in known if each.name.lower() not in have]
    return frame.withColumns({each.name: F.lit(None).cast(each.dataType) for each in missing})


def _missing(flow: Flow) -> DefinitionError:
    return DefinitionError(
        "SNAPSHOT_MISSING",
        f"The function that gives the snapshots of '{flow.target}' has no first one, so that the "
        "table's columns are not known",
        where=flow.location,
        hint="Return one for the version None. Datasets of the pipeline are empty while it is "
        "planned: if that is why, declare `schema` in dp.create_streaming_table, with "
        "__START_AT and __END_AT for SCD type 2.",
        dataset=str(flow.target),
    )

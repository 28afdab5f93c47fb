"""`cloud_files_state(...)`: the files that the Auto Loader sources of a table have seen.

Source: the function's page in the Databricks SQL reference. What does not live here: the state of
one source (`autoloader.states`), and where sources are (`state.ingestion`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from headwater import autoloader
from headwater.errors import UsageError
from headwater.events.query import function_argument
from headwater.state.ingestion import Ingestion, sources_of_checkpoint, sources_of_table
from headwater.state.pipeline import made_by
from headwater.state.store import Store

FUNCTION = "cloud_files_state"

_TIME = pa.timestamp("us", "UTC")
_COLUMNS = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("create_time", _TIME),
        ("discovery_time", _TIME),
        ("processed_time", _TIME),
        ("commit_time", _TIME),
        ("archive_time", _TIME),
        ("archive_mode", pa.string()),
        ("move_location", pa.string()),
        ("source_id", pa.string()),
        ("flow_name", pa.string()),
        ("ingestion_state", pa.string()),
    ]
)


def state_argument(call: str) -> tuple[str, bool]:
    """Take apart `cloud_files_state('<checkpoint>')` or `cloud_files_state(TABLE(<table>))`.

    Returns:
        The checkpoint or the table's name, and whether it is a table.

    Raises:
        UsageError: CLOUD_FILES_STATE_ARGUMENT.
    """
    found = function_argument(call)
    if found is None:
        raise UsageError(
            "CLOUD_FILES_STATE_ARGUMENT",
            f"{FUNCTION} takes one table or one checkpoint",
            hint=f"Write {FUNCTION}(TABLE(<table>)) or {FUNCTION}('<folder of a checkpoint>').",
        )
    return found


def table_states(spark: SparkSession, store: Store, table: str) -> DataFrame | None:
    """Return the files that the sources of a table have seen; None when nobody made the table."""
    made = made_by(store, table)
    return None if made is None else state_frame(spark, sources_of_table(*made))


def checkpoint_states(spark: SparkSession, store: Store, checkpoint: str) -> DataFrame:
    """Return the files that the sources of a checkpoint have seen.

    Raises:
        UsageError: CLOUD_FILES_STATE_UNKNOWN.
    """
    path = Path(store.local_path(checkpoint).removeprefix("file:")).absolute()
    if not path.is_dir():
        raise unknown_state(checkpoint, "There is no checkpoint")
    return state_frame(spark, sources_of_checkpoint(path))


def state_frame(spark: SparkSession, sources: Sequence[Ingestion]) -> DataFrame:
    """Return one row for each file of some sources; empty when there are none."""
    rows = [
        {**told, "source_id": each.source_id, "flow_name": each.flow}
        for each in sources
        for told in autoloader.ingestion_states(each.place)
    ]
    return spark.createDataFrame(pa.Table.from_pylist(rows, schema=_COLUMNS))


def unknown_state(wanted: str, what: str = "No pipeline of this target has made") -> UsageError:
    """Make the error for a table or checkpoint that no flow has written."""
    return UsageError(
        "CLOUD_FILES_STATE_UNKNOWN",
        f"{what} '{wanted}'",
        hint="Name a streaming table that was updated once, or one of its checkpoints: "
        "<state>/pipelines/<pipeline>/checkpoints/<table>/<flow>/<generation>.",
        name=wanted,
    )

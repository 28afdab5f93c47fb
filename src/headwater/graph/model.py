"""What a pipeline's source declares, as frozen dataclasses: datasets, flows, expectations.

Decorators build these and hand them to the registry; nothing here runs or touches Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Union

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from headwater.errors import Location
from headwater.names import TableName

ColumnOrText = Union[Column, str]  # noqa: UP007 - evaluated at run time on Python 3.10
QueryFunction = Callable[..., Any]
"""Returns the DataFrame to write; one that is asked for snapshots takes the latest version."""


class DatasetKind(Enum):
    """What a dataset is in the catalog; the value is Databricks' word for it."""

    STREAMING_TABLE = "STREAMING_TABLE"
    MATERIALIZED_VIEW = "MATERIALIZED_VIEW"
    VIEW = "VIEW"
    SINK = "SINK"


class FlowKind(Enum):
    """How a flow writes; the value is the event log's `flow_type`."""

    APPEND = "APPEND"
    UPDATE = "UPDATE"
    COMPLETE = "COMPLETE"
    MATERIALIZED_VIEW = "MATERIALIZED_VIEW"
    REPLACE_WHERE = "REPLACE_WHERE"
    REPLACE_USING = "REPLACE_USING"
    CHANGE = "CHANGE"
    SNAPSHOT = "SNAPSHOT_CHANGE"
    VIEW = "VIEW"


class Action(Enum):
    """What happens to a row that breaks a rule."""

    WARN = "WARN"
    DROP = "DROP"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Expectation:
    """A rule on the rows of one dataset: holds if and only if `condition` IS TRUE."""

    name: str
    condition: ColumnOrText
    action: Action

    @property
    def text(self) -> str:
        """The condition for people: SQL, or a Column as PySpark shows it."""
        shown = str(self.condition)
        return shown[len("Column<'") : -len("'>")] if shown.startswith("Column<'") else shown

    @property
    def column(self) -> Column:
        """The condition as a column; SQL that does not parse raises as `expr` does."""
        return F.expr(self.condition) if isinstance(self.condition, str) else self.condition


@dataclass(frozen=True)
class AutoCdc:
    """The arguments of `create_auto_cdc_flow`, checked and normalized.

    Attributes:
        keys: names of the columns that identify a row.
        sequence_by: orders the events of a key; a STRUCT orders by its fields in turn.
        scd_type: 1 keeps the latest row, 2 keeps history in `__START_AT`, `__END_AT`.
        system_sequence_by: bitemporal, which is SCD type 2 with a second history, of when each row
            was believed, in `__SYSTEM_START_AT`, `__SYSTEM_END_AT`; orders when events were known.
        ignore_null_updates: True for all columns; a NULL then keeps the target's value.
        ignore_null_columns: only for these columns (None: no list was given).
        ignore_null_except: for all columns but these (None: no list was given).
        columns_to_update: source column with the names that an event writes.
        apply_as_deletes: condition of an event that deletes its key.
        apply_as_truncates: condition of an event that empties the table, SCD type 1 only.
        where: condition that all events must meet; an event that doesn't fails the flow.
        column_list: columns kept in the target (None: all).
        except_column_list: columns left out of the target (None: none).
        track_history_columns: SCD type 2: a new version only when one of these changes.
        track_history_except: SCD type 2: a new version when any other column changes.
        target_has_deletes: any flow into the target deletes keys; known when all is loaded.
        target_has_truncates: any flow into the target empties it.
    """

    keys: tuple[str, ...]
    sequence_by: ColumnOrText
    scd_type: int = 1
    system_sequence_by: ColumnOrText | None = None
    ignore_null_updates: bool = False
    ignore_null_columns: tuple[str, ...] | None = None
    ignore_null_except: tuple[str, ...] | None = None
    columns_to_update: str | None = None
    apply_as_deletes: ColumnOrText | None = None
    apply_as_truncates: ColumnOrText | None = None
    where: ColumnOrText | None = None
    column_list: tuple[str, ...] | None = None
    except_column_list: tuple[str, ...] | None = None
    track_history_columns: tuple[str, ...] | None = None
    track_history_except: tuple[str, ...] | None = None
    target_has_deletes: bool = False
    target_has_truncates: bool = False


@dataclass(frozen=True)
class SnapshotCdc:
    """The arguments of `create_auto_cdc_from_snapshot_flow`, checked and normalized.

    Attributes:
        keys: names of the columns that identify a row.
        scd_type: 1 keeps the latest row, 2 keeps history in `__START_AT`, `__END_AT`.
        track_history_columns: SCD type 2: a new version only when one of these changes.
        track_history_except: SCD type 2: a new version when any other column changes.
        is_asked: the flow's query takes the latest version, and returns the next snapshot with its
            version, or None; else it returns the one snapshot there is.
        version_type: Spark's name for the type of the versions; of a query that is asked, known
            once it was evaluated.
    """

    keys: tuple[str, ...]
    scd_type: int = 1
    track_history_columns: tuple[str, ...] | None = None
    track_history_except: tuple[str, ...] | None = None
    is_asked: bool = False
    version_type: str = "bigint"


@dataclass(frozen=True)
class ReplaceWhere:
    """Rows that meet a condition give way to those of the flow's query that meet it.

    Attributes:
        predicate: on columns of the target, or of the query as it qualifies them.
    """

    predicate: ColumnOrText


@dataclass(frozen=True)
class ReplaceUsing:
    """Rows of a key give way to newer rows of the key: partial snapshots.

    Attributes:
        keys: names of the columns that say which rows are replaced together.
        sequence_by: orders the snapshots of a key.
    """

    keys: tuple[str, ...]
    sequence_by: ColumnOrText


@dataclass(frozen=True)
class Sink:
    """A place outside the pipeline that flows write to.

    Attributes:
        format: in lower case; "foreachBatch" for a function.
        function: takes each micro-batch and its number.
    """

    format: str
    options: Mapping[str, str] = field(default_factory=dict)
    function: Callable[..., Any] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class EventHook:
    """A function that is called with each event of an update.

    Attributes:
        most_failures: it is not called again when it fails more often in a row; None for no limit.
    """

    name: str
    function: Callable[[dict[str, Any]], object]
    location: Location
    most_failures: int | None = None


@dataclass(frozen=True)
class Flow:
    """A query and the dataset it writes to.

    Attributes:
        name: identity of the flow's checkpoint.
        target: the dataset written.
        kind: None until the query was evaluated (a `table` may become either kind).
        query: returns the DataFrame to write; evaluated several times.
        own: the query of the dataset's own function, not one that was added to it.
        once: runs one time, on a batch DataFrame, and again only after a full refresh.
        change: set for AUTO CDC flows.
        snapshots: set for AUTO CDC flows from snapshots.
        replaces: set for flows that replace some rows of their target.
        updates: rows that a micro-batch changed are sent, into a sink.
        sink: the target, if it is one; set when the query was evaluated.
        depends_on: datasets to be finished first, beside those the query reads.
        namespace: catalog and schema of unqualified names in the query.
    """

    name: str
    target: TableName
    query: QueryFunction
    location: Location
    kind: FlowKind | None = None
    own: bool = False
    once: bool = False
    change: AutoCdc | None = None
    snapshots: SnapshotCdc | None = None
    replaces: ReplaceWhere | ReplaceUsing | None = None
    updates: bool = False
    sink: Sink | None = None
    comment: str | None = None
    depends_on: tuple[TableName, ...] = ()
    spark_conf: Mapping[str, str] = field(default_factory=dict)
    namespace: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Dataset:
    """A table, view or sink that the pipeline declares.

    Attributes:
        kind: None for a `table` until its query was seen to be streaming or batch.
        schema: as declared, DDL text or a StructType; None to take the query's.
        path: storage location, None for a managed table.
        private: visible only inside the pipeline.
        row_filter: as declared; a workspace applies it to whoever reads the table.
        sink: set for what only takes rows, and can't be read.
    """

    name: TableName
    location: Location
    kind: DatasetKind | None
    comment: str | None = None
    schema: str | StructType | None = None
    table_properties: Mapping[str, str] = field(default_factory=dict)
    partition_cols: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    path: str | None = None
    private: bool = False
    row_filter: str | None = None
    expectations: tuple[Expectation, ...] = ()
    sink: Sink | None = None

    @property
    def is_table(self) -> bool:
        """Whether the pipeline keeps a table for it."""
        return self.kind not in (DatasetKind.VIEW, DatasetKind.SINK)

    @property
    def is_view(self) -> bool:
        """Whether the dataset is only a query, with no table behind it."""
        return self.kind is DatasetKind.VIEW

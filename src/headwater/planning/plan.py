"""What an update would do, as frozen values: no Spark, no paths, no values of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from headwater.analysis.changes import ColumnChange
from headwater.errors import HeadwaterError

TableAction = Literal["CREATE", "CHANGE", "KEEP", "FULL_REFRESH", "RECREATE", "INACTIVE"]
"""CREATE: it is new. CHANGE: its columns or settings change. RECREATE: it was dropped by hand.
INACTIVE: it is gone from the source; its rows stay."""

FlowAction = Literal["RUN", "REST", "EXCLUDED"]
"""REST: nothing is new for it, and it is not started. EXCLUDED: its table was not selected."""


@dataclass(frozen=True)
class PlannedTable:
    """What set-up would do with a table.

    Attributes:
        kind: STREAMING_TABLE or MATERIALIZED_VIEW.
        settings: what changes of its properties, comment and layout, as text.
    """

    name: str
    kind: str
    action: TableAction
    columns: tuple[ColumnChange, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """What waits in one source of a stream; None for what can't be told without reading it."""

    source: str
    files: int | None
    bytes: int | None
    rows: int | None = None


@dataclass(frozen=True)
class PlannedFlow:
    """What would become of a flow.

    Attributes:
        reason: why it runs, or why it doesn't.
        starts_over: it reads its sources from the beginning.
        waiting: what it has to read, by source; empty for a batch, which reads all of its inputs.
    """

    name: str
    table: str
    kind: str
    action: FlowAction
    reason: str
    starts_over: bool = False
    waiting: tuple[Waiting, ...] = ()


@dataclass(frozen=True)
class Loss:
    """Rows or columns that would be lost, or rows that would be written twice.

    Attributes:
        code: FULL_REFRESH, COLUMN_DROPPED, COLUMN_RETYPED or FLOW_STARTS_OVER.
    """

    code: str
    table: str
    message: str
    hint: str


@dataclass(frozen=True)
class UpdatePlan:
    """What an update would do.

    Attributes:
        losses: what is destructive in it.
        refusals: errors with which the update would end before its first write.
    """

    tables: tuple[PlannedTable, ...]
    flows: tuple[PlannedFlow, ...]
    losses: tuple[Loss, ...]
    refusals: tuple[HeadwaterError, ...]
    warnings: tuple[HeadwaterError, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {
            "tables": [asdict(each) for each in self.tables],
            "flows": [asdict(each) for each in self.flows],
            "destructive": [asdict(each) for each in self.losses],
            "refusals": _told(self.refusals),
            "warnings": _told(self.warnings),
        }


def _told(errors: Sequence[HeadwaterError]) -> list[dict[str, Any]]:
    return [
        {
            "code": each.code,
            "message": each.message,
            "where": str(each.where) if each.where else None,
            "hint": each.hint,
        }
        for each in errors
    ]

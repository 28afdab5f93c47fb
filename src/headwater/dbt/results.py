"""What a dbt command came to: one row per node, for the event log and `ops.dbt_results`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from headwater.delta import join_small_files
from headwater.events.log import EventLog
from headwater.events.rows import Event

COMPACT_FILES = 60
"""How many commits of `ops.dbt_results` are joined into one file."""

_SCHEMA = pa.schema(
    [
        ("project", pa.string()),
        ("invocation_id", pa.string()),
        ("command", pa.string()),
        ("ran_at", pa.timestamp("us", tz="UTC")),
        ("node_id", pa.string()),
        ("resource_type", pa.string()),
        ("name", pa.string()),
        ("relation", pa.string()),
        ("status", pa.string()),
        ("severity", pa.string()),
        ("seconds", pa.float64()),
        ("rows", pa.int64()),
        ("failures", pa.int64()),
    ]
)
_TESTS = ("test", "unit_test")
_FAILED = ("error", "fail", "runtime error", "partial success")
_MERGED = ("numTargetRowsInserted", "numTargetRowsUpdated")
"""What a MERGE wrote; its `numOutputRows` counts rows that it only copied too."""

_CLOCK_MILLISECONDS = 100
"""How much earlier a commit may seem than what caused it."""

_MOST_COMMITS = 100
"""How many commits of a table are looked at for those of one node."""


@dataclass(frozen=True)
class NodeResult:
    """How one node of a project ended.

    Attributes:
        node_id: dbt's unique id, such as `model.shop.orders`.
        resource_type: model, test, seed, snapshot, source, ...
        relation: `schema.table` of a model, seed or snapshot; of a test, what it looks at; "" of
            what has no table, such as an exposure.
        status: in dbt's words: success, error, skipped; pass, warn, fail for tests and sources.
        severity: of a test: warn or error.
        rows: that a model wrote; None where nothing tells.
        failures: of a test: rows, or what it counts.
        compiled: the file with the SQL that ran, "" if there is none.
    """

    node_id: str
    resource_type: str
    name: str
    relation: str
    status: str
    seconds: float
    severity: str | None = None
    rows: int | None = None
    failures: int | None = None
    compiled: str = ""

    @property
    def failed(self) -> bool:
        """Whether the command failed by it."""
        return self.status in _FAILED


@dataclass(frozen=True)
class DbtRun:
    """What a dbt command came to.

    Attributes:
        command: its name, without options.
        succeeded: as dbt tells by its exit status.
        message: of dbt, where it could not start at all.
        nodes: empty for commands that run none.
    """

    project: str
    invocation_id: str
    command: str
    succeeded: bool
    ran_at: datetime
    nodes: tuple[NodeResult, ...] = ()
    message: str = ""


def node_result(result: Any, table: Callable[[str, str], Path], since: datetime) -> NodeResult:
    """Read how a node ended from dbt's own result.

    Args:
        result: an element of `dbtRunnerResult.result.results`.
        table: names the folder of a table by its schema and name.
        since: when the command began.
    """
    node = result.node
    kind = str(node.resource_type)
    is_test = kind in _TESTS
    status = str(result.status)
    relation = _relation(node, is_test)
    folder = table(*relation.split(".", 1)) if status == "success" and "." in relation else None
    return NodeResult(
        node_id=node.unique_id,
        resource_type=kind,
        name=node.name,
        relation=relation,
        status=status,
        seconds=round(result.execution_time, 3),
        severity=str(node.config.severity).lower() if kind == "test" else None,
        rows=_rows_written(folder, _started_at(result, since), kind) if folder else None,
        failures=result.failures,
        compiled=getattr(node, "compiled_path", None) or "",
    )


def _relation(node: Any, is_test: bool) -> str:
    """Name the table of a node, or of the one that a test is attached to."""
    if is_test:
        kind, _, *name = str(getattr(node, "attached_node", None) or "..").split(".")
        return name[-1] if kind == "source" else "_".join(name)  # orders, or orders_v2
    schema = getattr(node, "schema", None)
    table = getattr(node, "alias", None) or getattr(node, "identifier", None) or node.name
    return f"{schema}.{table}" if schema else ""


def _started_at(result: Any, otherwise: datetime) -> datetime:
    """Return when a node began to run; its table may have had an earlier commit just before."""
    for each in result.timing:
        if each.name == "execute" and each.started_at is not None:
            began: datetime = each.started_at
            return began if began.tzinfo else began.replace(tzinfo=timezone.utc)
    return otherwise


def _rows_written(folder: Path, since: datetime, kind: str) -> int | None:
    """Return how many rows a node wrote into its table; None if nothing tells.

    The first commit that has rows is that of the node, and later ones are of its hooks. A seed
    writes batches.
    """
    if not (folder / "_delta_log").is_dir():
        return None
    first = since.timestamp() * 1000 - _CLOCK_MILLISECONDS
    commits = DeltaTable(folder).history(_MOST_COMMITS)
    counts = [_rows_of(each) for each in reversed(commits) if each["timestamp"] >= first]
    known = [each for each in counts if each is not None]
    if not known:
        return None
    return sum(known) if kind == "seed" else known[0]


def _rows_of(commit: Mapping[str, Any]) -> int | None:
    metrics: Mapping[str, Any] = commit.get("operationMetrics") or {}
    merged = [int(metrics[each]) for each in _MERGED if each in metrics]
    if merged:
        return sum(merged)
    return int(metrics["numOutputRows"]) if "numOutputRows" in metrics else None


def write_events(run: DbtRun, log: Path) -> None:
    """Append what a command came to to the project's event log."""
    origin = {"pipeline_name": run.project, "update_id": run.invocation_id}
    with EventLog(log, origin) as events:
        events.emit(_started(run))
        for each in run.nodes:
            events.emit(_event(each))
        state = "COMPLETED" if run.succeeded else "FAILED"
        events.emit(
            Event(
                "update_progress",
                f"dbt {run.command}: {state}",
                {"state": state},
                "INFO" if run.succeeded else "ERROR",
            )
        )


def _started(run: DbtRun) -> Event:
    details = {"command": run.command}
    return Event("create_update", f"dbt {run.command}", details, timestamp=run.ran_at)


def _event(node: NodeResult) -> Event:
    facts = {"status": node.status, "seconds": node.seconds}
    if node.resource_type in _TESTS:
        kind = "dbt_test"
        facts |= {"severity": node.severity, "failures": node.failures}
    elif node.resource_type == "source":
        kind = "dbt_source_freshness"
    else:
        kind = "dbt_model"
        facts |= {"num_output_rows": node.rows}
    level = "ERROR" if node.failed else "WARN" if node.status == "warn" else "INFO"
    return Event(
        kind,
        f"{node.resource_type} {node.name}: {node.status}",
        {"name": node.name, "resource_type": node.resource_type, **facts},
        level,
        {"dataset_name": node.relation, "flow_name": node.node_id},
    )


def write_results(run: DbtRun, table: Path) -> None:
    """Append the nodes of a command to `ops.dbt_results`, in one commit and without a Spark job."""
    write_deltalake(table, _rows(run), mode="append", name="dbt_results")
    join_small_files(DeltaTable(table), COMPACT_FILES)


def _rows(run: DbtRun) -> pa.Table:
    shared = {
        "project": run.project,
        "invocation_id": run.invocation_id,
        "command": run.command,
        "ran_at": run.ran_at,
    }
    return pa.Table.from_pylist([{**shared, **asdict(each)} for each in run.nodes], schema=_SCHEMA)

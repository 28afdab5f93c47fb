"""`headwater show`, `headwater tables` and `headwater events`: read Delta without a JVM."""

from __future__ import annotations

from pathlib import Path

from headwater.cli.delta_rows import first_rows
from headwater.cli.render import print_json, print_rows
from headwater.errors import UsageError
from headwater.events.query import read_events
from headwater.state.inventory import known_tables
from headwater.state.target import Target


def show_table(target: Target, table: str, rows: int, *, as_json: bool) -> None:
    """Print the first rows of a table.

    Raises:
        UsageError: TABLE_NOT_FOUND, TABLE_UNREADABLE, ROWS_INVALID for a negative number.
    """
    if rows < 0:
        raise UsageError(
            "ROWS_INVALID", f"Can't show {rows} rows", hint="Write -n 0 for the columns only."
        )
    found, columns = first_rows(target.store.table_path(target.find_table(table)), rows)
    if as_json:
        print_json(found)
    elif columns:
        print_rows(found, columns)


def show_tables(target: Target, *, inactive: bool, as_json: bool) -> None:
    """Print the tables of a target.

    Args:
        inactive: only those that are gone from the source of their pipeline.
    """
    rows = [
        {
            "table": str(each.name),
            "kind": each.kind,
            "pipeline": each.pipeline,
            "status": "ACTIVE" if each.is_active else "INACTIVE",
        }
        for each in known_tables(target.store)
        if not (inactive and each.is_active)
    ]
    if as_json:
        print_json(rows)
    else:
        print_rows(rows, ["table", "kind", "pipeline", "status"])


def show_events(target: Target, pipeline: str | None, update: str, *, as_json: bool) -> None:
    """Print the events of one update, or of all; of a dbt project, those of one command."""
    chosen = None if update == "all" else update
    events = read_events(_event_log(target, pipeline), update_id=chosen)
    if as_json:
        print_json(events)
        return
    print_rows(
        [
            {
                "timestamp": event["timestamp"].strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
                "level": event["level"],
                "event_type": event["event_type"],
                "dataset": event["origin"]["dataset_name"] or "",
                "message": event["message"],
            }
            for event in events
        ],
        ["timestamp", "level", "event_type", "dataset", "message"],
    )


def _event_log(target: Target, name: str | None) -> Path:
    """Name the event log of a pipeline, or of a dbt project that no pipeline is named like."""
    of_dbt = target.store.dbt_event_logs().get(name.lower()) if name else None
    if of_dbt is not None and name not in target.bundle.pipelines:
        return of_dbt
    return target.event_log(target.bundle.pipeline(name).key)

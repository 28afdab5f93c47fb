"""Whether a deployment is whole: updates, tables, columns, rows, volumes, queries of dashboards.

Our own checks on what is here: they run no query, and say nothing of what was never deployed by
this bundle. What does not live here: the same of a workspace (`workspace_deployment`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from headwater.errors import HeadwaterError, UsageError
from headwater.operations.dashboards import DashboardQuery, queries_of, tables_read
from headwater.operations.expected import (
    ExpectedTable,
    expected_tables,
    missing_columns,
    spark_type,
)
from headwater.operations.measured import limits_if_any, updates_of
from headwater.operations.tables import TableFacts, facts_of, table_of, tables_on_disk
from headwater.quality.gate import Verdict, of_state
from headwater.quality.limits import Limits
from headwater.state.lock import holding_process
from headwater.state.target import Target
from headwater.yaml_nodes import Node


def local_checks(target: Target, tree: Node) -> Iterator[Verdict]:
    """Check a target on this machine.

    Args:
        tree: the bundle as the target sees it, resolved.

    Raises:
        UsageError: LIMITS_INVALID.
    """
    limits = limits_if_any(target, None)
    for key in target.bundle.pipelines:
        yield from _pipeline(target, key)
        for table in expected_tables(target, key):
            yield from _table(target, key, table, limits.get(key, Limits()))
    for volume in target.bundle.volumes.values():
        there = target.store.volume_path(volume.catalog, volume.schema, volume.name).is_dir()
        yield present(volume.path, "volume", is_there=there)
    for query in queries_of(tree, target.bundle.root):
        yield _query(target, query)


def present(subject: str, measure: str, *, is_there: bool, note: str = "") -> Verdict:
    """Return the verdict on whether something is there."""
    found = "there" if is_there else None
    return Verdict(subject, measure, found, "there", is_there, "" if is_there else note)


def _pipeline(target: Target, key: str) -> Iterator[Verdict]:
    updates = updates_of(target, key)
    last = updates[0] if updates else None
    if last is None:
        told = Verdict(key, "update", None, "COMPLETED", False, "no update has run")
    else:
        told = of_state(key, "update", last)
    if holding_process(target.store.pipeline_path(key)) is not None:
        told = replace(told, note="an update runs now")
    yield told
    pending = sorted(map(str, target.pipeline_state(key).pending_resets()))
    if pending:
        note = "a full refresh was begun and did not end: run the pipeline again"
        yield Verdict(key, "full_refresh", ", ".join(pending), "none unfinished", False, note)


def _table(
    target: Target, pipeline: str, table: ExpectedTable, limits: Limits
) -> Iterator[Verdict]:
    try:
        known = (each for each in tables_on_disk(target) if each.name == table.name)
        on_disk = next(known, None)
        facts = None if on_disk is None else facts_of(on_disk)
    except HeadwaterError as error:
        yield present(table.name, "table", is_there=False, note=error.code)
        return
    yield present(table.name, "table", is_there=facts is not None, note="it is not on disk")
    if facts is not None:
        found = [(name, spark_type(kind)) for name, kind in facts.columns]
        yield columns_verdict(table, found)
        yield _rows(target, pipeline, table, facts, limits)


def columns_verdict(table: ExpectedTable, found: list[tuple[str, str]]) -> Verdict:
    """Return the verdict on a table's columns: all that its flows write have to be there."""
    gone, other = missing_columns(table.columns, found)
    notes = [f"missing: {', '.join(gone)}"] if gone else []
    notes += [f"of another type: {', '.join(other)}"] if other else []
    expected = len(table.columns)
    right = expected - len(gone) - len(other)
    note = "; ".join(notes) or ("" if expected else "AUTO CDC: not compared")
    return Verdict(table.name, "columns", right, f"= {expected}", not notes, note)


def _rows(
    target: Target, pipeline: str, table: ExpectedTable, facts: TableFacts, limits: Limits
) -> Verdict:
    least = max(_least_rows(target, pipeline, table, limits), default=0)
    rows = facts.rows
    note = "" if rows is not None else "the log does not count them"
    holds = (rows or 0) >= least
    return Verdict(table.name, "rows", rows, f">= {least}", holds, note)


def _least_rows(
    target: Target, pipeline: str, table: ExpectedTable, limits: Limits
) -> Iterator[int]:
    """Yield what limits of the gate ask of a table."""
    for limit in limits.tables:
        try:
            name, _ = table_of(target, pipeline, limit.table)
        except UsageError:  # the gate tells of it
            continue
        if str(name) == table.name and limit.min_rows is not None:
            yield limit.min_rows


def _query(target: Target, query: DashboardQuery) -> Verdict:
    if query.fault:
        return Verdict(query.subject, "query", None, "tables there", False, query.fault)
    catalog, schema = target.default_schema()
    home = query.catalog or catalog, query.schema or schema
    gone = []
    names = tables_read(query.text)
    for name in names:
        try:
            target.find_table(name, home)
        except UsageError:
            gone.append(name)
    note = f"no such table: {', '.join(gone)}" if gone else ""
    there = f"{len(names) - len(gone)} tables"
    return Verdict(query.subject, "query", there, f"{len(names)} tables", not gone, note)


def as_dict(target: Target, origin: str, found: list[Verdict]) -> Mapping[str, Any]:
    """Return the checks for JSON."""
    return {
        "target": target.bundle.target,
        "origin": origin,
        "passed": all(each.holds for each in found),
        "checks": [each.as_dict() for each in found],
    }

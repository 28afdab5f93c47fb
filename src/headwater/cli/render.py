"""Show results: tables on a terminal or in a file, and what `output` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headwater.cli.output import place_json, print_traceback
from headwater.cli.output import print_error as print_error
from headwater.cli.output import print_json as print_json
from headwater.engine.update import UpdateResult
from headwater.errors import HeadwaterError, Location
from headwater.events.report import FlowTotals, RuleTotals

_ANY_WIDTH = 100_000
"""Of a file or a pipe: tables are as wide as what they hold."""

_MOST_WIDTH = 2_000
"""Of a column in a file or a pipe; longer values are folded."""

_MOST_CHARACTERS = 100_000
"""Of a value; laying out one of megabytes takes minutes."""

_LEAST_WIDTH = 6
"""Of a column on a terminal; where there is less for each, rows are printed one below the other."""


def console(*, to_stderr: bool = False) -> Console:
    """Make a console that never breaks lines in a file or pipe."""
    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() else _ANY_WIDTH
    return Console(stderr=to_stderr, width=width, highlight=False, soft_wrap=False)


def print_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str] = ()) -> None:
    """Print rows as a table; nested values as JSON.

    Args:
        columns: the heads, where they are not the keys of the rows: two columns may share one.
    """
    names = list(columns or (rows[0] if rows else ()))
    screen = console()
    table = _table(rows, names)
    is_narrow = screen.width < len(names) * (_LEAST_WIDTH + 2)
    unbounded = screen.options.update(max_width=_MOST_WIDTH * len(names))
    if rows and is_narrow and screen.measure(table, options=unbounded).maximum > screen.width:
        for number, row in enumerate(rows, 1):
            print_rows([{"column": n, f"row {number}": v} for n, v in _pairs(row, names)])
        return
    screen.print(table)


def _table(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:  # all rows are padded to the longest
        table.add_column(Text(name), overflow="fold", max_width=_MOST_WIDTH)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for _, value in _pairs(row, names)))
    return table


def _pairs(row: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, Any]]:
    """Return the values of a row with the heads of their columns."""
    if len(set(names)) < len(names):
        return list(zip(names, row.values(), strict=True))
    return [(name, row.get(name)) for name in names]


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    is_nested = isinstance(value, (dict, list))
    text = json.dumps(value, default=str, ensure_ascii=False) if is_nested else str(value)
    if len(text) <= _MOST_CHARACTERS:
        return text
    return f"{text[:_MOST_CHARACTERS]}... ({len(text):,} characters; --json has all)"


def print_errors(errors: Sequence[HeadwaterError]) -> None:
    """Print several errors; one that several flows share is printed once, with their names.

    Spark's own text is printed under `--debug` alone, for it may hold values of rows.
    """
    context = click.get_current_context(silent=True)
    debug = bool(context and (context.find_root().obj or {}).get("debug"))
    shared: dict[tuple[str, ...], list[HeadwaterError]] = {}
    for error in errors:
        flow = f"'{error.parameters.get('flow', '')}'"
        shared.setdefault(
            (error.code, str(error.where), error.message.replace(flow, "")), []
        ).append(error)
    for first, *others in shared.values():
        print_error(first)
        if others:
            flows = [str(each.parameters["flow"]) for each in others if "flow" in each.parameters]
            same = ", ".join(flows) or f"{len(others)} more of the same"
            click.echo(f"  also: {same}", err=True)
        if debug and first.__cause__ is not None:
            print_traceback(first.__cause__)


def result_json(result: UpdateResult) -> dict[str, Any]:
    """Make the JSON form of an update's result."""
    return {
        "state": result.state,
        "update_ids": list(result.update_ids),
        "error": None if result.error is None else result.error.headline,
        "warnings": [_warning_json(each) for each in result.graph.warnings],
        "flows": [_flow_json(flow) for flow in result.flows],
    }


def _warning_json(warning: HeadwaterError) -> dict[str, Any]:
    where = warning.where if isinstance(warning.where, Location) else Location("")
    return place_json(warning.code, warning.message, where, warning.hint)


def _flow_json(flow: FlowTotals) -> dict[str, Any]:
    return {
        "flow": flow.flow,
        "dataset": flow.dataset,
        "kind": flow.kind,
        "status": flow.status,
        "rows_in": flow.rows_in,
        "rows_written": flow.rows_written,
        "rows_deleted": flow.rows_deleted,
        "rows_dropped": flow.rows_dropped,
        "seconds": round(flow.seconds, 3),
        "expectations": [
            {
                "name": rule.name,
                "dataset": rule.dataset,
                "passed_records": rule.passed_records,
                "failed_records": rule.failed_records,
            }
            for rule in flow.rules.values()
        ],
        "error": None if flow.error is None else flow.error.headline,
    }


def print_result(result: UpdateResult) -> None:
    """Print the summary of an update: a row per flow, a row per expectation."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("dataset", "kind", "status"):
        table.add_column(name, overflow="fold")
    for name in ("rows in", "written", "dropped", "seconds"):
        table.add_column(name, justify="right")
    for flow in result.flows:
        numbers = (flow.rows_in, flow.rows_written, flow.rows_dropped)
        table.add_row(
            Text(flow.dataset if flow.dataset.endswith(flow.flow) else _both(flow)),
            flow.kind,
            flow.status,
            *(f"{number:,}" for number in numbers),
            f"{flow.seconds:.1f}",
        )
    console().print(table)
    rules = [rule for flow in result.flows for rule in flow.rules.values()]
    if rules:
        _print_rules(rules)
    click.echo(f"Update {result.state}.")


def _both(flow: FlowTotals) -> str:
    return f"{flow.dataset} <- {flow.flow}"


def _print_rules(rules: Sequence[RuleTotals]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("expectation", "dataset"):
        table.add_column(name, overflow="fold")
    for name in ("passed", "failed", "failed share"):
        table.add_column(name, justify="right")
    for rule in rules:
        total = rule.passed_records + rule.failed_records
        share = f"{rule.failed_records / total:.2%}" if total else "-"
        table.add_row(
            Text(rule.name),
            Text(rule.dataset),
            f"{rule.passed_records:,}",
            f"{rule.failed_records:,}",
            share,
        )
    console().print(table)

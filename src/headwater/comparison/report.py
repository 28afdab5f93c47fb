"""What two runs differ in, as frozen values, and written as Markdown or plain values."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from headwater.analysis.changes import ColumnChange
from headwater.comparison.tables import RowChange, RowDifference
from headwater.events.report import RuleTotals
from headwater.markdown import cell, table_lines

Side = Literal["both", "base", "head"]
_HASH_DIGITS = 12


@dataclass(frozen=True)
class TableDifference:
    """What differs between a table of the base and the one of now.

    Attributes:
        side: which of the runs have made it.
        rows: None unless both have.
    """

    name: str
    side: Side
    columns: tuple[ColumnChange, ...] = ()
    rows: RowDifference | None = None

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        return self.side == "both" and not self.columns and (self.rows is None or self.rows.is_none)


@dataclass(frozen=True)
class RuleDifference:
    """Rows that broke a rule, before and after; None where there was no such rule."""

    name: str
    dataset: str
    failed: tuple[int | None, int | None]
    passed: tuple[int | None, int | None]


@dataclass(frozen=True)
class Comparison:
    """What a change does to the tables of a pipeline.

    Attributes:
        base: the commit that it is compared with.
        tables: all of them, those that are the same as well.
        rules: those whose counts moved.
        error: with which the update of now ended, in one line; its tables may lack rows.
    """

    pipeline: str
    base: str
    tables: tuple[TableDifference, ...]
    rules: tuple[RuleDifference, ...]
    error: str | None = None

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        same = all(each.is_none for each in self.tables)
        return same and not self.rules and self.error is None


def moved_rules(
    base: Mapping[tuple[str, str], RuleTotals], head: Mapping[tuple[str, str], RuleTotals]
) -> tuple[RuleDifference, ...]:
    """Return the rules whose counts differ, by dataset and name."""
    found = []
    for key in sorted({*base, *head}):
        before, after = base.get(key), head.get(key)
        if before != after:
            dataset, name = key
            found.append(
                RuleDifference(
                    name,
                    dataset,
                    failed=(_failed(before), _failed(after)),
                    passed=(_passed(before), _passed(after)),
                )
            )
    return tuple(found)


def _failed(rule: RuleTotals | None) -> int | None:
    return None if rule is None else rule.failed_records


def _passed(rule: RuleTotals | None) -> int | None:
    return None if rule is None else rule.passed_records


def as_dict(comparison: Comparison, secret: bytes, *, shows_values: bool) -> dict[str, Any]:
    """Return it as plain values, for JSON.

    Args:
        secret: keys are hashed with it, so that hashes are of this report alone.
        shows_values: tell the values of keys and columns, and not hashes.
    """
    return {
        "pipeline": comparison.pipeline,
        "base": comparison.base,
        "same": comparison.is_none,
        "error": comparison.error,
        "tables": [_table_dict(each, secret, shows_values) for each in comparison.tables],
        "rules": [
            {
                "rule": each.name,
                "dataset": each.dataset,
                "failed": list(each.failed),
                "passed": list(each.passed),
            }
            for each in comparison.rules
        ],
    }


def _table_dict(table: TableDifference, secret: bytes, shows: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "table": table.name,
        "same": table.is_none,
        "in": table.side,
        "schema": [
            {"column": each.name, "base": each.before, "head": each.after} for each in table.columns
        ],
    }
    rows = table.rows
    if rows is not None:
        found |= {
            "rows": list(rows.rows),
            "only_base": rows.only_base,
            "only_head": rows.only_head,
            "changed": rows.changed,
            "changed_columns": rows.columns,
            "keys": list(rows.keys),
            "examples": [_example(each, secret, shows) for each in rows.examples],
        }
    return found


def _example(change: RowChange, secret: bytes, shows: bool) -> dict[str, Any]:
    if not shows:
        told = {"kind": change.kind, "key_hash": key_hash(change.key, secret)}
        return {**told, "columns": sorted(change.values)}
    return {
        "kind": change.kind,
        "key": change.key,
        "columns": {name: list(pair) for name, pair in change.values.items()},
    }


def key_hash(key: Mapping[str, Any], secret: bytes) -> str:
    """Hash the values that identify a row; nobody can try out values without the secret."""
    text = json.dumps(list(key.values()), default=str, ensure_ascii=False)
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]


def as_markdown(comparison: Comparison, secret: bytes, *, shows_values: bool) -> str:
    """Write it for a pull request.

    Args:
        secret: as for `as_dict`.
        shows_values: as for `as_dict`.
    """
    return "\n".join(_lines(comparison, secret, shows_values)) + "\n"


def _lines(comparison: Comparison, secret: bytes, shows: bool) -> Iterator[str]:
    yield f"### `{comparison.pipeline}` compared with `{comparison.base}`"
    yield ""
    if comparison.error:
        yield f"**The update failed:** {cell(comparison.error)}"
        yield ""
    if comparison.is_none:
        count = len(comparison.tables)
        yield f"No difference in {count} table{'' if count == 1 else 's'}."
        return
    different = [each for each in comparison.tables if not each.is_none]
    if different:
        columns = ("table", "rows", "only in base", "only now", "changed", "columns")
        yield from table_lines(columns, map(_cells, different))
        yield ""
    total = len(comparison.tables)
    yield f"{total - len(different)} of {total} tables are the same."
    if comparison.rules:
        yield ""
        yield from table_lines(
            ("rule", "dataset", "failed", "passed"),
            (
                (rule.name, rule.dataset, _moved(rule.failed), _moved(rule.passed))
                for rule in comparison.rules
            ),
        )
    for table in comparison.tables:
        examples = table.rows.examples if table.rows else ()
        if examples:
            yield ""
            yield f"Examples of `{table.name}`:"
            yield ""
            for each in examples:
                yield "- " + cell(_example_line(each, secret, shows))


def _cells(table: TableDifference) -> tuple[str, ...]:
    columns = list(map(str, table.columns))
    rows = table.rows
    if rows is None:
        return (
            table.name,
            "only in base" if table.side == "base" else "only now",
            "",
            "",
            "",
            "; ".join(columns),
        )
    columns += [f"{name}: {count:,}" for name, count in rows.columns.items()]
    changed = f"{rows.changed:,}" if rows.keys else "(no key)"
    return (
        table.name,
        _moved(rows.rows),
        f"{rows.only_base:,}",
        f"{rows.only_head:,}",
        changed,
        "; ".join(columns),
    )


def _moved(pair: tuple[int | None, int | None]) -> str:
    before, after = ("none" if each is None else f"{each:,}" for each in pair)
    return before if before == after else f"{before} -> {after}"


def _example_line(change: RowChange, secret: bytes, shows: bool) -> str:
    if not shows:
        columns = f": {', '.join(sorted(change.values))}" if change.values else ""
        return f"{change.kind}: key {key_hash(change.key, secret)}{columns}"
    key = ", ".join(f"{name}={value}" for name, value in change.key.items())
    pairs = "; ".join(f"{name}: {old} -> {new}" for name, (old, new) in change.values.items())
    return f"{change.kind}: {key}" + (f": {pairs}" if pairs else "")

"""Which tables an update refreshes, and which of them it recomputes from all their sources.

Pure: from the declarations alone, so that it is known before any source is read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from headwater.errors import UpdateError, UsageError, nearest
from headwater.graph.model import Dataset
from headwater.graph.registry import Registry
from headwater.names import TableName

ALL = ("*",)
"""Means all tables in a full refresh."""


@dataclass(frozen=True)
class Selection:
    """What an update does with the tables of a pipeline.

    Attributes:
        chosen: tables to refresh; the others are EXCLUDED.
        resets: tables among them to recompute from all their sources.
    """

    chosen: frozenset[TableName]
    resets: frozenset[TableName]


def select(
    registry: Registry, refresh: tuple[str, ...], full_refresh: tuple[str, ...]
) -> Selection:
    """Return the tables that a request selects.

    Args:
        refresh: names of tables to refresh.
        full_refresh: names of tables to recompute, or `ALL`.

    Raises:
        UsageError: DATASET_UNKNOWN, with the nearest name; SELECTION_CONFLICT.
        UpdateError: TABLE_NOT_RESETTABLE, for a table that forbids what was asked by its name.
    """
    tables = {each.name: each for each in registry.datasets.values() if not each.is_view}
    everything = full_refresh == ALL
    if everything and refresh:
        raise UsageError(
            "SELECTION_CONFLICT",
            "--full-refresh of everything and --refresh of some tables are mutually exclusive",
            hint="Name the tables: --full-refresh a,b --refresh c.",
        )
    if everything:
        names = frozenset(tables)
        return Selection(names, names - _kept(tables, names))
    resets = [_find(name, tables, registry) for name in full_refresh]
    chosen = [*(_find(name, tables, registry) for name in refresh), *resets]
    if len(set(chosen)) != len(chosen):
        raise UsageError(
            "SELECTION_CONFLICT",
            "A table is named twice in --refresh and --full-refresh",
            hint="Name each table once.",
        )
    kept = _kept(tables, frozenset(resets))
    if kept:
        raise UpdateError(
            "TABLE_NOT_RESETTABLE",
            "A full refresh is not allowed for " + ", ".join(sorted(map(str, kept))),
            hint="Its table property pipelines.reset.allowed is false; refresh it instead.",
            datasets=sorted(map(str, kept)),
        )
    return Selection(frozenset(chosen or tables), frozenset(resets))


def _kept(tables: Mapping[TableName, Dataset], names: frozenset[TableName]) -> frozenset[TableName]:
    """Return the tables that forbid a full refresh."""
    allowed = "pipelines.reset.allowed"
    return frozenset(
        name
        for name in names
        if tables[name].table_properties.get(allowed, "true").lower() == "false"
    )


def _find(text: str, tables: Mapping[TableName, Dataset], registry: Registry) -> TableName:
    wanted = registry.resolve(text)
    if wanted in tables:
        return wanted
    raise unknown_dataset(text, wanted, tables, "table")


def unknown_dataset(
    text: str, wanted: TableName, known: Collection[TableName], kind: str
) -> UsageError:
    """Make the error for a name that is none of those that there are.

    Args:
        text: the name as it was written.
        kind: what it should name, such as `table`.
    """
    names = [str(name) for name in known]
    return UsageError(
        "DATASET_UNKNOWN",
        f"The pipeline has no {kind} '{text}'",
        hint=nearest(str(wanted), names)
        or nearest(wanted.table, [name.table for name in known])
        or f"It has: {', '.join(names)}.",
        dataset=text,
    )

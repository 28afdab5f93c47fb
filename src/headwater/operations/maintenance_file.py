"""What maintenance has to do with which table, read from a YAML file.

    version: 1
    target_file_megabytes: 128
    tables:
      - {table: "silver.*", zorder_by: [customer_id], retention_hours: 336}
      - {table: gold.report, optimize: false}
      - {table: "*"}

The first entry whose pattern fits a table counts; a table that none fits is left alone. What does
not live here: doing it (`maintenance`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from headwater.bundle.forms import Form
from headwater.bundle.shapes import FLAG, NUMBER, TEXT, fields, list_of, needing
from headwater.names import TableName
from headwater.operations.tuning import MEGABYTE, TARGET_FILE_BYTES
from headwater.yaml_nodes import Node

LEAST_HOURS = 168.0
"""The retention of a workspace, and the least that is taken without --force: 7 days."""

_ENTRY = needing(
    "table",
    fields(table=TEXT, optimize=FLAG, zorder_by=list_of(TEXT), vacuum=FLAG, retention_hours=NUMBER),
)
FORM = Form(
    "MAINTENANCE",
    "maintenance",
    needing(
        "tables",
        fields(version=NUMBER, target_file_megabytes=NUMBER, tables=list_of(_ENTRY)),
    ),
    "Write one (docs/operations.md), or leave --file out to see what is done without one.",
)


@dataclass(frozen=True)
class Care:
    """What to do with the tables of a pattern.

    Attributes:
        pattern: of one to three parts, each with `*` and `?`.
        zorder_by: columns to sort by; files are only joined if there are none.
        retention_hours: how long files stay after no version needs them.
    """

    pattern: str = "*"
    optimize: bool = True
    zorder_by: tuple[str, ...] = ()
    vacuum: bool = True
    retention_hours: float = LEAST_HOURS

    def fits(self, name: TableName) -> bool:
        """Whether a table's name fits the pattern, part by part from its end."""
        wanted = self.pattern.lower().split(".")
        parts = (name.catalog, name.schema, name.table)[-len(wanted) :]
        return len(wanted) <= 3 and all(map(fnmatchcase, parts, wanted))


@dataclass(frozen=True)
class Maintenance:
    """What to do with which table."""

    cares: tuple[Care, ...] = (Care(),)
    target_file_bytes: int = TARGET_FILE_BYTES

    def care_of(self, name: TableName) -> Care | None:
        """Return what to do with a table; None for nothing."""
        return next((each for each in self.cares if each.fits(name)), None)


def read_maintenance(file: Path, *, force: bool = False) -> Maintenance:
    """Read a file of maintenance.

    Args:
        force: take a retention that is shorter than a workspace's.

    Raises:
        UsageError: MAINTENANCE_NOT_FOUND, MAINTENANCE_INVALID; with file and line.
    """
    tree = FORM.read(file)
    size = FORM.number(tree, "target_file_megabytes")
    if size is not None and size < 1:
        raise FORM.refused(tree, "'target_file_megabytes' is below 1", "Write 128, for example.")
    tables = tree.get("tables")
    cares = tuple(_care(each, force) for each in (tables.items if tables else ()))
    return Maintenance(cares, TARGET_FILE_BYTES if size is None else int(size * MEGABYTE))


def _care(node: Node, force: bool) -> Care:
    hours = FORM.number(node, "retention_hours")
    if hours is not None and hours < LEAST_HOURS and not force:
        raise FORM.refused(
            node,
            f"'retention_hours' is below {LEAST_HOURS:g}: who reads an older version meanwhile, "
            "and `ops rollback`, would miss files",
            "Raise it, or pass --force if nobody reads the tables.",
        )
    columns = node.get("zorder_by")
    return Care(
        FORM.text(node, "table"),
        _flag(node, "optimize"),
        tuple(each.text for each in (columns.items if columns else ())),
        _flag(node, "vacuum"),
        LEAST_HOURS if hours is None else hours,
    )


def _flag(node: Node, key: str) -> bool:
    found = node.get(key)
    return found is None or found.value is True


def unmatched(maintenance: Maintenance, names: Iterable[TableName]) -> list[str]:
    """Name the patterns that fit no table: they are misspelled, or the table is gone."""
    known = list(names)
    return [
        each.pattern for each in maintenance.cares if not any(each.fits(name) for name in known)
    ]

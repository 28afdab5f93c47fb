"""What a pipeline's SQL declares, as frozen values: read by `parse`, declared by `graph`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union


@dataclass(frozen=True)
class Query:
    """The text of a query, and the position in its statement where it begins."""

    text: str
    start: int


@dataclass(frozen=True)
class Rule:
    """`CONSTRAINT name EXPECT (condition) [ON VIOLATION action]`.

    Attributes:
        action: `WARN`, `DROP` or `FAIL`.
    """

    name: str
    condition: str
    action: str


@dataclass(frozen=True)
class Names:
    """A choice of columns: these, or all except these."""

    columns: tuple[str, ...]
    are_excluded: bool = False


@dataclass(frozen=True)
class Change:
    """The clauses of AUTO CDC.

    Attributes:
        source: the relation behind FROM, as written.
        stream: the name in `STREAM name` or `name`; None where the source is anything else.
        ignores_nulls: IGNORE NULL UPDATES stands there, for the columns of `ignore_null`.
        scd_type: as written: `1`, `2` or `bitemporal`.
        from_snapshot: the source is a series of snapshots.
    """

    source: Query
    stream: str | None
    keys: tuple[str, ...]
    sequence_by: str | None = None
    system_sequence_by: str | None = None
    deletes: str | None = None
    truncates: str | None = None
    where: str | None = None
    ignores_nulls: bool = False
    ignore_null: Names | None = None
    columns: Names | None = None
    columns_to_update: str | None = None
    scd_type: str = "1"
    history: Names | None = None
    once: bool = False
    from_snapshot: bool = False


@dataclass(frozen=True)
class Insert:
    """`INSERT [ONCE] BY NAME query`, the query of an append flow."""

    query: Query
    once: bool = False


@dataclass(frozen=True)
class Replace:
    """`REPLACE WHERE predicate BY NAME query`, or `REPLACE USING (keys) SEQUENCE BY column ...`.

    Attributes:
        predicate: None with keys.
        sequence_by: an expression, None with a predicate.
    """

    query: Query
    predicate: str | None = None
    keys: tuple[str, ...] = ()
    sequence_by: str | None = None


@dataclass(frozen=True)
class Columns:
    """The list of columns in parentheses behind a dataset's name.

    Attributes:
        schema: their definitions as DDL, None where the list gives only names or none.
        names: the names of columns without a type.
        comments: comments of these, by name.
    """

    schema: str | None = None
    names: tuple[str, ...] = ()
    comments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CreateDataset:
    """A table or view.

    Attributes:
        kind: `STREAMING_TABLE`, `MATERIALIZED_VIEW` or `VIEW`.
        is_private: not in the catalog.
        is_published: a view that a workspace shows in the catalog.
        flow: what fills it; None for a streaming table that other flows fill.
    """

    kind: str
    name: str
    flow: Union[Query, Insert, Replace, Change, None]  # noqa: UP007 - evaluated on Python 3.10
    columns: Columns = field(default_factory=Columns)
    rules: tuple[Rule, ...] = ()
    is_private: bool = False
    is_published: bool = False
    comment: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    clusters_auto: bool = False
    path: str | None = None
    row_filter: str | None = None


@dataclass(frozen=True)
class CreateFlow:
    """A flow into a streaming table that another statement creates."""

    name: str | None
    target: str
    flow: Union[Insert, Replace, Change]  # noqa: UP007 - evaluated on Python 3.10
    comment: str | None = None


@dataclass(frozen=True)
class SetValue:
    """`SET key = value`, for the statements behind it in the file."""

    key: str
    value: str


@dataclass(frozen=True)
class UseNamespace:
    """`USE CATALOG` or `USE SCHEMA`, for the statements behind it in the file."""

    catalog: str | None
    schema: str | None


@dataclass(frozen=True)
class CreateFunction:
    """A temporary function, with OR REPLACE added; Spark reads the rest."""

    name: str
    text: str


Declaration = Union[CreateDataset, CreateFlow, SetValue, UseNamespace, CreateFunction]  # noqa: UP007

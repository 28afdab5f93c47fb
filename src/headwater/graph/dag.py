"""The resolved graph of a pipeline: datasets with schemas, flows with inputs, an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pyspark.sql.types import StructType

from headwater.errors import UsageError, nearest
from headwater.graph.model import Dataset, Flow
from headwater.names import TableName


@dataclass(frozen=True)
class ResolvedFlow:
    """A flow whose query was seen: its kind is known, and what it reads.

    Attributes:
        inputs: datasets of the pipeline that the query reads, views included.
        tables: the tables behind them, with views followed to what they read.
        external: other tables that the query reads.
        schema: columns that the query gives.
        change: how an AUTO CDC flow is set up, as text, to notice a change of it.
    """

    flow: Flow
    inputs: frozenset[TableName]
    tables: frozenset[TableName]
    external: frozenset[TableName]
    schema: StructType
    change: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A pipeline that is known to be sound.

    Attributes:
        datasets: in the order in which they can be refreshed.
        schemas: columns of each dataset.
        flows: in the order of their targets; flows of views are not among them.
        views: the flows of views, which run as part of others.
    """

    datasets: Mapping[TableName, Dataset]
    schemas: Mapping[TableName, StructType]
    flows: tuple[ResolvedFlow, ...]
    views: tuple[ResolvedFlow, ...]

    def flows_into(self, table: TableName) -> tuple[ResolvedFlow, ...]:
        """Give the flows that write a table."""
        return tuple(each for each in self.flows if each.flow.target == table)

    def upstream(self, flow: ResolvedFlow) -> frozenset[TableName]:
        """Name the tables that must be finished before a flow starts."""
        return flow.tables | frozenset(flow.flow.depends_on)

    def tables(self) -> list[Dataset]:
        """List the datasets that are tables."""
        return [each for each in self.datasets.values() if not each.is_view]

    def find(self, text: str, catalog: str, schema: str) -> TableName:
        """Find a table of the pipeline by a one-, two- or three-part name.

        Raises:
            UsageError: DATASET_UNKNOWN, with the nearest name.
        """
        wanted = text.lower().replace("`", "").split(".")
        for dataset in self.tables():
            full = [catalog, schema][: 3 - len(wanted)] + wanted
            if str(dataset.name) == ".".join(full):
                return dataset.name
        names = [str(each.name) for each in self.tables()]
        short = [name.split(".")[-1] for name in names]
        raise UsageError(
            "DATASET_UNKNOWN",
            f"The pipeline has no table '{text}'",
            hint=nearest(text, names)
            or nearest(wanted[-1], short)
            or f"It has: {', '.join(names)}.",
            dataset=text,
        )


def ordered(
    names: Iterable[TableName], needs: Mapping[TableName, Iterable[TableName]]
) -> list[TableName]:
    """Sort names so that each comes after all that it needs; cycles were refused before."""
    done: dict[TableName, None] = {}

    def visit(name: TableName) -> None:
        if name in done:
            return
        for each in sorted(needs.get(name, ())):
            if each != name:
                visit(each)
        done[name] = None

    for name in names:
        visit(name)
    return list(done)

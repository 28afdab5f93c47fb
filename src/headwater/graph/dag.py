"""The resolved graph of a pipeline: datasets with schemas, flows with inputs, an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from pyspark.sql.types import StructType

from headwater.errors import HeadwaterError
from headwater.graph.model import Dataset, Flow
from headwater.names import TableName


@dataclass(frozen=True)
class QueryPlan:
    """What is known of a query.

    Attributes:
        digest: of the plan; the same for the same query, in any process.
        is_repeatable: the same rows of its inputs give the same rows again. Not so with the
            current time, random numbers, user-defined functions and files or rows of unknown age.
        is_idle_without_rows: it does nothing until one of its streams has new rows. Not so if it
            keeps state, whose time may come, or reads a stream of an unknown kind.
        calls_processor: it calls a stateful processor (`transformWithState`).
    """

    digest: str = ""
    is_repeatable: bool = False
    is_idle_without_rows: bool = False
    calls_processor: bool = False


@dataclass(frozen=True)
class ResolvedFlow:
    """A flow whose query was evaluated: its kind is known, and what it reads.

    Attributes:
        inputs: datasets of the pipeline that the query reads, views included.
        tables: the tables behind them, with views followed to what they read.
        external: other tables that the query reads.
        schema: columns of the query.
        change: how an AUTO CDC flow is set up, as text, to notice a change of it.
        plan: what its query's plan tells.
    """

    flow: Flow
    inputs: frozenset[TableName]
    tables: frozenset[TableName]
    external: frozenset[TableName]
    schema: StructType
    change: Mapping[str, str] = field(default_factory=dict)
    plan: QueryPlan = QueryPlan()


@dataclass(frozen=True)
class Graph:
    """A pipeline without faults.

    Attributes:
        datasets: in the order in which they can be refreshed.
        schemas: columns of each dataset.
        flows: in the order of their targets; flows of views are not among them.
        views: the flows of views, which run as part of others.
        warnings: findings of lint, in the order of files and lines.
        no_effect: options that are accepted and change nothing here.
    """

    datasets: Mapping[TableName, Dataset]
    schemas: Mapping[TableName, StructType]
    flows: tuple[ResolvedFlow, ...]
    views: tuple[ResolvedFlow, ...]
    warnings: tuple[HeadwaterError, ...] = ()
    no_effect: tuple[str, ...] = ()

    def flows_into(self, table: TableName) -> tuple[ResolvedFlow, ...]:
        """Return the flows that write a table."""
        return tuple(each for each in self.flows if each.flow.target == table)

    def upstream(self, flow: ResolvedFlow) -> frozenset[TableName]:
        """Name the tables that must be finished before a flow starts.

        Of a view that it depends on, these are the tables behind the view.
        """
        views = {each.flow.target: each.tables for each in self.views}
        depends = (views.get(name, frozenset({name})) for name in flow.flow.depends_on)
        return flow.tables.union(*depends)

    def tables(self) -> list[Dataset]:
        """List the datasets that are tables."""
        return [each for each in self.datasets.values() if each.is_table]

    def views_above(self, tables: frozenset[TableName]) -> frozenset[TableName]:
        """Name the views that the flows into some tables read, directly or through other views."""
        inputs = {name for flow in self.flows if flow.flow.target in tables for name in flow.inputs}
        return frozenset(view.flow.target for view in self.views_behind(inputs))

    def views_behind(self, inputs: Iterable[TableName]) -> list[ResolvedFlow]:
        """List the views among some datasets, and those that they read in turn."""
        views = {flow.flow.target: flow for flow in self.views}
        found: dict[TableName, ResolvedFlow] = {}
        waiting = sorted(inputs)
        while waiting:
            name = waiting.pop()
            if name in views and name not in found:
                found[name] = views[name]
                waiting.extend(sorted(views[name].inputs))
        return list(found.values())


def cycle_of(needs: Mapping[TableName, Iterable[TableName]]) -> list[TableName]:
    """Return names that need each other in a cycle, first and last the same; none if there is none.

    A name that needs itself alone is no cycle: a flow may read the table that it writes.
    """
    others = {name: sorted(set(of) - {name}) for name, of in needs.items()}
    try:
        TopologicalSorter(others).prepare()
    except CycleError as error:
        found: list[TableName] = error.args[1]
        return found[::-1]  # there each comes before what needs it
    return []


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

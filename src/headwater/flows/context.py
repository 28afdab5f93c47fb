"""What the flows of one pipeline share, and what attempts at them add, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import SparkSession

from headwater.bundle import PipelineSpec
from headwater.flows.journal import Journal
from headwater.flows.stopping import Stopping
from headwater.flows.tables import Tables
from headwater.graph.brokers import BrokerUse
from headwater.graph.dag import Graph
from headwater.names import TableName
from headwater.state.pipeline import PipelineState, TableState
from headwater.state.places import FlowPlaces, flow_places

SHOW_RECORDS = "headwater.expectations.showRecords"
"""Configuration key: put violating records into the errors of fail rules."""


@dataclass(frozen=True)
class PipelineContext:
    """A pipeline's graph, and where its tables and flows are: enough to look, not to run.

    Attributes:
        states: what is remembered of each table, as set-up leaves it.
        places: where each flow keeps what it knows, by the flow's name.
    """

    spec: PipelineSpec
    graph: Graph
    tables: Tables
    states: Mapping[TableName, TableState]
    places: Mapping[str, FlowPlaces]

    @property
    def spark(self) -> SparkSession:
        """The session of the update."""
        return self.tables.spark

    @property
    def state(self) -> PipelineState:
        """What the pipeline remembers."""
        return self.tables.state

    @property
    def shows_records(self) -> bool:
        """Whether errors of fail rules may hold the records that broke them."""
        return self.spec.configuration.get(SHOW_RECORDS, "").lower() == "true"


@dataclass(frozen=True)
class UpdateContext(PipelineContext):
    """One update, from the moment its tables are set up.

    Attributes:
        stopping: when set, running flows stop after what they are doing.
        brokers: those of Kafka that the pipeline uses.
        cache: what Auto Loader has learned in this process, over all updates.
        schema_changes: those of tables that began this update anew.
    """

    journal: Journal
    stopping: Stopping
    cache: dict[str, object]
    brokers: tuple[BrokerUse, ...] = ()
    schema_changes: frozenset[str] = frozenset()


def places_of(
    graph: Graph, tables: Tables, states: Mapping[TableName, TableState], pipeline_id: str
) -> dict[str, FlowPlaces]:
    """Name the places of all flows of a graph, by the flow's name."""
    return {
        flow.name: flow_places(
            tables.state,
            flow,
            states[flow.target].generation,
            table=tables.path(graph.datasets[flow.target]),
            pipeline_id=pipeline_id,
        )
        for flow in (each.flow for each in graph.flows)
    }

"""Give Auto Loader's sources their columns while a graph is resolved, and keep what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pyspark.sql import DataFrame, SparkSession

from headwater import autoloader
from headwater.analysis.schemas import access_rules
from headwater.autoloader.request import CloudFiles
from headwater.graph.brokers import BrokerUse
from headwater.graph.dag import Graph
from headwater.graph.model import Flow
from headwater.names import TableName
from headwater.state.pipeline import PipelineState
from headwater.state.sources import resolved_source

Sources = Mapping[str, list[CloudFiles]]
"""What each flow, and the flow of each view, asks of Auto Loader; by the flow's name."""


@dataclass(frozen=True)
class Resolution:
    """A resolved graph, and what its functions ask of Auto Loader.

    Attributes:
        readers: datasets whose functions read files.
        resets: datasets that start anew with this graph.
        brokers: those of Kafka that its functions and sinks use.
    """

    graph: Graph
    sources: Sources
    readers: frozenset[TableName]
    resets: frozenset[TableName]
    brokers: tuple[BrokerUse, ...] = ()


@dataclass(frozen=True)
class Inference:
    """Answers the reads of Auto Loader's sources of one resolution.

    Attributes:
        cache: what Auto Loader has learned in this process.
        resets: datasets whose sources start anew. Of a refresh that may yet be refused nothing
            stays: its flow saves the schema.
        saves: schemas that are inferred are kept.
    """

    spark: SparkSession
    state: PipelineState
    cache: dict[str, object]
    resets: frozenset[TableName]
    saves: bool
    _asked: dict[str, dict[int, CloudFiles]] = field(default_factory=dict)
    _readers: set[TableName] = field(default_factory=set)
    _brokers: list[BrokerUse] = field(default_factory=list)

    def define(self, request: CloudFiles, reader: Flow, number: int) -> DataFrame:
        """Return a frame of the source's columns, which is never run."""
        self._asked.setdefault(reader.name, {})[number] = request
        self._readers.add(reader.target)
        place = resolved_source(self.state, reader, number, self.cache, self.resets)
        if request.is_batch:
            return autoloader.define_batch(self.spark, request, place)
        saves = self.saves and reader.target not in self.resets
        return autoloader.define_stream(self.spark, request, place, save=saves)

    def note_brokers(self, uses: Iterable[BrokerUse]) -> None:
        """Note brokers that the graph uses."""
        self._brokers.extend(uses)

    def resolution(self, graph: Graph) -> Resolution:
        """Return a graph that was resolved with these answers, and what it asked for."""
        sources = {flow: list(requests.values()) for flow, requests in self._asked.items()}
        asked = [request for requests in sources.values() for request in requests]
        unused = [name for each in asked for name in autoloader.unused_options(each)]
        unused += [rule for each in graph.datasets.values() for rule in access_rules(each)]
        graph = replace(graph, no_effect=tuple(dict.fromkeys(unused)))
        readers = frozenset(self._readers)
        return Resolution(graph, sources, readers, self.resets, tuple(self._brokers))

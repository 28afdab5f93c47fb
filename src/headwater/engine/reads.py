"""Answer reads with real data, while a flow runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, Observation, SparkSession

from headwater.autoloader.request import CloudFiles
from headwater.engine.evaluate import Evaluation, evaluate, reader_with_options
from headwater.engine.store import Store
from headwater.engine.tables import Tables
from headwater.expectations.rules import QualityCounts, enforce, read_counts
from headwater.graph.dag import Graph
from headwater.graph.model import Dataset, Expectation, Flow
from headwater.names import TableName

OpenCloudFiles = Callable[[CloudFiles, Flow, int], DataFrame]


@dataclass
class Observations:
    """The observed numbers of one query: which dataset and rules each name stands for.

    A view that a query reads twice is observed twice and reported once.
    """

    batch: bool
    watched: dict[str, tuple[TableName, tuple[Expectation, ...]]] = field(default_factory=dict)
    handles: dict[str, Observation] = field(default_factory=dict)

    def watch(self, frame: DataFrame, dataset: Dataset, flow: str, show_records: bool) -> DataFrame:
        """Enforce a dataset's rules on a frame and have their numbers observed."""
        name = f"{dataset.name}#{len(self.watched)}"
        self.watched[name] = (dataset.name, dataset.expectations)
        observation: Any = name
        if self.batch:
            observation = self.handles[name] = Observation(name)
        return enforce(
            frame,
            dataset.expectations,
            observation=observation,
            flow=flow,
            show_records=show_records,
        )

    def counts(self, observed: dict[str, dict[str, int | None]]) -> dict[TableName, QualityCounts]:
        """Read the numbers of one micro-batch or batch, by dataset."""
        found: dict[TableName, QualityCounts] = {}
        for name, (dataset, rules) in self.watched.items():
            if name in observed and dataset not in found:
                found[dataset] = read_counts(observed[name], rules, str(dataset))
        return found


@dataclass
class FlowReads:
    """The `DatasetSource` of a running flow."""

    spark: SparkSession
    graph: Graph
    tables: Tables
    flow: Flow
    observations: Observations
    open_cloud_files: OpenCloudFiles
    store: Store
    catalog: str
    schema: str
    show_records: bool = False
    sources: int = 0

    def owns(self, name: TableName) -> bool:
        return name in self.graph.datasets

    def dataset_names(self) -> list[str]:
        return [str(name) for name in self.graph.datasets]

    def read(self, name: TableName, *, streaming: bool, reader: Any) -> DataFrame:
        dataset = self.graph.datasets[name]
        if dataset.is_view:
            return self._read_view(dataset)
        source = reader_with_options(self.spark, reader, streaming)
        frame: DataFrame = source.load(str(self.tables.path(dataset)))
        return frame

    def cloud_files(self, request: CloudFiles, number: int) -> DataFrame:
        del number  # a view's sources count on, so the flow counts over all functions it runs
        index, self.sources = self.sources, self.sources + 1
        return self.open_cloud_files(request, self.flow, index)

    def query(self, flow: Flow) -> DataFrame:
        """Evaluate a flow's function on real data."""
        evaluation = Evaluation(self, self.store, self.catalog, self.schema)
        return evaluate(flow.query, evaluation, str(flow.target))

    def _read_view(self, dataset: Dataset) -> DataFrame:
        flow = next(each.flow for each in self.graph.views if each.flow.target == dataset.name)
        frame = self.query(flow)
        if not dataset.expectations:
            return frame
        return self.observations.watch(frame, dataset, self.flow.name, self.show_records)

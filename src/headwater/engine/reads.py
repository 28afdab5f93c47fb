"""Answer reads with real data, while a flow runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, SparkSession

from headwater.autoloader.request import CloudFiles
from headwater.engine.tables import Tables
from headwater.expectations.rules import QualityCounts, enforce, read_counts
from headwater.graph.dag import Graph
from headwater.graph.model import Dataset, Expectation, Flow
from headwater.names import TableName
from headwater.sandbox.evaluate import Evaluation, evaluate, reader_with_options

OpenCloudFiles = Callable[[CloudFiles, Flow, int], DataFrame]


@dataclass
class Observations:
    """Maps observation names to datasets and rules.

    A view that a query reads twice is observed twice and reported once.
    """

    batch: bool
    watched: dict[str, tuple[TableName, tuple[Expectation, ...]]] = field(default_factory=dict)
    handles: dict[str, Observation] = field(default_factory=dict)

    def watch(
        self,
        frame: DataFrame,
        dataset: Dataset,
        flow: str,
        show_records: bool,
        spared: Column | None = None,
    ) -> DataFrame:
        """Enforce a dataset's rules on a frame and have their numbers observed.

        Args:
            spared: condition of rows that no rule drops.
        """
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
            spared=spared,
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
    """Reads the inputs of a running flow, its own query's and those of the views on the way."""

    spark: SparkSession
    graph: Graph
    tables: Tables
    flow: Flow
    observations: Observations
    open_cloud_files: OpenCloudFiles
    catalog: str
    schema: str
    show_records: bool = False

    def query(self, flow: Flow) -> DataFrame:
        """Evaluate a flow's function on real data."""
        source = _FunctionReads(self, flow)
        store = self.tables.store
        return evaluate(flow, Evaluation(source, self.spark, store, self.catalog, self.schema))

    def view(self, dataset: Dataset) -> DataFrame:
        """Evaluate the query of a view, with the view's rules enforced."""
        flow = next(each.flow for each in self.graph.views if each.flow.target == dataset.name)
        frame = self.query(flow)
        if not dataset.expectations:
            return frame
        return self.observations.watch(frame, dataset, self.flow.name, self.show_records)


@dataclass(frozen=True)
class _FunctionReads:
    """The `DatasetSource` of one function."""

    reads: FlowReads
    reader: Flow

    def owns(self, name: TableName) -> bool:
        return name in self.reads.graph.datasets

    def dataset_names(self) -> list[str]:
        return [str(name) for name in self.reads.graph.datasets]

    def read(self, name: TableName, *, streaming: bool, reader: Any) -> DataFrame:
        dataset = self.reads.graph.datasets[name]
        if dataset.is_view:
            return self.reads.view(dataset)
        source = reader_with_options(self.reads.spark, reader, streaming)
        frame: DataFrame = source.load(str(self.reads.tables.path(dataset)))
        return frame

    def cloud_files(self, request: CloudFiles, number: int) -> DataFrame:
        return self.reads.open_cloud_files(request, self.reader, number)

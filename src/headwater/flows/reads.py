"""Answer reads with real data, while a flow runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import DataFrame

from headwater import autoloader
from headwater.autoloader.request import CloudFiles
from headwater.flows.context import UpdateContext
from headwater.flows.observations import Observations
from headwater.graph.model import Dataset, Flow
from headwater.names import TableName
from headwater.sandbox.evaluate import evaluate
from headwater.sandbox.evaluation import Evaluation
from headwater.sandbox.interception import reader_with_options
from headwater.sandbox.snapshots import Snapshot, next_snapshot
from headwater.state.snapshots import Version
from headwater.state.sources import FlowSources


@dataclass(frozen=True)
class FlowReads:
    """Reads the inputs of a running flow, its own query's and those of the views on the way.

    Attributes:
        sources: where its Auto Loader sources keep their state.
        observations: count the rules of the views.
    """

    context: UpdateContext
    sources: FlowSources
    observations: Observations

    def query(self, flow: Flow) -> DataFrame:
        """Evaluate a flow's function on real data."""
        return evaluate(flow, self._evaluation(flow))

    def next_snapshot(self, flow: Flow, latest: Version | None) -> Snapshot | None:
        """Ask a flow's function for the snapshot after the latest, on real data."""
        return next_snapshot(flow, replace(self._evaluation(flow), may_look=True), latest)

    def _evaluation(self, flow: Flow) -> Evaluation:
        context = self.context
        source = _FunctionReads(self, flow)
        home = (context.spec.catalog, context.spec.schema)
        store = context.tables.store
        return Evaluation(source, context.spark, store, flow.namespace, home)

    def view(self, dataset: Dataset) -> DataFrame:
        """Evaluate the query of a view, with the view's rules enforced."""
        views = (each.flow for each in self.context.graph.views)
        frame = self.query(next(each for each in views if each.target == dataset.name))
        return self.observations.watch(frame, dataset) if dataset.expectations else frame

    def files(self, request: CloudFiles, reader: Flow, number: int) -> DataFrame:
        """Open an Auto Loader source of the flow, or of a view on the way."""
        place = self.sources.open(request, reader, number)
        open_files = autoloader.open_batch if request.is_batch else autoloader.open_stream
        shown = self.context.tables.store.shown_path(request.path)
        with self.context.journal.listing(reader, shown) as counts:
            return open_files(self.context.spark, request, replace(place, counts=counts))


@dataclass(frozen=True)
class _FunctionReads:
    """The `DatasetSource` of one function."""

    reads: FlowReads
    reader: Flow

    def owns(self, name: TableName) -> bool:
        return name in self.reads.context.graph.datasets

    def dataset_names(self) -> list[str]:
        return [str(name) for name in self.reads.context.graph.datasets]

    def read(self, name: TableName, *, streaming: bool, reader: Any) -> DataFrame:
        context = self.reads.context
        dataset = context.graph.datasets[name]
        if dataset.is_view:
            return self.reads.view(dataset)
        source = reader_with_options(context.spark, reader, streaming)
        frame: DataFrame = source.load(str(context.tables.path(dataset)))
        return frame

    def cloud_files(self, request: CloudFiles, number: int) -> DataFrame:
        return self.reads.files(request, self.reader, number)

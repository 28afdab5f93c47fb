"""Remember where the inputs of each flow stood when the flow was last done with them.

A flow whose inputs have not moved since has nothing to do: a stream would find no row, and a
materialized view would have the same rows again. What counts as input is everything the answer
rests on: the tables' commits, the listing of Auto Loader's files, the plan, the source's text, the
configuration and the versions of this package and of Spark. What can't be told is run.

A standing is looked up before the flow reads, and noted after it has ended. A kill between the two
leaves none, and the flow runs again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from headwater import autoloader
from headwater.autoloader.request import CloudFiles
from headwater.bundle import PipelineSpec
from headwater.engine.overwrite import last_commit
from headwater.engine.tables import Tables
from headwater.errors import HeadwaterError, Location
from headwater.files import write_atomic
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.graph.model import Dataset, FlowKind
from headwater.names import TableName

_VERSIONS = f"{importlib.metadata.version('headwater')} {pyspark.__version__}"

Sources = Mapping[str, list[CloudFiles]]
"""What each flow, and the flow of each view, asks of Auto Loader; by the flow's name."""


@dataclass(frozen=True)
class Standings:
    """Where the inputs of one pipeline's flows stand.

    Attributes:
        source_digest: of the source's text.
    """

    spark: SparkSession
    spec: PipelineSpec
    graph: Graph
    tables: Tables
    sources: Sources
    source_digest: str

    def now(self, resolved: ResolvedFlow) -> str | None:
        """Return where the inputs of a flow stand; None when that can't be told.

        Lists folders and reads the newest commit of each table; starts no job.
        """
        views = self.graph.views_behind(resolved.inputs)
        if not all(self._can_rest(each, resolved) for each in (resolved, *views)):
            return None
        try:
            facts = [_VERSIONS, self.source_digest, *self._facts(resolved, views)]
        except (OSError, ValueError, HeadwaterError):
            return None  # whatever is wrong with an input, the flow that reads it says best
        return hashlib.sha256("\0".join(facts).encode()).hexdigest()

    def is_done(self, resolved: ResolvedFlow, standing: str) -> bool:
        """Whether the flow was done with its inputs as they stand, and its table is as it left it.

        Rows of a streaming table may have been changed by hand: a stream never looks at them.
        """
        try:
            noted = json.loads(self._file(resolved).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(noted == {"inputs": standing, "target": self._target(resolved)})

    def note(self, resolved: ResolvedFlow, standing: str) -> None:
        """Note that the flow is done with its inputs as they stood; durable when this returns."""
        noted = {"inputs": standing, "target": self._target(resolved)}
        write_atomic(self._file(resolved), json.dumps(noted))

    def forget(self, resolved: ResolvedFlow) -> None:
        """Forget where the inputs stood: the flow is about to run."""
        self._file(resolved).unlink(missing_ok=True)

    def _can_rest(self, each: ResolvedFlow, of: ResolvedFlow) -> bool:
        is_batch = of.flow.kind is FlowKind.COMPLETE
        return each.plan.is_repeatable if is_batch else each.plan.is_idle_without_rows

    def _facts(self, resolved: ResolvedFlow, views: list[ResolvedFlow]) -> Iterator[str]:
        yield repr(sorted(self.spec.configuration.items()))
        yield repr(sorted(resolved.flow.spark_conf.items()))
        for each in (resolved, *sorted(views, key=lambda view: view.flow.name)):
            yield each.flow.name
            yield _described(self.graph.datasets[each.flow.target])
            yield each.plan.digest
            for request in self.sources.get(each.flow.name, ()):
                yield autoloader.listing_digest(self.spark, request)
            for name in sorted(each.tables | each.external):
                yield f"{name} {last_commit(self._path(name))}"

    def _path(self, name: TableName) -> Path:
        dataset = self.graph.datasets.get(name)
        if dataset is not None:
            return self.tables.path(dataset)
        known = (
            each
            for each in self.tables.store.tables()
            if (each.schema, each.table) == (name.schema, name.table)
        )
        return self.tables.store.table_path(next(known, name))

    def _target(self, resolved: ResolvedFlow) -> str:
        if resolved.flow.kind is not FlowKind.COMPLETE:
            return ""
        return last_commit(self.tables.path(self.graph.datasets[resolved.flow.target]))

    def _file(self, resolved: ResolvedFlow) -> Path:
        flow = resolved.flow
        generation = self.tables.state.generation(flow.target)
        return self.tables.state.standing(flow.target, flow.name, generation)


def _described(dataset: Dataset) -> str:
    """Write out how a dataset is declared, wherever that stands."""
    return repr(replace(dataset, location=Location("")))

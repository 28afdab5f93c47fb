"""Remember where the inputs of each flow stood when the flow was last done with them.

A flow whose inputs have not moved since has nothing to do: a stream would find no row, and a
materialized view would have the same rows again. What counts as input is everything the answer
rests on: the tables' commits, the listing of Auto Loader's files, the plan, the source's text, the
configuration and the versions of this package and of Spark. What can't be told is run.

A standing is looked up before the flow reads, and noted after it has ended. After a kill between
the two the flow is not done, and runs again.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyspark

from headwater import autoloader
from headwater.analysis.inference import Sources
from headwater.errors import HeadwaterError, Location
from headwater.flows.context import PipelineContext
from headwater.flows.writes import write_of
from headwater.graph.dag import ResolvedFlow
from headwater.graph.model import Dataset
from headwater.names import TableName
from headwater.state.checkpoints import newest_batch
from headwater.state.places import FlowPlaces
from headwater.state.standing import Standing, last_commit, read_standing, write_standing
from headwater.state.waiting import bytes_below

_VERSIONS = f"{importlib.metadata.version('headwater')} {pyspark.__version__}"


@dataclass(frozen=True)
class Standings:
    """Where the inputs of one pipeline's flows stand.

    Attributes:
        source_digest: of the source's text.
    """

    context: PipelineContext
    sources: Sources
    source_digest: str

    def now(self, resolved: ResolvedFlow) -> Standing | None:
        """Return where the inputs of a flow stand; None when one can't be looked at.

        Lists folders and reads the newest commit of each table; starts no job.
        """
        views = self.context.graph.views_behind(resolved.inputs)
        flows = (resolved, *views)
        asked = [request for each in flows for request in self.sources.get(each.flow.name, ())]
        names = {name for each in flows for name in each.tables | each.external}
        try:
            folders = sorted({autoloader.base_folder(each) for each in asked})
            files = {folder: bytes_below(folder) for folder in folders}
            tables = {str(self.path(each)): last_commit(self.path(each)) for each in sorted(names)}
            digest = None
            if all(self._can_rest(each, resolved) for each in flows):
                listed = [autoloader.listing_digest(self.context.spark, each) for each in asked]
                facts = (*self._facts(flows), *listed, repr(sorted(tables.items())))
                digest = hashlib.sha256("\0".join(facts).encode()).hexdigest()
        except (OSError, ValueError, HeadwaterError):
            return None  # whatever is wrong with an input, the flow that reads it says best
        return Standing(digest, files, tables, self._rereads(resolved, tables))

    def is_done(self, resolved: ResolvedFlow, standing: Standing) -> bool:
        """Whether the flow was done with its inputs as they stand, and its table is as it left it.

        Rows of a streaming table may have been changed by hand: a stream never looks at them.
        """
        noted = read_standing(self._places(resolved).standing)
        if noted is None or standing.digest is None or noted.digest != standing.digest:
            return False
        return noted.target == self._target(resolved)

    def note(self, resolved: ResolvedFlow, standing: Standing) -> None:
        """Note that the flow is done with its inputs as they stood; durable when this returns.

        Nothing is noted if others wrote to its table meanwhile: their rows are not the flow's.
        """
        file = self._places(resolved).standing
        begun = read_standing(file)
        target = self._target(resolved)
        if write_of(resolved.flow).recomputes:
            dataset = self.context.graph.datasets[resolved.flow.target]
            own = 2 if dataset.cluster_by else 1
            if begun is None or _version(target) - _version(begun.target) > own:
                return
        write_standing(file, replace(standing, target=target))

    def begin(self, resolved: ResolvedFlow, standing: Standing | None) -> None:
        """Note that the flow is about to run, and so is not done; durable when this returns."""
        file = self._places(resolved).standing
        noted = read_standing(file)
        for each in file.parent.glob("*.json"):  # those of before a full refresh too
            if each != file or standing is None:
                each.unlink()
        if standing is not None:
            begun = replace(_begun(standing, noted), target=self._target(resolved))
            write_standing(file, begun)

    def _can_rest(self, each: ResolvedFlow, of: ResolvedFlow) -> bool:
        write = write_of(of.flow)
        if write.always_runs:
            return False
        return each.plan.is_repeatable if write.recomputes else each.plan.is_idle_without_rows

    def _facts(self, flows: Sequence[ResolvedFlow]) -> Iterator[str]:
        yield _VERSIONS
        yield self.source_digest
        yield repr(sorted(self.context.spec.configuration.items()))
        yield repr(sorted(flows[0].flow.spark_conf.items()))
        for each in flows:
            yield each.flow.name
            yield _described(self.context.graph.datasets[each.flow.target])
            yield each.plan.digest

    def _rereads(self, resolved: ResolvedFlow, tables: Mapping[str, str]) -> tuple[str, ...]:
        """Name the tables that are read or rewritten whole once there is something new."""
        write = write_of(resolved.flow)
        own = (str(self._places(resolved).table),) if write.merges else ()
        return (*tables, *own) if write.recomputes else own

    def path(self, name: TableName) -> Path:
        """Name the folder of a table that the pipeline makes or reads."""
        dataset = self.context.graph.datasets.get(name)
        if dataset is not None:
            return self.context.tables.path(dataset)
        store = self.context.tables.store
        exact = store.table_path(name)
        if (exact / "_delta_log").is_dir():
            return exact
        known = (  # catalogs share their schemas: the name of another may stand for it
            each
            for each in store.tables()
            if (each.schema, each.table) == (name.schema, name.table)
        )
        found = next(known, None)
        return exact if found is None else store.table_path(found)

    def _target(self, resolved: ResolvedFlow) -> str:
        """Identify what the flow left: its newest commit, or the newest batch of its checkpoint."""
        places = self._places(resolved)
        if write_of(resolved.flow).recomputes:
            return last_commit(places.table)
        return " ".join(
            str(newest_batch(places.checkpoint / part)) for part in ("offsets", "commits")
        )

    def _places(self, resolved: ResolvedFlow) -> FlowPlaces:
        return self.context.places[resolved.flow.name]


def _described(dataset: Dataset) -> str:
    """Write out how a dataset is declared, wherever that stands."""
    return repr(replace(dataset, location=Location("")))


def _begun(standing: Standing, noted: Standing | None) -> Standing:
    """Return what a flow had read before it began: all that is new to it still waits."""
    files = {path: noted.files.get(path, 0) if noted else 0 for path in standing.files}
    tables = {path: noted.tables.get(path, "") if noted else "" for path in standing.tables}
    return replace(standing, digest=None, files=files, tables=tables)


def _version(commit: str) -> int:
    return int(commit.partition(".")[0])

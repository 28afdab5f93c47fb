"""One run of a pipeline in a state folder of its own, with a clock that stands still."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyspark.sql import SparkSession

from headwater import autoloader
from headwater.cdc import START, SYSTEM_START
from headwater.engine.preview import Preview
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.errors import HeadwaterError, UpdateError, all_faults
from headwater.events.report import FlowTotals, RuleTotals, UpdateReport
from headwater.flows.tables import Tables
from headwater.graph.dag import Graph
from headwater.graph.model import Dataset, Flow
from headwater.graph.registry import Registry
from headwater.sandbox.clock import Clock
from headwater.state.catalog import entered
from headwater.state.pipeline import PipelineState
from headwater.state.target import Target


@dataclass(frozen=True)
class RunTable:
    """A table that a run has written.

    Attributes:
        path: its folder, relative to the state folder.
        keys: columns that identify a row; empty where nothing is known to.
    """

    path: Path
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """What came of a run.

    Attributes:
        tables: by name; those that only the pipeline sees are left out.
        rules: totals of each expectation, by dataset and name.
        error: with which the update ended.
    """

    tables: Mapping[str, RunTable]
    rules: Mapping[tuple[str, str], RuleTotals]
    error: HeadwaterError | None
    seconds: float = 0.0


def run_apart(spark: SparkSession, target: Target, pipeline: str, moment: datetime) -> Run:
    """Run one update of a pipeline in an empty target.

    Sinks and event hooks are left out, and with them their flows: nothing is sent to anybody.

    Args:
        moment: what queries take for the current time.

    Raises:
        GraphError: the source has faults, or writes outside of the state folder.
    """
    spec = target.bundle.pipeline(pipeline)
    clock = Clock(spark)

    def adapt(registry: Registry) -> None:
        _keep_inside(registry)
        clock.apply_to_rules(registry)

    updater = Updater(spark, target.bundle, spec, target.store, adapt=adapt)
    started = time.monotonic()
    with entered(spark, target):
        clock.set(moment)
        try:
            with clock.applied():
                check_harmless(updater.preview(UpdateRequest()))
                result = updater.run(UpdateRequest())
        finally:
            clock.release()
    state = PipelineState(target.store.pipeline_path(spec.key))
    tables = Tables(spark, target.store, state)
    return Run(
        {
            str(each.name): RunTable(
                tables.path(each).relative_to(target.store.root), _keys(result.graph, each)
            )
            for each in result.graph.tables()
            if not each.private and (tables.path(each) / "_delta_log").is_dir()
        },
        _rules(result.flows),
        result.error,
        time.monotonic() - started,
    )


def check_harmless(preview: Preview) -> None:
    """Refuse an update that would change what is outside of its state folder.

    Raises:
        GraphError: COMPARE_WRITES_OUTSIDE, for each table with a path of its own, and each folder
            that Auto Loader cleans up or writes to.
    """
    context = preview.context
    root = context.tables.store.root
    with all_faults() as faults:
        for dataset in context.graph.tables():
            with faults:
                if dataset.path and not context.tables.path(dataset).is_relative_to(root):
                    raise _outside(f"the table '{dataset.name}' has a path of its own", dataset)
        flows = {each.flow.name: each.flow for each in (*context.graph.flows, *context.graph.views)}
        for name, requests in preview.standings.sources.items():
            written = [each for one in requests for each in autoloader.written_folders(one)]
            for folder in written:
                with faults:
                    if not Path(folder).is_relative_to(root):
                        raise _outside(f"Auto Loader writes to {folder}", flows[name])


def _outside(what: str, declared: Dataset | Flow) -> UpdateError:
    return UpdateError(
        "COMPARE_WRITES_OUTSIDE",
        f"A comparison would change files of others: {what}",
        where=declared.location,
        hint="Let it depend on a variable, and pass another value with --var.",
    )


def _keep_inside(registry: Registry) -> None:
    """Leave out what sends something to others: sinks with their flows, and event hooks."""
    sinks = {name for name, each in registry.datasets.items() if each.sink}
    registry.datasets = {k: each for k, each in registry.datasets.items() if k not in sinks}
    registry.flows = {k: each for k, each in registry.flows.items() if each.target not in sinks}
    registry.hooks.clear()


def _keys(graph: Graph, dataset: Dataset) -> tuple[str, ...]:
    """Return what AUTO CDC identifies rows by, with the beginnings of their versions."""
    keys: tuple[str, ...] = ()
    for flow in (each.flow for each in graph.flows_into(dataset.name)):
        change = flow.change or flow.snapshots
        if change is None:
            return ()
        keys = tuple(change.keys)
    names = graph.schemas[dataset.name].fieldNames()
    return (*keys, *(each for each in (START, SYSTEM_START) if each in names)) if keys else ()


def _rules(flows: Sequence[FlowTotals]) -> dict[tuple[str, str], RuleTotals]:
    return UpdateReport(flows={each.flow: each for each in flows}).rules

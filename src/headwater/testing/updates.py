"""Run the updates of a pipeline under test, and keep what the last one told."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater, UpdateResult
from headwater.errors import HeadwaterError, UsageError, nearest
from headwater.events.report import UpdateReport, with_event
from headwater.events.rows import Event
from headwater.flows.context import SHOW_RECORDS
from headwater.flows.tables import Tables
from headwater.graph.dag import Graph
from headwater.graph.model import Dataset
from headwater.graph.registry import Registry
from headwater.graph.selection import ALL, unknown_dataset
from headwater.names import TableName, table_name
from headwater.sandbox.clock import Clock
from headwater.sandbox.failures import opened
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store
from headwater.testing.definition import Definition
from headwater.testing.kills import Kill, Killed, forget_commit

KILLED = "KILLED"
"""State of an update that died, beside those of every update."""


@dataclass(frozen=True)
class Request:
    """What to do in an update of a test.

    Attributes:
        tables: to refresh; all when empty.
        full_refresh: everything, or these tables.
        dies_after: the table after which the update dies.
        loses_commit: it dies before what wrote that table has noted its last batch as done.
    """

    tables: tuple[str, ...] = ()
    full_refresh: bool | Sequence[str] = False
    dies_after: str | None = None
    loses_commit: bool = False

    def for_update(self) -> UpdateRequest:
        """Return it as the engine takes it."""
        named = () if isinstance(self.full_refresh, bool) else tuple(self.full_refresh)
        full = ALL if self.full_refresh is True else named
        return UpdateRequest(refresh=self.tables, full_refresh=full)


@dataclass
class Updates:
    """The updates of one pipeline in one target.

    Attributes:
        report: what the events of the last update add up to.
        datasets: what the source declared last, without those that the test feeds.
        flows: their flows, by the table they write.
    """

    spark: SparkSession
    store: Store
    definition: Definition
    fed: frozenset[TableName] = frozenset()
    clock: Clock | None = None
    report: UpdateReport = field(default_factory=UpdateReport)
    datasets: dict[TableName, Dataset] = field(default_factory=dict)
    flows: list[tuple[TableName, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def state(self) -> PipelineState:
        """What the pipeline remembers."""
        return PipelineState(self.store.pipeline_path(self.definition.spec.key))

    def path(self, dataset: Dataset) -> Path:
        """Name the folder of a dataset's table.

        Raises:
            UsageError: TABLE_IS_VIEW.
        """
        if dataset.is_view:
            raise UsageError(
                "TABLE_IS_VIEW",
                f"'{dataset.name}' is a view, which has no rows of its own",
                hint="Assert on a table that reads it.",
            )
        return Tables(self.spark, self.store, self.state).path(dataset)

    def validate(self) -> Graph:
        """Resolve the graph; nothing is written.

        Raises:
            GraphError: with all faults of the source.
        """
        return self._updater(None).run(UpdateRequest(validate_only=True)).graph

    def run(self, request: Request) -> UpdateResult:
        """Run one update.

        Raises:
            HeadwaterError: what it fails with.
            UsageError: DATASET_UNKNOWN, SOURCE_UNREAD.
        """
        __tracebackhide__ = True
        self.report = UpdateReport()
        kill = Kill(self._name(request.dies_after)) if request.dies_after else None
        try:
            result = self._updater(kill).run(request.for_update())
        except Killed:
            for table, flow in self.flows:
                if kill is not None and request.loses_commit and table == kill.table:
                    forget_commit(self.state, table, flow)
            return UpdateResult(
                KILLED, (), tuple(self.report.flows.values()), Graph({}, {}, (), ())
            )
        except HeadwaterError as error:
            raise error.with_traceback(None) from None  # the way to it says nothing of the test
        if result.error is not None:
            raise opened(result.error) from None
        self._check_read(result.graph)
        return result

    def _updater(self, kill: Kill | None) -> Updater:
        """Return what runs one update, as a new process would: it knows nothing of the last.

        Errors hold the records that broke a rule: a test's rows are its own.
        """
        shown = {SHOW_RECORDS: "true", **self.definition.spec.configuration}
        definition = self.definition.with_spec(configuration=shown)

        def listen(event: Event) -> None:
            with self._lock:
                self.report = with_event(self.report, event)
            if kill is not None:
                kill.listen(event)

        def adapt(registry: Registry) -> None:
            self._adapt(registry)
            if kill is not None:
                known(kill.table, str(kill.table), self.datasets)

        return Updater(
            self.spark, definition.bundle, definition.spec, self.store, listen, adapt=adapt
        )

    def _adapt(self, registry: Registry) -> None:
        self.definition.declare(registry)
        names = {self._name(each): each for each in self.definition.only}
        for name, text in names.items():
            known(name, text, registry.datasets)
        left = set(names or registry.datasets) - self.fed
        registry.datasets = {k: each for k, each in registry.datasets.items() if k in left}
        registry.flows = {k: each for k, each in registry.flows.items() if each.target in left}
        if self.clock is not None:
            self.clock.apply_to_rules(registry)
        self.datasets = dict(registry.datasets)
        self.flows = [(each.target, each.name) for each in registry.flows.values()]

    def _check_read(self, graph: Graph) -> None:
        """Refuse a table that was fed and that nothing reads: its name is misspelt."""
        read = {name for flow in (*graph.flows, *graph.views) for name in flow.external}
        for name in sorted(self.fed - read):
            raise UsageError(
                "SOURCE_UNREAD",
                f"Nothing in the pipeline reads '{name}', to which the test sends rows",
                hint=nearest(str(name), map(str, [*read, *graph.datasets]))
                or "Name a table that the pipeline reads, or one of its datasets.",
                table=str(name),
            )

    def _name(self, text: str) -> TableName:
        return table_name(text, self.definition.spec.catalog, self.definition.spec.schema)


def check_killed(results: Sequence[UpdateResult], table: str | None) -> None:
    """Check that at least one update died after a table, if it had to.

    Raises:
        UsageError: KILL_MISSED.
    """
    if table is not None and all(each.state != KILLED for each in results):
        raise UsageError(
            "KILL_MISSED",
            f"No update was killed: none wrote '{table}'",
            hint="Name a table that the update refreshes.",
            table=table,
        )


def check_texts(names: Sequence[object]) -> None:
    """Check that names are texts, and not lists of them.

    Raises:
        UsageError: NAME_INVALID.
    """
    for each in names:
        if not isinstance(each, str):
            raise UsageError(
                "NAME_INVALID",
                f"The name of a table is a text, not a {type(each).__name__}",
                hint="Write each name by itself: run('bronze', 'silver').",
            )


def known(name: TableName, text: str, names: Collection[TableName]) -> TableName:
    """Check that a dataset is one of those that there are.

    Raises:
        UsageError: DATASET_UNKNOWN.
    """
    if name in names:
        return name
    raise unknown_dataset(text, name, names, "dataset")

"""The pipeline of a test: load it, feed its sources, run it, look at what came of it.

What does not live here: sources (`sources`), assertions on tables (`tables`), totals (`results`),
disturbed repeats (`twins`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql.types import StructType

from headwater.bundle import load_bundle
from headwater.engine.update import UpdateResult
from headwater.errors import UsageError
from headwater.events.query import read_events
from headwater.events.report import FlowTotals, RuleTotals
from headwater.graph.dag import Graph
from headwater.names import TableName, table_name
from headwater.sandbox.clock import Clock
from headwater.settings import bundle_environment, read_settings
from headwater.state.pipeline import PipelineState
from headwater.testing import results, sources, twins
from headwater.testing.definition import Definition, Function, empty_definition, source_files
from headwater.testing.rows import check_columns, schema_of
from headwater.testing.sources import Source
from headwater.testing.stage import Stage
from headwater.testing.tables import Table, assert_same_tables
from headwater.testing.updates import Request, Updates, check_killed, check_texts, known


class Pipeline:
    """A pipeline in a target of its own, in the session that all tests share.

    Example:
        >>> def test_silver_drops_old_rows(pipeline):
        ...     pipeline.load("pipelines/events.py")
        ...     pipeline.source("/Volumes/main/raw/landing").send([{"id": 1, "age": -1}])
        ...     pipeline.run()
        ...     pipeline.table("silver").assert_rows([])
    """

    def __init__(self, stage: Stage, clock: Clock, root: Path) -> None:
        self._stage = stage
        self._clock = clock
        self._root = root
        self._store = stage.new_store()
        self._definition = empty_definition(root)
        self._sources = sources.Sources(stage.spark, self._store, root)
        self._steps: list[twins.Step] = []
        self._updates: Updates | None = None

    # what it is

    def load(
        self,
        *paths: str | Path,
        catalog: str | None = None,
        schema: str | None = None,
        configuration: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Pipeline:
        """Load source files, and those of folders; return the pipeline.

        What is left out stays as a call before this one has set it.

        Args:
            paths: relative ones start at pytest's root directory.
            catalog: of names that have none; `main` at first.
            schema: of names that have none; `test` at first.
            configuration: what `spark.conf.get` returns.
            parameters: values of `:name` in SQL.

        Raises:
            UsageError: SOURCE_MISSING; SOURCE_NAMED_BEFORE, for a source that got its full name
                by another catalog or schema.
        """
        given = {
            "catalog": catalog,
            "schema": schema,
            "configuration": None if configuration is None else dict(configuration),
            "parameters": None if parameters is None else dict(parameters),
        }
        changes = {key: value for key, value in given.items() if value is not None}
        files = source_files(paths, self._root)
        return self._redefined(self._definition.with_files(files).with_spec(**changes))

    def _redefined(self, definition: Definition) -> Pipeline:
        spec = definition.spec
        self._sources.check_names(lambda text: table_name(text, spec.catalog, spec.schema))
        self._definition = definition
        return self

    def from_bundle(
        self,
        folder: str | Path = ".",
        key: str | None = None,
        *,
        target: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Pipeline:
        """Load a pipeline as a bundle describes it; return the pipeline.

        Tables and volumes are the test's own: those of `headwater run` are not touched.

        Args:
            key: its key under `resources.pipelines`; not needed where there is only one.

        Raises:
            BundleError: whatever is wrong with the bundle.
            UsageError: SOURCE_NAMED_BEFORE.
        """
        bundle = load_bundle(
            self._root / folder,
            target=target,
            variables=variables,
            environment=bundle_environment(),
            user_name=read_settings().user_name,
        )
        spec = bundle.pipeline(key)
        return self._redefined(Definition(bundle, spec, self._definition.functions))

    def define(self, function: Function) -> Function:
        """Take what a function of the test declares; it stands for a source file.

        Args:
            function: takes what it needs of `dp`, `dlt`, `spark`, `dbutils` and `display`.

        Raises:
            UsageError: DEFINITION_PARAMETER.

        Example:
            >>> @pipeline.define
            ... def tables(dp, spark):
            ...     @dp.materialized_view
            ...     def adults():
            ...         return spark.read.table("people").where("age >= 18")
        """
        self._definition = self._definition.with_function(function)
        return function

    def sql(self, text: str) -> Pipeline:
        """Take what a SQL text declares, as a `.sql` file would; return the pipeline."""
        number = len(self._definition.spec.source_files) + 1
        file = self._stage.folder / f"source_{number}.sql"
        file.write_text(text)
        self._definition = self._definition.with_files([file])
        return self

    def only(self, *datasets: str) -> Pipeline:
        """Leave out all datasets but these, to test them alone; return the pipeline.

        What they read has to be fed with `source`, or be named here as well.

        Raises:
            UsageError: DATASET_UNKNOWN, by the next update.
        """
        self._definition = replace(self._definition, only=datasets)
        return self

    # what it reads

    def source(
        self, name: str, *, format: str | None = None, schema: str | StructType | None = None
    ) -> Source:
        """Return a source to send batches to; the same one whenever it is asked for.

        Args:
            name: a folder, `/Volumes/<catalog>/<schema>/<volume>/...`; or a table that others
                make; or a dataset of the pipeline, whose query is then left out.
            format: of files: json, if it is not csv, parquet or text.
            schema: columns of rows, as DDL; without it the types of the values.

        Raises:
            UsageError: SOURCE_DIFFERS for another format or schema than at first; SCHEMA_INVALID,
                VOLUME_UNKNOWN, PATH_OUTSIDE_VOLUME.

        Example:
            >>> pipeline.source("bronze.events", schema="id INT").send([{"id": 1}])
        """
        columns = None if schema is None else schema_of(schema)
        if name.startswith(sources.VOLUMES):
            return self._sources.folder(name, format, columns)
        self._enter()
        return self._sources.table(name, self._name(name), format, columns)

    def freeze(self, time: str | datetime | None) -> None:
        """Let queries see one time as the current one; None lets it go on.

        `current_timestamp`, `now`, `current_date`, `curdate` and `localtimestamp` return it, in
        Python and in SQL.

        Args:
            time: in UTC where it has no offset.

        Raises:
            UsageError: CLOCK_INVALID.
        """
        self._clock.set(time)

    # runs

    def run(
        self,
        *tables: str,
        up_to: str | None = None,
        full_refresh: bool | str | Sequence[str] = False,
        kill_after: str | None = None,
        kill_within: str | None = None,
    ) -> UpdateResult:
        """Run one update on all that was sent; raise what it fails with.

        Args:
            tables: the only ones to refresh; all when none are named.
            up_to: refresh this one and all that it is computed from.
            full_refresh: recompute everything, or the named table or tables.
            kill_after: let the update die once this table is written, before any other reads it.
            kill_within: the same, before its flows have noted that the last batch is done.

        Raises:
            GraphError: the source has faults; nothing was written.
            HeadwaterError: what the update fails with.
            UsageError: DATASET_UNKNOWN; SOURCE_EMPTY for a table that was not sent anything;
                SOURCE_UNREAD for one that nothing reads; KILL_MISSED; NAME_INVALID.
        """
        __tracebackhide__ = True
        check_texts(tables)
        full = (full_refresh,) if isinstance(full_refresh, str) else full_refresh
        request = Request(tables, full, kill_after or kill_within, bool(kill_within))
        if up_to is not None:
            request = replace(request, tables=self._behind(up_to))
        result = self._run(request)
        check_killed([result], request.dies_after)
        self._steps.append(twins.Step(tuple(self._sources.sent), request, self._clock.time))
        self._sources.sent.clear()
        return result

    def validate(self) -> Graph:
        """Resolve the graph and return it; nothing is written.

        Raises:
            GraphError: with all faults of the source.
        """
        return self._started().validate()

    def _run(self, request: Request) -> UpdateResult:
        __tracebackhide__ = True
        updates = self._started()
        self._sources.check_sent()
        with self._clock.applied():
            return updates.run(request)

    def _started(self) -> Updates:
        self._enter()
        clock = self._clock if self._clock.time else None
        fed = frozenset(self._sources.stubs)
        self._updates = Updates(self._stage.spark, self._store, self._definition, fed, clock)
        return self._updates

    def _enter(self) -> None:
        self._stage.enter(self._store, self._definition.bundle)

    def _behind(self, text: str) -> tuple[str, ...]:
        graph = self.validate()
        return results.behind(graph, self._known(text, graph.datasets))

    # what came of it

    def table(self, name: str) -> Table:
        """Return a table to assert on: of the pipeline, or one that was fed.

        Raises:
            UsageError: DATASET_UNKNOWN, with the nearest name; TABLE_IS_VIEW; TABLE_NOT_MADE.
        """
        datasets = self._ran().datasets
        full = self._known(name, [*datasets, *self._sources.stubs])
        dataset = datasets.get(full)
        path = self._ran().path(dataset) if dataset else self._store.table_path(full)
        if not (path / "_delta_log").is_dir():
            raise UsageError(
                "TABLE_NOT_MADE",
                f"The table '{full}' does not exist yet",
                hint="Run the pipeline first, and this table in it.",
            )
        return Table(self._stage.spark, str(full), path)

    def flow(self, name: str) -> FlowTotals:
        """Return the totals of a flow in the last update, by its name or that of its table.

        Raises:
            UsageError: FLOW_UNKNOWN; FLOW_AMBIGUOUS for a table that several flows write.
        """
        return results.flow_of(self._ran().report, name, self._name(name))

    def expectation(self, dataset: str, rule: str) -> RuleTotals:
        """Return how many rows kept and broke a rule in the last update, over all flows.

        Raises:
            UsageError: DATASET_UNKNOWN, EXPECTATION_UNKNOWN.
        """
        datasets = self._ran().datasets
        full = self._known(dataset, datasets)
        return results.rule_of(self._ran().report, datasets[full], rule)

    def events(self, event_type: str | None = None) -> list[dict[str, Any]]:
        """Return the events of the last update as the event log has them, in their order.

        Args:
            event_type: only these, such as `flow_progress`.
        """
        spec = self._definition.spec
        log = PipelineState(self._store.pipeline_path(spec.key)).event_log
        rows = read_events(log, update_id="latest")
        return [each for each in rows if event_type in (None, each["event_type"])]

    def _ran(self) -> Updates:
        if self._updates is None:
            raise UsageError(
                "PIPELINE_NOT_RUN", "The pipeline was not run yet", hint="Call run() first."
            )
        return self._updates

    def _known(self, text: str, names: Collection[TableName]) -> TableName:
        return known(self._name(text), text, names)

    def _name(self, text: str) -> TableName:
        return table_name(text, self._definition.spec.catalog, self._definition.spec.schema)

    # the same again, disturbed

    def replay(self) -> UpdateResult:
        """Send the last batches a second time, as a source that repeats itself does, and run."""
        for name, batch in twins.last_sent(self._steps):
            self._sources[name].send(batch)
        return self.run()

    def replayed(self) -> Pipeline:
        """Return the pipeline in a fresh target, to which at the end all batches came again."""
        return self._twin(twins.started_over)

    def reversed(self) -> Pipeline:
        """Return the pipeline in a fresh target, to which the batches came in reverse order.

        Raises:
            UsageError: BATCHES_TOO_FEW, for one batch has no other order.
        """
        return self._twin(twins.backwards)

    def killed(self, after: str) -> Pipeline:
        """Return the pipeline in a fresh target, of which each update was killed.

        Between any two batches an update died once the table `after` was written; the last
        update mends it.

        Raises:
            UsageError: KILL_MISSED, if no update wrote that table.
        """
        return self._twin(lambda steps: twins.with_kills(steps, after), dies_after=after)

    def assert_same(self, other: Pipeline, *tables: str, ignore: Sequence[str] = ()) -> None:
        """Check that tables of both pipelines have the same columns and hold the same rows.

        Args:
            tables: all when none are named.
            ignore: columns that may differ, such as the name of a file.

        Raises:
            AssertionError: with rows of both side by side.
            UsageError: COLUMN_UNKNOWN, for an ignored column that none of the tables has.
        """
        __tracebackhide__ = True
        datasets = self._ran().datasets.values()
        names = tables or [each.name.quoted for each in datasets if not each.is_view]
        check_columns(set(ignore), [c for each in names for c in self.table(each).columns])
        for name in names:
            assert_same_tables(self.table(name), other.table(name), ignore)

    def _twin(self, disturbed: twins.Disturbed, dies_after: str | None = None) -> Pipeline:
        twin = Pipeline(self._stage, self._clock, self._root)
        twin._definition = self._definition
        for name, source in self._sources.items():
            twin.source(name, format=source.format, schema=source.place.columns())
        time, ends = self._clock.time, []
        try:
            for step in disturbed(twins.unharmed(self._steps)):
                twin._clock.set(step.time)
                for name, batch in step.sent:
                    twin._sources[name].send(batch)
                ends.append(twin._run(step.request))
        finally:
            self._clock.set(time)
        check_killed(ends, dies_after)
        return twin

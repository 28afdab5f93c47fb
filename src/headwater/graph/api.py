"""The functions that pipeline source sees as `pyspark.pipelines` (dp) and `dlt`.

Names, order and defaults are Databricks' (Lakeflow Python reference, pages of 2026); each
function builds frozen dataclasses and hands them to the registry. What does not live here:
checking single arguments (`arguments`) and the modules themselves (`modules`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from headwater.graph import arguments as given
from headwater.graph.flow_api import FlowApi
from headwater.graph.locations import current_location, function_location
from headwater.graph.model import (
    Action,
    AutoCdc,
    Dataset,
    DatasetKind,
    Expectation,
    Flow,
    SnapshotCdc,
)
from headwater.graph.registry import Registry, unique_rules
from headwater.graph.sink_api import SinkApi
from headwater.names import TableName

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


class PipelineApi:
    """The API of one load; every public method is a function of the bound modules.

    Attributes:
        flows: those that add a flow to what another one defines.
        sinks: the functions that are about what leaves the pipeline.
    """

    def __init__(self, registry: Registry, spark: SparkSession | None = None) -> None:
        self._registry = registry
        self._spark = spark
        self.flows = FlowApi(registry)
        self.sinks = SinkApi(registry)

    def table(
        self,
        query_function: Function | None = None,
        *,
        name: str | None = None,
        comment: str | None = None,
        spark_conf: dict[str, str] | None = None,
        table_properties: dict[str, str] | None = None,
        path: str | None = None,
        partition_cols: list[str] | None = None,
        cluster_by_auto: bool = False,
        cluster_by: list[str] | None = None,
        schema: Any = None,
        row_filter: str | None = None,
        private: bool = False,
        temporary: bool = False,
        replace_using: Any = None,
        replace_where: Any = None,
        sequence_by: Any = None,
        format: str | None = None,
    ) -> Any:
        """Define a streaming table, or a materialized view when the query is a batch one."""
        given.check_format(format)
        return self._decorate(
            query_function,
            None,
            name=name,
            spark_conf=spark_conf,
            comment=comment,
            table_properties=table_properties,
            path=path,
            partition_cols=partition_cols,
            cluster_by=cluster_by,
            schema=schema,
            row_filter=row_filter,
            private=private or temporary,
            cluster_by_auto=cluster_by_auto,
            replaces=given.replacing(replace_using, sequence_by, replace_where),
        )

    def materialized_view(
        self,
        query_function: Function | None = None,
        *,
        name: str | None = None,
        comment: str | None = None,
        spark_conf: dict[str, str] | None = None,
        table_properties: dict[str, str] | None = None,
        path: str | None = None,
        partition_cols: list[str] | None = None,
        cluster_by_auto: bool = False,
        cluster_by: list[str] | None = None,
        schema: Any = None,
        row_filter: str | None = None,
        private: bool = False,
        refresh_policy: str = "auto",
        format: str | None = None,
    ) -> Any:
        """Define a materialized view: a table that is overwritten with its query's result."""
        given.check_format(format)
        if refresh_policy not in ("auto", "full"):
            raise given.not_built(f"refresh_policy='{refresh_policy}'")
        return self._decorate(
            query_function,
            DatasetKind.MATERIALIZED_VIEW,
            name=name,
            spark_conf=spark_conf,
            comment=comment,
            table_properties=table_properties,
            path=path,
            partition_cols=partition_cols,
            cluster_by=cluster_by,
            schema=schema,
            row_filter=row_filter,
            private=private,
            cluster_by_auto=cluster_by_auto,
        )

    def temporary_view(
        self,
        query_function: Function | None = None,
        *,
        name: str | None = None,
        comment: str | None = None,
        spark_conf: dict[str, str] | None = None,
    ) -> Any:
        """Define a view that lives inside the pipeline; expectations on it are enforced."""
        return self._decorate(
            query_function, DatasetKind.VIEW, name=name, spark_conf=spark_conf, comment=comment
        )

    view = temporary_view

    def create_streaming_table(
        self,
        name: str,
        comment: str | None = None,
        spark_conf: dict[str, str] | None = None,
        table_properties: dict[str, str] | None = None,
        path: str | None = None,
        partition_cols: list[str] | None = None,
        cluster_by_auto: bool = False,
        cluster_by: list[str] | None = None,
        schema: Any = None,
        expect_all: dict[str, str] | None = None,
        expect_all_or_drop: dict[str, str] | None = None,
        expect_all_or_fail: dict[str, str] | None = None,
        row_filter: str | None = None,
        private: bool = False,
        format: str | None = None,
    ) -> None:
        """Define a streaming table without a query; append or AUTO CDC flows fill it."""
        del cluster_by_auto, spark_conf  # no effect locally: docs/parity.md
        given.check_format(format)
        rules = [
            *given.expectations(expect_all, Action.WARN, "expect_all"),
            *given.expectations(expect_all_or_drop, Action.DROP, "expect_all_or_drop"),
            *given.expectations(expect_all_or_fail, Action.FAIL, "expect_all_or_fail"),
        ]
        where = current_location()
        self._registry.add_dataset(
            Dataset(
                self._name(name, "name"),
                where,
                DatasetKind.STREAMING_TABLE,
                comment=given.comment_text(comment),
                schema=given.table_schema(schema),
                table_properties=given.text_map(table_properties, "table_properties"),
                partition_cols=given.names(partition_cols, "partition_cols"),
                cluster_by=given.names(cluster_by, "cluster_by"),
                path=given.storage_path(path, "path"),
                private=bool(private),
                row_filter=given.optional_text(row_filter, "row_filter"),
                expectations=unique_rules(rules, name, where),
            )
        )

    def expect(self, name: str, condition: str) -> Decorator:
        """Count the rows that break the rule, and keep them."""
        return self._expect([given.expectation(name, condition, Action.WARN)])

    def expect_or_drop(self, name: str, condition: str) -> Decorator:
        """Drop the rows that break the rule, and count them."""
        return self._expect([given.expectation(name, condition, Action.DROP)])

    def expect_or_fail(self, name: str, condition: str) -> Decorator:
        """Fail the flow at the first row that breaks the rule; nothing is written."""
        return self._expect([given.expectation(name, condition, Action.FAIL)])

    def expect_all(self, expectations: dict[str, str]) -> Decorator:
        """Count, for each of several rules, the rows that break it."""
        return self._expect(given.expectations(expectations, Action.WARN, "expectations"))

    def expect_all_or_drop(self, expectations: dict[str, str]) -> Decorator:
        """Drop the rows that break any of several rules."""
        return self._expect(given.expectations(expectations, Action.DROP, "expectations"))

    def expect_all_or_fail(self, expectations: dict[str, str]) -> Decorator:
        """Fail the flow at the first row that breaks any of several rules."""
        return self._expect(given.expectations(expectations, Action.FAIL, "expectations"))

    def create_auto_cdc_flow(
        self,
        target: str,
        source: str,
        keys: list[str],
        sequence_by: Any,
        system_sequence_by: Any = None,
        ignore_null_updates: bool = False,
        ignore_null_updates_column_list: list[str] | None = None,
        ignore_null_updates_except_column_list: list[str] | None = None,
        columns_to_update: Any = None,
        apply_as_deletes: Any = None,
        apply_as_truncates: Any = None,
        column_list: list[str] | None = None,
        except_column_list: list[str] | None = None,
        stored_as_scd_type: str | int = "1",
        track_history_column_list: list[str] | None = None,
        track_history_except_column_list: list[str] | None = None,
        name: str | None = None,
        once: bool = False,
        flow_name: str | None = None,
        where: Any = None,
    ) -> None:
        """Apply a stream of changes to an existing streaming table, as SCD type 1 or 2."""
        change = given.auto_cdc(locals())
        source_name = given.text(source, "source")
        self._add_change_flow(target, source_name, change, name or flow_name, once)

    apply_changes = create_auto_cdc_flow

    def create_auto_cdc_from_snapshot_flow(
        self,
        target: str,
        source: Any,
        keys: list[str],
        stored_as_scd_type: str | int = "1",
        track_history_column_list: list[str] | None = None,
        track_history_except_column_list: list[str] | None = None,
        once: bool = False,
        name: str | None = None,
        flow_name: str | None = None,
    ) -> None:
        """Bring an existing streaming table to each of a row of snapshots, as SCD type 1 or 2."""
        self._add_snapshot_flow(
            target, given.snapshot_cdc(locals()), source, name or flow_name, once
        )

    apply_changes_from_snapshot = create_auto_cdc_from_snapshot_flow

    def read(self, name: str) -> DataFrame:
        """Read a dataset of the pipeline completely (legacy; `spark.read.table`)."""
        return self._session.read.table(given.text(name, "name"))

    def read_stream(self, name: str) -> DataFrame:
        """Read a dataset of the pipeline as a stream (legacy; `spark.readStream.table`)."""
        return self._session.readStream.table(given.text(name, "name"))

    readStream = read_stream  # noqa: N815 - the legacy module's other name for it

    @property
    def _session(self) -> SparkSession:
        """The update's session: the active one may be another's, where a program has several."""
        return self._spark or SparkSession.active()

    def _add_change_flow(
        self, target: str, source: str, change: AutoCdc, name: str | None, once: bool
    ) -> None:
        def query() -> DataFrame:
            spark = self._session
            return spark.read.table(source) if once else spark.readStream.table(source)

        self._add_flow(target, query, name, change=change, once=bool(once))

    def _add_snapshot_flow(
        self, target: str, snapshots: SnapshotCdc, source: Any, name: str | None, once: bool
    ) -> None:
        def query() -> DataFrame:
            return self._session.read.table(source)

        asked = source if snapshots.is_asked else query
        self._add_flow(target, asked, name, snapshots=snapshots, once=bool(once))

    def _add_flow(self, target: str, query: Function, name: str | None, **way: Any) -> None:
        table = self._name(target, "target")
        flow_name = given.text(name or self._registry.flow_name(table), "name")
        self._registry.add_flow(Flow(flow_name, table, query, current_location(), **way))

    def _expect(self, rules: list[Expectation]) -> Decorator:
        where = current_location()

        def decorate(function: Function) -> Function:
            return self._registry.with_rules(function, rules, where)

        return decorate

    def _decorate(self, function: Function | None, kind: DatasetKind | None, **options: Any) -> Any:
        if function is None:
            return lambda actual: self._decorate(actual, kind, **options)
        if not callable(function):
            raise given.fault(
                "ARGUMENT_INVALID",
                "A dataset decorator takes a function; other arguments are passed by keyword",
                "Write @dp.table or @dp.table(name=...).",
            )
        where = function_location(function)
        name = self._name(options["name"] or function.__name__, "name")
        private = bool(options.get("private")) or kind is DatasetKind.VIEW
        self._registry.add_dataset(
            Dataset(
                name,
                where,
                kind,
                comment=given.comment_text(options["comment"]),
                schema=given.table_schema(options.get("schema")),
                table_properties=given.text_map(
                    options.get("table_properties"), "table_properties"
                ),
                partition_cols=given.names(options.get("partition_cols"), "partition_cols"),
                cluster_by=given.names(options.get("cluster_by"), "cluster_by"),
                path=given.storage_path(options.get("path"), "path"),
                private=private,
                row_filter=given.optional_text(options.get("row_filter"), "row_filter"),
                expectations=self._registry.claim_rules(function),
            )
        )
        spark_conf = given.text_map(options["spark_conf"], "spark_conf")
        flow_name = self._registry.flow_name(name)
        self._registry.add_flow(
            Flow(
                flow_name,
                name,
                function,
                where,
                own=True,
                replaces=options.get("replaces"),
                spark_conf=spark_conf,
            )
        )
        return self._registry.made_into(name, function)

    def _name(self, name: object, argument: str) -> TableName:
        return given.dataset_name(self._registry, name, argument)

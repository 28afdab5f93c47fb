"""Flows of snapshots without a JVM: how they are declared, and which snapshot was taken last."""

from __future__ import annotations

import importlib
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction

from headwater.errors import DefinitionError, Location
from headwater.graph.checks import check_declarations
from headwater.graph.kinds import flow_kind
from headwater.graph.model import DatasetKind, Flow, FlowKind, SnapshotCdc
from headwater.graph.modules import bound_modules
from headwater.graph.registry import Registry
from headwater.names import TableName
from headwater.state.snapshots import SnapshotMemory, Taken, Version, is_next, version_type

VERSIONS = [
    7,
    1.5,
    "2026-01",
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, 4, 5, 6),
    datetime(2026, 1, 2, tzinfo=timezone.utc),
    Decimal("1.10"),
]


def declared(**given: object) -> Registry:
    registry = Registry("main", "default")
    with bound_modules(registry):
        dlt = importlib.import_module("dlt")
        dlt.create_streaming_table("t", expect_all=given.pop("expect_all", None))
        flow = {"target": "t", "source": "s", "keys": ["id"]} | given
        dlt.apply_changes_from_snapshot(**flow)
    return registry


def test_snapshot_flow_has_databricks_defaults() -> None:
    (flow,) = declared().flows.values()
    assert (flow.name, flow.once, flow.snapshots) == ("t", False, SnapshotCdc(("id",)))


def test_snapshot_flow_takes_a_function_and_every_argument() -> None:
    registry = declared(
        source=lambda _: None,
        keys=["a", "b"],
        stored_as_scd_type="2",
        track_history_except_column_list=["x"],
        name="f",
        once=True,
    )
    flow = registry.flows["f"]
    assert flow.once
    assert flow.snapshots == SnapshotCdc(("a", "b"), 2, None, ("x",), is_asked=True)


@pytest.mark.parametrize("source", [None, "", 3])
def test_source_of_another_kind_is_refused(source: object) -> None:
    with pytest.raises(DefinitionError) as caught:
        declared(source=source)
    assert (caught.value.code, caught.value.parameters["argument"]) == (
        "ARGUMENT_INVALID",
        "source",
    )


def test_expectations_on_a_target_of_snapshots_are_refused() -> None:
    faults = check_declarations(declared(expect_all={"rule": "id > 0"}))
    assert [each.code for each in faults] == ["SNAPSHOT_WITH_EXPECTATIONS"]


@pytest.mark.parametrize("other", ["create_auto_cdc_flow", "append_flow", "apply_changes"])
def test_target_of_snapshots_takes_no_other_flow(other: str) -> None:
    registry = declared()
    with bound_modules(registry):
        function = getattr(importlib.import_module("dlt"), other)
        if other == "append_flow":
            function(target="t", name="g")(lambda: None)
        else:
            function(target="t", source="s", keys=["id"], sequence_by="at", name="g")
    assert [each.code for each in check_declarations(registry)] == ["SNAPSHOT_TARGET_SHARED"]


def test_snapshots_are_batches() -> None:
    name = TableName("c", "s", "t")
    flow = Flow("f", name, lambda: None, Location("x.py", 3), snapshots=SnapshotCdc(("id",)))
    assert flow_kind(DatasetKind.STREAMING_TABLE, flow, False) is FlowKind.SNAPSHOT
    with pytest.raises(DefinitionError) as caught:
        flow_kind(DatasetKind.STREAMING_TABLE, flow, True)
    assert caught.value.code == "FLOW_KIND_WRONG"


def test_versions_have_a_type_of_spark() -> None:
    kinds = ["bigint", "double", "string", "date", "timestamp", "timestamp", "decimal(38,18)"]
    assert [version_type(each) for each in VERSIONS] == kinds
    assert [version_type(each) for each in (True, None, b"1", float("nan"), [1])] == [None] * 5


def test_version_comes_next_only_if_it_rises() -> None:
    assert [is_next(each, Taken(3, 7)) for each in (6, 7, 8)] == [False, False, True]
    assert is_next("x", None)


@pytest.mark.parametrize("others", [(7, "8"), (VERSIONS[4], VERSIONS[5]), (1, 1.5)])
def test_version_of_another_type_has_no_order(others: tuple[Version, Version]) -> None:
    with pytest.raises(TypeError):
        is_next(others[1], Taken(0, others[0]))


@pytest.fixture
def memory(tmp_path: Path) -> SnapshotMemory:
    columns = Schema([Field("id", "long")])
    DeltaTable.create(tmp_path / "t", columns)
    return SnapshotMemory(tmp_path / "cdc", tmp_path / "t")


def commit(memory: SnapshotMemory, settings: dict[str, str]) -> None:
    """Commit under a number, as Spark does."""
    app, number = settings.values()
    told = CommitProperties(app_transactions=[Transaction(app, int(number))])
    table = DeltaTable(memory.table)
    table.alter.set_table_properties({"delta.appendOnly": "false"}, commit_properties=told)


@pytest.mark.parametrize("version", VERSIONS)
def test_version_comes_back_as_it_was_given(memory: SnapshotMemory, version: object) -> None:
    taken = Taken(0, version)  # type: ignore[arg-type]
    assert memory.latest() is None
    memory.finish(taken)
    assert memory.latest() == taken


def test_snapshot_counts_from_its_commit_on(memory: SnapshotMemory) -> None:
    settings = memory.begin(Taken(0, 10))
    assert memory.latest() is None
    commit(memory, settings)
    assert memory.latest() == Taken(0, 10)
    settings = memory.begin(Taken(1, 20))
    assert memory.latest() == Taken(0, 10)
    memory.begin(Taken(1, 30))  # after a kill, another one may come instead
    commit(memory, settings)
    assert memory.latest() == Taken(1, 30)
    memory.finish(Taken(2, 40))  # it changed nothing, and is not in the table
    assert memory.latest() == Taken(2, 40)

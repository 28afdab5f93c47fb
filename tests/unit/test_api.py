"""The API that pipeline source sees: signatures, claims, refusals. No JVM."""

import importlib
import inspect
import sys
from collections.abc import Iterator

import pytest

from headwater.errors import DefinitionError
from headwater.graph.model import Action, DatasetKind
from headwater.graph.modules import FUNCTIONS, NOT_BUILT, bound_modules
from headwater.graph.registry import Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry("main", "default")
    with bound_modules(made):
        yield made


def dp():  # type: ignore[no-untyped-def]
    from pyspark import pipelines

    return pipelines


def test_modules_are_untouched_outside_a_run() -> None:
    before = sys.modules.get("pyspark.pipelines")
    with bound_modules(Registry("main", "default")):
        assert importlib.import_module("dlt").table
        assert dp() is not before
    assert sys.modules.get("pyspark.pipelines") is before
    assert "dlt" not in sys.modules


@pytest.mark.parametrize("module", ["dlt", "pyspark.pipelines"])
def test_both_modules_have_every_function(registry: Registry, module: str) -> None:
    bound = importlib.import_module(module)
    assert [name for name in FUNCTIONS if not callable(getattr(bound, name, None))] == []


def test_table_defaults_to_the_function_name(registry: Registry) -> None:
    @dp().table(comment="c", table_properties={"quality": "bronze"}, partition_cols=["d"])
    def events() -> None: ...

    (dataset,) = registry.datasets.values()
    assert str(dataset.name) == "main.default.events"
    assert (dataset.comment, dataset.partition_cols) == ("c", ("d",))
    assert registry.flows["events"].target == dataset.name


def test_decorators_stack_in_any_number(registry: Registry) -> None:
    pipelines = dp()

    @pipelines.materialized_view
    @pipelines.expect("one", "a > 0")
    @pipelines.expect_all_or_drop({"two": "b > 0", "three": "c > 0"})
    @pipelines.expect_or_fail("four", "d > 0")
    def m() -> None: ...

    (dataset,) = registry.datasets.values()
    assert dataset.kind is DatasetKind.MATERIALIZED_VIEW
    assert [(rule.name, rule.action) for rule in dataset.expectations] == [
        ("one", Action.WARN),
        ("two", Action.DROP),
        ("three", Action.DROP),
        ("four", Action.FAIL),
    ]


def test_expectation_that_no_dataset_claims_is_a_fault(registry: Registry) -> None:
    pipelines = dp()

    @pipelines.expect("lost", "a > 0")
    @pipelines.table
    def t() -> None: ...

    registry.close()
    assert [fault.code for fault in registry.faults] == ["EXPECTATION_WITHOUT_DATASET"]


def test_datasets_made_in_a_loop_work(registry: Registry) -> None:
    for name in ("a", "b"):

        @dp().table(name=f"silver.{name}")
        def made(name: str = name) -> str:
            return name

    assert [str(each) for each in registry.datasets] == ["main.silver.a", "main.silver.b"]
    assert [flow.query() for flow in registry.flows.values()] == ["a", "b"]


def test_duplicate_names_both_places(registry: Registry) -> None:
    for _ in range(2):

        @dp().table(name="t")
        def t() -> None: ...

    assert [fault.code for fault in registry.faults] == ["DUPLICATE_DATASET"]


@pytest.mark.parametrize("name", NOT_BUILT)
def test_unbuilt_api_is_refused_by_name(registry: Registry, name: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        getattr(dp(), name)()
    assert caught.value.code == "API_NOT_BUILT"
    assert name in caught.value.message


def test_unknown_api_names_the_nearest(registry: Registry) -> None:
    with pytest.raises(DefinitionError) as caught:
        dp().tabel  # noqa: B018
    assert caught.value.code == "API_UNKNOWN"
    assert "'table'" in caught.value.hint
    assert not hasattr(dp(), "tabel")


def test_auto_cdc_takes_every_documented_argument_in_order(registry: Registry) -> None:
    names = list(inspect.signature(dp().create_auto_cdc_flow).parameters)
    assert names[:18] == [
        "target",
        "source",
        "keys",
        "sequence_by",
        "system_sequence_by",
        "ignore_null_updates",
        "ignore_null_updates_column_list",
        "ignore_null_updates_except_column_list",
        "columns_to_update",
        "apply_as_deletes",
        "apply_as_truncates",
        "column_list",
        "except_column_list",
        "stored_as_scd_type",
        "track_history_column_list",
        "track_history_except_column_list",
        "name",
        "once",
    ]
    assert dp().apply_changes.__func__ is dp().create_auto_cdc_flow.__func__


def test_auto_cdc_flow_is_recorded(registry: Registry) -> None:
    pipelines = dp()
    pipelines.create_streaming_table("t", expect_all={"r": "x > 0"})
    pipelines.create_auto_cdc_flow(
        target="t", source="s", keys=["id"], sequence_by="n", stored_as_scd_type="2"
    )
    flow = registry.flows["t"]
    assert flow.change is not None
    assert (flow.change.keys, flow.change.scd_type) == (("id",), 2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"stored_as_scd_type": "bitemporal"}, "API_NOT_BUILT"),
        ({"stored_as_scd_type": 3}, "ARGUMENT_INVALID"),
        ({"keys": 5}, "ARGUMENT_INVALID"),
        ({"sequence_by": None}, "ARGUMENT_INVALID"),
        ({"target": "a.b.c.d"}, "NAME_INVALID"),
    ],
)
def test_wrong_arguments_are_refused_at_the_line(
    registry: Registry, arguments: dict[str, object], code: str
) -> None:
    given = {"target": "t", "source": "s", "keys": ["id"], "sequence_by": "n", **arguments}
    with pytest.raises(DefinitionError) as caught:
        dp().create_auto_cdc_flow(**given)
    assert caught.value.code == code
    assert "test_api.py:" in str(caught.value.where)


def test_live_prefix_means_nothing(registry: Registry) -> None:
    assert registry.resolve("LIVE.events") == registry.resolve("events")

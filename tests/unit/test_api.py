"""The API that pipeline source sees: signatures, claims, refusals. No JVM."""

import importlib
import sys
from collections.abc import Iterator

import pytest

from headwater.analysis.schemas import access_rules
from headwater.errors import DefinitionError
from headwater.graph.model import Action, DatasetKind, ReplaceUsing, ReplaceWhere
from headwater.graph.modules import FUNCTIONS, bound_modules
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
    dp().create_streaming_table("empty", comment="")
    assert registry.datasets[registry.resolve("empty")].comment == ""
    assert str(dataset.name) == "main.default.events"
    assert (dataset.comment, dataset.partition_cols) == ("c", ("d",))
    assert registry.flows["events"].target == dataset.name


def test_flows_of_one_line_are_told_apart_by_their_names(registry: Registry) -> None:
    dp().create_streaming_table("t")
    for source in ("a", "b"):
        dp().create_auto_cdc_flow(target="t", source=source, keys=["id"], sequence_by="seq")
    (fault,) = registry.faults
    assert fault.code == "DUPLICATE_FLOW"


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


def rules(registry: Registry) -> dict[str, list[str]]:
    """The names of the rules of each dataset."""
    return {
        name.table: [rule.name for rule in dataset.expectations]
        for name, dataset in registry.datasets.items()
    }


def test_expectation_that_no_dataset_claims_is_a_fault(registry: Registry) -> None:
    def rows() -> None: ...

    dp().expect("lost", "a > 0")(rows)
    dp().table(rows, name="t")
    registry.close()
    assert [fault.code for fault in registry.faults] == ["EXPECTATION_WITHOUT_DATASET"]
    assert rules(registry) == {"t": []}


def test_expectation_above_the_dataset_decorator_belongs_to_the_dataset(registry: Registry) -> None:
    @dp().expect("first", "a > 0")
    @dp().table
    @dp().expect("second", "a > 1")
    def t() -> None: ...

    registry.close()
    assert (rules(registry), registry.faults) == ({"t": ["first", "second"]}, [])


def test_expectation_belongs_to_the_dataset_it_was_applied_to(registry: Registry) -> None:
    def rows() -> str:
        return "rows"

    pipelines = dp()
    made = pipelines.table(rows, name="with_rule")
    pipelines.expect_or_drop("even", "a % 2 = 0")(made)
    pipelines.table(rows, name="without")
    checked = pipelines.expect("seen", "a > 0")(rows)
    pipelines.table(checked, name="one")
    pipelines.table(checked, name="two")
    registry.close()
    assert rules(registry) == {
        "with_rule": ["even"],
        "without": [],
        "one": ["seen"],
        "two": ["seen"],
    }
    assert registry.faults == []
    assert made() == "rows"


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("events", "events"),
        ("Default.Events", "events"),
        ("main.default.events", "events"),
        ("silver.events", "silver.events"),
        ("MAIN.silver.events", "silver.events"),
        ("other.default.events", "other.default.events"),
    ],
)
def test_name_of_a_flow_does_not_depend_on_how_its_table_is_spelled(
    registry: Registry, spelled: str, name: str
) -> None:
    dp().table(lambda: None, name=spelled)
    dp().create_streaming_table("changes")
    assert list(registry.flows) == [name]
    assert registry.flows[name].own


@pytest.mark.parametrize(
    "given", [{"stored_as_scd_type": "bitemporal"}, {"system_sequence_by": "st"}]
)
def test_bitemporal_needs_type_and_system_sequence(
    registry: Registry, given: dict[str, object]
) -> None:
    with pytest.raises(DefinitionError) as caught:
        dp().create_auto_cdc_flow("t", "s", ["id"], "bt", **given)
    assert caught.value.code == "AUTOCDC_BITEMPORAL_INCOMPLETE"


@pytest.mark.parametrize(
    ("decorator", "argument", "value"),
    [
        ("materialized_view", "refresh_policy", "incremental"),
        ("append_flow", "import_checkpoint", "/x"),
        ("table", "format", "parquet"),
    ],
)
def test_arguments_that_are_not_supported_are_refused_by_name(
    registry: Registry, decorator: str, argument: str, value: object
) -> None:
    needed = {"append_flow": {"target": "t"}}
    with pytest.raises(DefinitionError) as caught:
        getattr(dp(), decorator)(**needed.get(decorator, {}), **{argument: value})
    assert (caught.value.code, argument in caught.value.message) == ("API_NOT_BUILT", True)


def test_row_filters_are_kept_for_the_note_that_they_have_no_effect(registry: Registry) -> None:
    api = dp()
    api.create_streaming_table("a", row_filter="ROW FILTER f ON (x)")
    api.table(lambda: None, name="b", row_filter="ROW FILTER f ON (x)")
    api.materialized_view(lambda: None, name="c", schema="x INT MASK f USING COLUMNS (y), y INT")
    rules = {name.table: access_rules(each) for name, each in registry.datasets.items()}
    assert rules == {"a": ["row_filter"], "b": ["row_filter"], "c": ["MASK"]}


def test_arguments_are_told_by_the_name_that_was_called(registry: Registry) -> None:
    api = dp()
    api.apply_changes_from_snapshot(target="t", snapshot_and_version="s", keys=["id"])
    assert [each.snapshots is not None for each in registry.flows.values()] == [True]
    with pytest.raises(DefinitionError) as caught:
        api.apply_changes_from_snapshot(target="t", sorce="s", keys=["id"])
    assert "apply_changes_from_snapshot() has no argument 'sorce'" in caught.value.message
    assert "source" in caught.value.hint
    with pytest.raises(DefinitionError) as caught:
        api.create_streaming_table()
    assert "'name'" in caught.value.message


def test_what_replaces_rows_is_told_by_its_arguments(registry: Registry) -> None:
    dp().table(lambda: None, name="a", replace_where="d > 1")
    dp().table(lambda: None, name="b", replace_using=["k"], sequence_by="s")
    dp().create_streaming_table("c")

    @dp().replace_flow(target="c", replace_using="k", sequence_by="s", name="f", comment="x")
    def filling() -> None: ...

    told = [(each.name, each.own, each.replaces) for each in registry.flows.values()]
    using = ReplaceUsing(("k",), "s")
    assert told == [("a", True, ReplaceWhere("d > 1")), ("b", True, using), ("f", False, using)]
    for wrong in ({"sequence_by": "s"}, {"replace_using": ["k"], "replace_where": "d > 1"}):
        with pytest.raises(DefinitionError) as caught:
            dp().table(lambda: None, name="d", **wrong)
        assert caught.value.code == "REPLACE_ARGUMENTS_CONFLICT"


@pytest.mark.parametrize(
    ("old", "kind"),
    [
        ("create_table", None),
        ("create_view", DatasetKind.VIEW),
        ("create_streaming_live_table", DatasetKind.STREAMING_TABLE),
        ("create_target_table", DatasetKind.STREAMING_TABLE),
    ],
)
def test_old_names_of_functions_still_work(
    registry: Registry, old: str, kind: DatasetKind | None
) -> None:
    function = getattr(dp(), old)
    if kind is DatasetKind.STREAMING_TABLE:
        function("t")
    else:
        function(name="t")(lambda: None)
    (dataset,) = registry.datasets.values()
    assert (dataset.name.table, dataset.kind) == ("t", kind)


def test_accepted_arguments_reach_the_graph(registry: Registry) -> None:
    pipelines = dp()
    pipelines.create_streaming_table("t", cluster_by=["a"], cluster_by_auto=True, private=True)
    pipelines.materialized_view(name="m", refresh_policy="full", format="delta")(lambda: None)
    pipelines.table(name="old", temporary=True, format="DELTA")(lambda: None)
    pipelines.append_flow(target="t", name="f", depends_on=["m", "other.x"])(lambda: None)
    pipelines.create_auto_cdc_flow(
        target="t",
        source="s",
        keys=["k"],
        sequence_by="n",
        flow_name="g",
        where="n > 0",
        ignore_null_updates_except_column_list=["c"],
        stored_as_scd_type=2,
        track_history_except_column_list=["d"],
    )
    found = {name.table: each for name, each in registry.datasets.items()}
    assert (found["t"].cluster_by, found["t"].private) == (("a",), True)
    assert found["old"].private
    assert [str(each) for each in registry.flows["f"].depends_on] == [
        "main.default.m",
        "main.other.x",
    ]
    change = registry.flows["g"].change
    assert change is not None
    assert (change.where, change.ignore_null_except, change.track_history_except) == (
        "n > 0",
        ("c",),
        ("d",),
    )

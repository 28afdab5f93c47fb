"""Which tables an update refreshes and recomputes, from names as users write them."""

import pytest

from headwater.errors import HeadwaterError, Location
from headwater.graph.model import Dataset, DatasetKind
from headwater.graph.registry import Registry
from headwater.graph.selection import ALL, select
from headwater.names import TableName


def registry() -> Registry:
    made = Registry("Main", "Bronze")
    kept = {"pipelines.reset.allowed": "false"}
    for name, properties in (("bronze.a", {}), ("bronze.kept", kept), ("silver.b", {})):
        schema, table = name.split(".")
        made.add_dataset(
            Dataset(
                TableName("main", schema, table),
                Location("x.py"),
                DatasetKind.STREAMING_TABLE,
                table_properties=properties,
            )
        )
    view = TableName("main", "bronze", "v")
    made.add_dataset(Dataset(view, Location("x.py"), DatasetKind.VIEW))
    return made


def names(found: frozenset[TableName]) -> list[str]:
    return sorted(each.table for each in found)


@pytest.mark.parametrize("spelled", ["a", "A", "Bronze.a", "`main`.bronze.`a`", "LIVE.a"])
def test_table_is_found_however_it_is_spelled(spelled: str) -> None:
    chosen = select(registry(), (spelled,), ())
    assert (names(chosen.chosen), names(chosen.resets)) == (["a"], [])


def test_nothing_named_means_all_tables_and_no_views() -> None:
    chosen = select(registry(), (), ())
    assert (names(chosen.chosen), names(chosen.resets)) == (["a", "b", "kept"], [])


def test_full_refresh_of_all_passes_over_tables_that_forbid_it() -> None:
    chosen = select(registry(), (), ALL)
    assert (names(chosen.chosen), names(chosen.resets)) == (["a", "b", "kept"], ["a", "b"])


def test_named_full_refresh_chooses_what_it_recomputes() -> None:
    chosen = select(registry(), ("kept",), ("silver.b",))
    assert (names(chosen.chosen), names(chosen.resets)) == (["b", "kept"], ["b"])


@pytest.mark.parametrize(
    ("refresh", "full_refresh", "code"),
    [
        (("a",), ALL, "SELECTION_CONFLICT"),
        (("a",), ("bronze.a",), "SELECTION_CONFLICT"),
        ((), ("kept",), "TABLE_NOT_RESETTABLE"),
        (("v",), (), "DATASET_UNKNOWN"),
        (("bronze.aa",), (), "DATASET_UNKNOWN"),
    ],
)
def test_selection_that_makes_no_sense_is_refused(
    refresh: tuple[str, ...], full_refresh: tuple[str, ...], code: str
) -> None:
    with pytest.raises(HeadwaterError) as caught:
        select(registry(), refresh, full_refresh)
    assert caught.value.code == code

"""Which task waits for which."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow_job_meta.graph import Dependency, dependencies, graph_faults
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.utils import (
    MAX_TASK_KEY,
    quoted_table_name,
    sanitize_task_key,
    split_table_name,
    task_key,
)


def source(source_id: str, order: int | None = None, *depends_on: Any) -> Source:
    config = {"task_type": "notebook", "notebook_path": "/n", "depends_on": list(depends_on)}
    return Source(source_id, "m", "x", order, transformation_config=config, where=f"f:{source_id}")


def waits(*sources: Source) -> dict[str, list[str]]:
    assert graph_faults(sources) == []
    return {
        name: [each.source_id for each in found] for name, found in dependencies(sources).items()
    }


def test_same_order_runs_in_parallel_and_higher_waits_for_all_of_the_previous() -> None:
    found = waits(source("a", 1), source("b", 1), source("c", 7), source("d", 9))
    assert found == {"a": [], "b": [], "c": ["a", "b"], "d": ["c"]}


def test_one_task_alone_waits_for_nothing() -> None:
    assert waits(source("a", 5)) == {"a": []}


def test_source_without_an_order_waits_only_for_what_it_names() -> None:
    found = waits(source("a", 1), source("b", 2), source("c"), source("d", None, "b"))
    assert found == {"a": [], "b": ["a"], "c": [], "d": ["b"]}


def test_dependency_by_hand_stands_beside_the_order() -> None:
    by_hand = {"source_id": "a", "outcome": "true"}
    found = dependencies([source("a", 1), source("b", 1), source("c", 2, by_hand)])
    assert found["c"] == (Dependency("a", "true"), Dependency("b"))


def test_cycle_is_printed() -> None:
    (fault,) = graph_faults([source("a", 1, "c"), source("b", 2), source("c", 3)])
    assert fault.code == "DEPENDENCY_CYCLE"
    path = fault.message.split(": ")[1].split(" -> ")
    assert (path[0] == path[-1], set(path)) == (True, {"a", "b", "c"})
    found = dependencies([source("a", 1, "c"), source("b", 2), source("c", 3)])
    assert all(later in [d.source_id for d in found[one]] for one, later in pairwise(path))


def test_task_that_waits_for_itself_is_a_cycle() -> None:
    (fault,) = graph_faults([source("a", 1, "a")])
    assert (fault.code, fault.message.endswith("a -> a")) == ("DEPENDENCY_CYCLE", True)


def test_outcome_belongs_to_a_condition() -> None:
    by_hand = {"source_id": "a", "outcome": "true"}
    (fault,) = graph_faults([source("a", 1), source("b", 2, by_hand)])
    assert fault.code == "OUTCOME_UNKNOWN"


def test_dependency_named_twice_is_refused() -> None:
    (fault,) = graph_faults([source("a", 1), source("b", 2, "a", "a")])
    assert fault.code == "DEPENDENCY_DUPLICATE"


def test_unknown_dependency_names_the_nearest() -> None:
    (fault,) = graph_faults([source("load_orders", 1), source("b", 2, "load_order")])
    assert (fault.code, fault.hint) == ("DEPENDENCY_UNKNOWN", "Did you mean 'load_orders'?")
    assert fault.where == "f:b"


@given(st.lists(st.tuples(st.integers(0, 5) | st.none()), max_size=12), st.integers())
def test_dependencies_do_not_depend_on_the_order_of_rows(orders: list[Any], seed: int) -> None:
    sources = [source(f"s{number}", order[0]) for number, order in enumerate(orders)]
    shuffled = random.Random(seed).sample(sources, len(sources))  # noqa: S311 - no secret
    assert dependencies(shuffled) == dependencies(sources)


def test_task_key_keeps_a_safe_id_and_tells_unsafe_ones_apart() -> None:
    assert sanitize_task_key("load customers (EU)") == "load_customers_EU"
    assert task_key("load_customers-1") == "load_customers-1"
    keys = {task_key(each) for each in ("a b", "a.b", "a_b", "ä b", "", "b" * 101, "b" * 102)}
    assert len(keys) == 7


@given(st.text(max_size=300))
def test_task_key_is_always_valid(source_id: str) -> None:
    key = task_key(source_id)
    assert 1 <= len(key) <= MAX_TASK_KEY
    assert key == sanitize_task_key(key)


def test_table_name_is_split_and_quoted() -> None:
    assert split_table_name("main.`my ``schema`.t") == ("main", "my `schema", "t")
    assert quoted_table_name("main.s.t", "_jobs") == "`main`.`s`.`t_jobs`"


@pytest.mark.parametrize(
    "name",
    ["", "a.", "a b", "a.b.c.d", "t; DROP TABLE x", "`a", "a`b`", "1=1 --", "t\n", "t" * 241],
)
def test_table_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="TABLE_NAME_INVALID"):
        split_table_name(name)

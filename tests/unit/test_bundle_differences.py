"""What differs between two trees."""

from __future__ import annotations

from headwater.bundle.differences import differences
from headwater.errors import Location
from headwater.yaml_nodes import Node, as_node

PLACE = Location("databricks.yml")


def compared(before: object, after: object) -> list[tuple[str, object, object]]:
    found = differences(as_node(before, PLACE), as_node(after, PLACE))
    return [(each.path, plain(each.before), plain(each.after)) for each in found]


def plain(node: Node | None) -> object:
    return "-" if node is None else node.plain()


def test_equal_trees_do_not_differ() -> None:
    assert compared({"a": [1, {"b": None}]}, {"a": [1, {}]}) == []


def test_value_differs_at_its_path() -> None:
    assert compared({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == [("a.c", 2, 3)]


def test_part_that_one_lacks_is_one_difference() -> None:
    assert compared({"a": {"b": {"c": 1}}}, {"a": {}}) == [("a.b", {"c": 1}, "-")]
    assert compared({}, {"a": {"b": 1}}) == [("a", "-", {"b": 1})]


def test_items_with_keys_are_matched_in_any_order() -> None:
    before = {"tasks": [{"task_key": "a", "n": 1}, {"task_key": "b", "n": 1}]}
    after = {"tasks": [{"task_key": "b", "n": 2}, {"task_key": "a", "n": 1}]}
    assert compared(before, after) == [("tasks[b].n", 1, 2)]


def test_items_without_keys_are_matched_by_place() -> None:
    assert compared({"a": [1, 2]}, {"a": [1, 3, 4]}) == [("a[1]", 2, 3), ("a[2]", "-", 4)]


def test_number_and_text_differ() -> None:
    assert compared({"a": 1}, {"a": "1"}) == [("a", 1, "1")]


def test_value_and_map_differ_as_a_whole() -> None:
    assert compared({"a": {"b": 1}}, {"a": 1}) == [("a", {"b": 1}, 1)]

"""What differs between two trees, path by path; items of lists are compared by their keys.

What does not live here: where the trees come from (`resolved`). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headwater.yaml_nodes import Node

_KEYS = ("task_key", "job_cluster_key", "environment_key", "label", "principal", "name")
"""Fields that the items of a list are known by; the first that all have, and no two the same."""


@dataclass(frozen=True)
class Difference:
    """One value that two trees do not share; None where a tree has none.

    Args:
        path: such as `resources.jobs.nightly.tasks[load].timeout_seconds`.
    """

    path: str
    before: Node | None
    after: Node | None


def differences(before: Node | None, after: Node | None, path: str = "") -> Iterator[Difference]:
    """Yield what differs, in the order of the first tree; a part that one lacks is one difference.

    Example:
        >>> one, two = (as_node({"jobs": {"x": {"retries": n}}}, Location("")) for n in (1, 2))
        >>> [each.path for each in differences(one, two)]
        ['jobs.x.retries']
    """
    left, right = _children(before, after), _children(after, before)
    if left is None or right is None:
        if _plain(before) != _plain(after):
            yield Difference(path, before, after)
        return
    for step in {**left, **right}:
        full = f"{path}{step}" if path else step.removeprefix(".")
        yield from differences(left.get(step), right.get(step), full)


def _children(node: Node | None, other: Node | None) -> Mapping[str, Node] | None:
    """Return the parts of a tree by their steps; None where it is to be compared as a whole."""
    if node is None or other is None or node.kind != other.kind:
        return None
    if node.kind == "map":
        return {f".{key}": child for key, child in node.entries.items() if child.value is not None}
    if node.kind != "list":
        return None
    key = next((key for key in _KEYS if _is_key(key, node) and _is_key(key, other)), None)
    steps = [item.entries[key].text if key else str(n) for n, item in enumerate(node.items)]
    return dict(zip((f"[{step}]" for step in steps), node.items, strict=True))


def _is_key(key: str, node: Node) -> bool:
    found = [item.entries.get(key) for item in node.items]
    texts = {each.text for each in found if each and each.kind not in ("map", "list", "null")}
    return len(texts) == len(node.items)


def _plain(node: Node | None) -> object:
    return None if node is None else node.plain()

"""Values of a YAML file that remember the file and the line they came from.

What does not live here: reading a file (`yaml_reader`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeAlias

from headwater.errors import Location

Scalar: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True)
class Node:
    """A value of the YAML: a map of nodes, a list of nodes, or a scalar.

    Args:
        value: the map (keys in the order of the file), the tuple of items, or the scalar.
        location: the line of the key or the list item that holds the value.
        is_anchor: whether the YAML gives it a name, to repeat it elsewhere.
    """

    value: Scalar | Mapping[str, Node] | tuple[Node, ...]
    location: Location
    is_anchor: bool = False

    @property
    def line(self) -> int:
        """The line of its location."""
        return self.location.line

    @property
    def kind(self) -> str:
        """One of map, list, text, flag, number, null."""
        names = {dict: "map", tuple: "list", str: "text", bool: "flag", type(None): "null"}
        return names.get(type(self.value), "number")

    @property
    def entries(self) -> Mapping[str, Node]:
        """The map's entries; empty for anything else."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> tuple[Node, ...]:
        """The list's items; empty for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def text(self) -> str:
        """The scalar as Databricks writes it: true, 5, 1 for 1.0, "" for null."""
        if self.value is None:
            return ""
        if isinstance(self.value, float):
            return f"{Decimal(repr(self.value)).normalize():f}"
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)

    def get(self, *path: str) -> Node | None:
        """Return the node at a path of keys; None where a key is absent or its value is null."""
        node: Node | None = self
        for key in path:
            node = node.entries.get(key) if node else None
        return node if node and node.value is not None else None

    def below(self, *path: str) -> Mapping[str, Node]:
        """Return the entries of the map at a path; empty if there is no map."""
        found = self.get(*path)
        return found.entries if found else {}

    def with_texts(self, change: Callable[[str], str]) -> Node:
        """Return a copy whose texts, at any depth, are changed; keys stay."""
        if isinstance(self.value, str):
            return replace(self, value=change(self.value))
        if isinstance(self.value, tuple):
            return replace(self, value=tuple(item.with_texts(change) for item in self.items))
        entries = {key: child.with_texts(change) for key, child in self.entries.items()}
        return replace(self, value=entries) if self.kind == "map" else self

    def put(self, path: tuple[str, ...], child: Node) -> Node:
        """Return a copy of the map with `child` at the path; missing maps are created."""
        if not path:
            return child
        inner = self.get(path[0]) or Node({}, child.location)
        return replace(self, value={**self.entries, path[0]: inner.put(path[1:], child)})

    def size(self) -> int:
        """Count its values and characters."""
        if isinstance(self.value, str):
            return 1 + len(self.value)
        return 1 + sum(child.size() for child in (*self.items, *self.entries.values()))

    def plain(self) -> object:
        """Return the value as dictionaries, lists and scalars."""
        if isinstance(self.value, Mapping):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain() for child in self.value]
        return self.value


def as_node(value: object, location: Location) -> Node:
    """Turn plain data (of a JSON file, or made by us) into nodes that share one location."""
    if isinstance(value, Mapping):
        return Node({str(key): as_node(item, location) for key, item in value.items()}, location)
    if isinstance(value, list | tuple):
        return Node(tuple(as_node(item, location) for item in value), location)
    scalar = value if value is None or isinstance(value, str | int | float) else str(value)
    return Node(scalar, location)

"""YAML files as trees of nodes that remember the file and the line they came from.

Every later step (merging, references, paths, errors) works on these nodes and never on plain
dictionaries. What does not live here: which keys a bundle knows (`keys`).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from headwater.errors import BundleError, Location

Scalar: TypeAlias = str | int | float | bool | None

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + "str", _TAG + "timestamp", "!"}

MAX_REPEATED = 100_000
"""How much aliases may add to a file, in values."""


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


def read_yaml(path: Path, *, may_be_empty: bool = False) -> Node:
    """Read one YAML file as a map with locations; reads only.

    Anchors, aliases and merge keys are followed. An empty file is an empty map, or refused.

    Raises:
        BundleError: BUNDLE_UNREADABLE, BUNDLE_YAML_INVALID, BUNDLE_KEY_DUPLICATE,
            BUNDLE_TYPE_WRONG when the file holds something else than a map.
    """
    text = read_text(path)
    place = Location(str(path))
    try:
        # Any: the composer of ruamel.yaml has no types.
        composed: Any = YAML(typ="rt", pure=True).compose(io.StringIO(text))
        node = _Reader(str(path)).convert(composed, Location(str(path), 1)) if composed else None
    except MarkedYAMLError as error:
        raise _invalid(error.problem or "broken syntax", place, error.problem_mark) from error
    except (YAMLError, RecursionError) as error:
        problem = (
            "nested too deeply" if isinstance(error, RecursionError) else "forbidden character"
        )
        raise _invalid(problem, place, None) from error
    if may_be_empty and (node is None or node.value is None):
        return Node({}, place)
    if node is None:
        raise _invalid("the file is empty", place, None)
    if node.kind != "map":
        raise BundleError(
            "BUNDLE_TYPE_WRONG",
            f"the file holds a {node.kind}, not a map of keys",
            where=node.location,
            hint="Start it with a key such as 'bundle:' or 'resources:'.",
            key="",
            expected="map",
            found=node.kind,
        )
    return node


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without byte order mark, or say why that is not possible."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid("the file is not UTF-8", Location(str(path)), None) from error
    except OSError as error:
        raise BundleError(
            "BUNDLE_UNREADABLE",
            f"can't read the file: {error.strerror}",
            where=Location(str(path)),
            hint="Check that it is a file and that you may read it.",
            file=str(path),
        ) from error


def _invalid(problem: str, place: Location, mark: Any) -> BundleError:
    if mark is not None:
        place = Location(place.file, mark.line + 1)
    hint = "Correct the YAML at this line."
    if "\\t" in problem or "\t" in problem:
        hint = "Indent with spaces; YAML does not allow tabs there."
    elif "UTF-8" in problem:
        hint = "Save the file as UTF-8."
    elif "empty" in problem:
        hint = "Start with 'bundle:' and its name, or remove the file from 'include:'."
    elif "another document" in problem:
        hint = "Keep one document per file: remove the '---' line."
    return BundleError(
        "BUNDLE_YAML_INVALID",
        f"not valid YAML: {problem}",
        where=place,
        hint=hint,
        problem=problem,
        line=place.line,
    )


class _Reader:
    """Converts composed YAML of one file into nodes; remembers which aliases are open."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._open: set[int] = set()
        self._done: dict[int, tuple[Node, int]] = {}
        self._values = 0
        self._repeated = 0

    def convert(self, raw: Any, place: Location) -> Node:
        self._values += 1
        is_anchor = raw.anchor is not None
        if isinstance(raw, ScalarNode):
            return Node(self._scalar(raw, place), place, is_anchor)
        if id(raw) in self._open:
            raise _invalid("an anchor contains itself", place, None)
        if id(raw) in self._done:
            node, size = self._done[id(raw)]
            self._repeat(size, place)
            return replace(node, location=place, is_anchor=False)
        before = self._values
        self._open.add(id(raw))
        node = replace(self._collection(raw, place), is_anchor=is_anchor)
        self._open.discard(id(raw))
        self._done[id(raw)] = node, self._values - before
        return node

    def _repeat(self, size: int, place: Location) -> None:
        """Count what an alias adds: a few lines can mean billions of values."""
        self._values += size
        self._repeated += size
        if self._repeated > MAX_REPEATED:
            raise BundleError(
                "BUNDLE_ALIASES",
                f"aliases add more than {MAX_REPEATED:,} values to the file",
                where=place,
                hint="Repeat less, or write a variable of 'type: complex' and refer to it.",
                line=place.line,
            )

    def _collection(self, raw: Any, place: Location) -> Node:
        self._check_tag(raw, {_TAG + "map", _TAG + "seq"}, place)
        if isinstance(raw, SequenceNode):
            return Node(tuple(self._item(item, place) for item in raw.value), place)
        return Node(self._map(raw), place)

    def _item(self, raw: Any, place: Location) -> Node:
        # An alias has no line of its own: that of its list is nearer than that of its anchor.
        return self.convert(raw, place if id(raw) in self._done else self._line(raw))

    def _map(self, raw: MappingNode) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        for key, value in raw.value:
            place = self._line(key)
            if str(key.tag) == _TAG + "merge":
                inherited = {**self._inherit(value, place), **inherited}
                continue
            name = self._key(key, place)
            if name in entries:
                raise _duplicate(name, entries[name].location, place)
            entries[name] = self.convert(value, place)
        return {**inherited, **entries}

    def _inherit(self, raw: Any, place: Location) -> dict[str, Node]:
        """Read the maps behind a `<<`; of several the later one wins.

        The Databricks CLI does the same; the YAML specification says the opposite.
        """
        sources = raw.value if isinstance(raw, SequenceNode) else [raw]
        merged: dict[str, Node] = {}
        for source in sources:
            node = self.convert(source, place)
            if node.kind != "map":
                raise _invalid("'<<' needs a map or a list of maps", place, None)
            merged = {**merged, **node.entries}
        return merged

    def _key(self, raw: Any, place: Location) -> str:
        if not isinstance(raw, ScalarNode):
            raise _invalid("a key is a list or a map", place, None)
        return str(raw.value)

    def _scalar(self, raw: Any, place: Location) -> Scalar:
        tag, text = str(raw.tag), str(raw.value)
        if tag == _TAG + "null":
            return None
        if tag == _TAG + "bool":
            return text.lower() in {"true", "yes", "on", "y"}
        if tag in {_TAG + "int", _TAG + "float"}:
            return _number(text)
        self._check_tag(raw, _TEXT_TAGS, place)
        if text.isascii():
            return text
        try:  # JSON escapes a character beyond 16 bits as two halves
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as error:
            raise _invalid("half of a surrogate pair", place, None) from error

    def _check_tag(self, raw: Any, known: set[str], place: Location) -> None:
        if str(raw.tag) not in known:
            raise _invalid(f"unknown tag {raw.tag}", place, None)

    def _line(self, raw: Any) -> Location:
        return Location(self._file, raw.start_mark.line + 1)


def _number(text: str) -> Scalar:
    """Read a YAML number; text that Python reads otherwise (.inf, 1:30) stays text."""
    bare = text.replace("_", "")
    for read in (int, lambda digits: int(digits, 0), float):
        try:
            return read(bare)
        except ValueError:
            continue
    return text


def _duplicate(name: str, first: Location, second: Location) -> BundleError:
    return BundleError(
        "BUNDLE_KEY_DUPLICATE",
        f"the key '{name}' appears twice in one map, first on line {first.line}",
        where=second,
        hint="Keep one of them.",
        key=name,
        line=second.line,
        first_line=first.line,
    )

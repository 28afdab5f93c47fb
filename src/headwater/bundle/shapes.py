"""Shapes: what a value of a bundle may be, and what of a tree does not fit.

What does not live here: which keys a bundle knows (`keys`, and `headwater.bundle_check`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from headwater.errors import BundleError, nearest
from headwater.yaml_nodes import Node

PURE_REFERENCE = re.compile(r"\$\{[^${}]+\}")


@dataclass(frozen=True)
class Shape:
    """What a value may be.

    Args:
        kind: any, map, list, text, number or flag.
        keys: the closed set of a map's keys.
        required: those of them that must have a value.
        inner: shape of every item of a list, or of every value of a map with free keys.
        choices: the only values of a text.
        is_section: part of the bundle's own structure, where no reference can stand.
    """

    kind: str
    keys: Mapping[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    inner: Shape | None = None
    choices: tuple[str, ...] = ()
    is_section: bool = False


ANY = Shape("any")
TEXT = Shape("text")
NUMBER = Shape("number")
FLAG = Shape("flag")


def named(shape: Shape, names: str) -> dict[str, Shape]:
    """Return the keys of a map that have one shape; names are separated by spaces."""
    return dict.fromkeys(names.split(), shape)


def fields(**keys: Shape) -> Shape:
    """Return the shape of a map with these keys alone."""
    return Shape("map", keys)


def needing(names: str, shape: Shape) -> Shape:
    """Return the shape of a map in which these keys must have a value."""
    return replace(shape, required=tuple(names.split()))


def each(shape: Shape) -> Shape:
    """Return the shape of a map with free keys."""
    return Shape("map", inner=shape)


def list_of(shape: Shape) -> Shape:
    """Return the shape of a list."""
    return Shape("list", inner=shape)


def one_of(values: str) -> Shape:
    """Return the shape of a text with few values; they are separated by spaces."""
    return Shape("text", choices=tuple(values.split()))


def section(shape: Shape) -> Shape:
    """Return a shape for which no reference can stand."""
    return replace(shape, is_section=True)


_KINDS = {
    "map": {"map"},
    "list": {"list"},
    "text": {"text", "flag", "number"},
    "number": {"number"},
    "flag": {"flag"},
}
# What the Databricks CLI takes for a flag where YAML reads a text.
_SPELLINGS = {
    **dict.fromkeys(("true", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}


def faults(
    node: Node, shape: Shape, path: str = "", *, is_resolved: bool = False
) -> Iterator[BundleError]:
    """Yield what of a tree does not fit a shape; nulls, and references yet to be resolved, pass.

    Yields:
        BUNDLE_TYPE_WRONG, with the line and the full key; BUNDLE_VALUE_WRONG; BUNDLE_KEY_MISSING;
        BUNDLE_KEY_UNKNOWN for each key that the shape does not know, but for `x-...` at the root
        and for values with an anchor, which are there to be repeated.
    """
    may_refer = not is_resolved and not shape.is_section
    if shape.kind == "any" or node.value is None or (may_refer and _is_reference(node)):
        return
    if not _fits(node, shape.kind):
        yield type_wrong(node, path, shape.kind)
        return
    if shape.choices and node.text not in shape.choices:
        yield value_wrong(node, path, shape.choices)
    for key in shape.required:
        if node.get(key) is None:
            yield key_missing(key, path, node)
    for index, item in enumerate(node.items):
        yield from faults(item, shape.inner or ANY, f"{path}[{index}]", is_resolved=is_resolved)
    for key, child in node.entries.items():
        full = f"{path}.{key}" if path else key
        inner = shape.inner or shape.keys.get(key)
        if inner is not None:
            yield from faults(child, inner, full, is_resolved=is_resolved)
        elif full == "include" or not (child.is_anchor or full.startswith("x-")):
            yield _key_unknown(child, full, key, shape)


def as_shaped(node: Node, shape: Shape) -> Node:
    """Return a tree in which numbers and flags are texts where the shape has texts.

    Source: the Databricks CLI, which writes them so into fields of the APIs that are texts.
    """
    if shape.kind == "text" and node.kind in ("flag", "number"):
        return replace(node, value=node.text)
    if node.kind == "list":
        inner = shape.inner or ANY
        return replace(node, value=tuple(as_shaped(item, inner) for item in node.items))
    if node.kind == "map":
        entries = {
            key: as_shaped(child, shape.inner or shape.keys.get(key) or ANY)
            for key, child in node.entries.items()
        }
        return replace(node, value=entries)
    return node


def check(
    node: Node, shape: Shape, path: str = "", *, is_resolved: bool = False
) -> list[BundleError]:
    """Check a tree against a shape.

    Returns:
        A BUNDLE_KEY_UNKNOWN for each key that the shape does not know, to be shown as a warning.

    Raises:
        BundleError: the first of all other faults; BUNDLE_KEY_UNKNOWN for `include` in an included
            file.
    """
    unknown: list[BundleError] = []
    for fault in faults(node, shape, path, is_resolved=is_resolved):
        if fault.code != "BUNDLE_KEY_UNKNOWN" or fault.parameters["key"] == "include":
            raise fault
        unknown.append(fault)
    return unknown


def is_flag(node: Node) -> bool:
    """Whether a value counts as true or false."""
    return isinstance(node.value, bool) or (
        isinstance(node.value, str) and node.value in _SPELLINGS
    )


def is_set(node: Node | None) -> bool:
    """Whether a value counts as true."""
    if node is None:
        return False
    return node.value is True or (isinstance(node.value, str) and _SPELLINGS.get(node.value, False))


def type_wrong(node: Node, path: str, expected: str) -> BundleError:
    """Report that a value is of the wrong kind; the value itself is not shown."""
    wanted = {
        "flag": "true or false",
        "text": "one value",
        "number": "a number",
        "map": "a map",
        "list": "a list",
    }
    return BundleError(
        "BUNDLE_TYPE_WRONG",
        f"'{path}' is a {node.kind} where a {expected} is expected",
        where=node.location,
        hint=f"Set '{path.rpartition('.')[2]}' to {wanted.get(expected, expected)}.",
        key=path,
        expected=expected,
        found=node.kind,
    )


def value_wrong(node: Node, name: str, allowed: Iterable[str]) -> BundleError:
    """Report that a value is not one of the allowed ones."""
    allowed = tuple(allowed)
    return BundleError(
        "BUNDLE_VALUE_WRONG",
        f"'{name}' can't be '{node.text}'",
        where=node.location,
        hint=nearest(node.text, allowed) or f"Choose one of {', '.join(allowed)}.",
        key=name,
        value=node.text,
        allowed=allowed,
    )


def key_missing(key: str, where: str, node: Node) -> BundleError:
    """Report that a map lacks a key."""
    return BundleError(
        "BUNDLE_KEY_MISSING",
        f"'{where}' has no '{key}'",
        where=node.location,
        hint=f"Add '{key}:' there.",
        key=key,
        path=where,
    )


def _key_unknown(node: Node, path: str, key: str, shape: Shape) -> BundleError:
    known = sorted(shape.keys)
    hint = nearest(key, known) or f"Known here: {', '.join(known)}."
    if path == "include":
        hint = "Only databricks.yml may include files: move the entry there."
    return BundleError(
        "BUNDLE_KEY_UNKNOWN",
        f"unknown key '{path}'",
        where=node.location,
        hint=hint,
        key=path,
        line=node.location.line,
    )


def _fits(node: Node, kind: str) -> bool:
    """Whether a value is of a kind, or a text that the Databricks CLI takes for one."""
    if node.kind in _KINDS[kind]:
        return True
    if kind == "flag":
        return is_flag(node)
    return kind == "number" and isinstance(node.value, str) and _is_number(node.value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_reference(node: Node) -> bool:
    return isinstance(node.value, str) and bool(PURE_REFERENCE.fullmatch(node.value))

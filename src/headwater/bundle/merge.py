"""How two parts of a bundle become one: included files, and a target over the rest.

Source: "Override with target settings" in Databricks' documentation of bundles, and the merge
of the Databricks CLI, which it describes. The rules:

- maps merge key by key, deeply; a null never wins over a value;
- a scalar of the later part wins; lists are joined, the earlier part first;
- a pipeline's `clusters` with the same label (any case; none means "default") become one, and so
  do a job's tasks, parameters, clusters and environments of the same key, resources of an app of
  the same name, and grants of the same principal;
- a target's `variables` replace defaults and never merge; its `run_as` replaces as well;
- a map and a list, or either and a scalar, can't be merged; in an item of such a list a variable
  counts as its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from headwater.bundle.keys import variable_undefined
from headwater.errors import BundleError
from headwater.yaml_nodes import Node

_MERGED = ("artifacts", "bundle", "permissions", "presets", "resources", "sync", "workspace")
_MOVED_TO_BUNDLE = ("mode", "cluster_id", "compute_id")
_LABEL = "label"
_GRANTED = ("catalogs", "external_locations", "registered_models", "schemas", "volumes")
_KEYED = (
    ("pipelines", "clusters", _LABEL),
    ("jobs", "tasks", "task_key"),
    ("jobs", "parameters", "name"),
    ("jobs", "job_clusters", "job_cluster_key"),
    ("jobs", "environments", "environment_key"),
    ("apps", "resources", "name"),
    *((kind, "grants", "principal") for kind in _GRANTED),
)
"""Kinds of resources, with a list of theirs and the field that its items are known by."""
_VARIABLE = re.compile(r"\$\{var\.([\w-]+)\}")
Resolve = Callable[[Node], Node]
_VARIABLE_KEYS = {"default", "lookup", "type", "description"}


def merge(base: Node, over: Node, path: str = "", resolve: Resolve = lambda node: node) -> Node:
    """Merge two nodes, `over` winning; the result keeps the place of `base` for maps and lists.

    Merging a map of maps and scalars with itself changes nothing.

    Args:
        resolve: returns the value of a variable that stands where the other has a map or a list.

    Raises:
        BundleError: BUNDLE_MERGE_CONFLICT when the two are of different kinds.
    """
    if over.value is None:
        return base
    if base.value is None:
        return over
    if _form(base) != _form(over):
        base, over = resolve(base), resolve(over)  # a variable may hold a map
    if _form(base) != _form(over):
        raise _conflict(base, over, path)
    if base.kind == "list":
        return replace(base, value=base.items + over.items)
    if base.kind != "map":
        return over
    merged = dict(base.entries)
    for key, child in over.entries.items():
        full = f"{path}.{key}" if path else key
        merged[key] = merge(merged[key], child, full, resolve) if key in merged else child
    return replace(base, value=merged)


def _form(node: Node) -> str:
    return node.kind if node.kind in {"map", "list"} else "scalar"


def apply_target(tree: Node, name: str) -> Node:
    """Return the tree as one target sees it: overrides merged, `targets` removed, mode in `bundle`.

    Raises:
        BundleError: BUNDLE_MERGE_CONFLICT; VARIABLE_UNDEFINED for an override of a variable that
            no file defines.
    """
    target = tree.get("targets", name) or Node({}, tree.location)
    tree = replace(tree, value={k: v for k, v in tree.entries.items() if k != "targets"})
    for key in _MERGED:
        part = target.get(key)
        if part:
            base = tree.get(key)
            tree = tree.put((key,), merge(base, part, key) if base else part)
    git, base = target.get("git"), tree.get("bundle", "git")
    if git:
        tree = tree.put(("bundle", "git"), merge(base, git, "bundle.git") if base else git)
    for key in _MOVED_TO_BUNDLE:
        value = target.get(key)
        tree = tree.put(("bundle", key), value) if value else tree
    run_as = target.get("run_as")
    tree = tree.put(("run_as",), run_as) if run_as else tree
    return _override_variables(tree, target)


def _override_variables(tree: Node, target: Node) -> Node:
    """Replace defaults and lookups; `x: value` is short for `x: {default: value}`."""
    known = tree.below("variables")
    for name, value in target.below("variables").items():
        if name not in known:
            raise variable_undefined(name, known, value.location)
        if value.value is None:
            continue
        is_full = bool(value.entries) and set(value.entries) <= _VARIABLE_KEYS
        given = value.entries if is_full else {"default": value}
        kept = dict(known[name].entries)
        if given.keys() & {"default", "lookup"}:
            kept.pop("default", None)
            kept.pop("lookup", None)
        tree = tree.put(("variables", name), Node({**kept, **given}, known[name].location))
    return tree


def merge_keyed(tree: Node) -> Node:
    """Make one item of those of a list that have the same key; variables have their values by now.

    Raises:
        BundleError: BUNDLE_MERGE_CONFLICT.
    """

    def resolve(node: Node) -> Node:
        named = _VARIABLE.fullmatch(node.text) if node.kind == "text" else None
        return (tree.get("variables", named[1], "value") if named else None) or node

    for kind, field, name in _KEYED:
        for key, resource in tree.below("resources", kind).items():
            found = resource.get(field)
            if found and len(found.items) > 1:
                joined = replace(found, value=tuple(_by_key(found.items, field, name, resolve)))
                tree = tree.put(("resources", kind, key, field), joined)
    return tree


def _by_key(items: Iterable[Node], field: str, name: str, resolve: Resolve) -> Iterable[Node]:
    merged: dict[str, Node] = {}
    for number, item in enumerate(items):
        given = item.get(name)
        key = resolve(given).text if given else f"item {number}"
        if name == _LABEL:
            key = given.text.lower() if given else "default"
        merged[key] = merge(merged[key], item, field, resolve) if key in merged else item
    return merged.values()


def _conflict(base: Node, over: Node, path: str) -> BundleError:
    return BundleError(
        "BUNDLE_MERGE_CONFLICT",
        f"'{path}' is a {over.kind} here and a {base.kind} in {base.location}",
        where=over.location,
        hint="Write both in the same form.",
        key=path,
        base=base.kind,
        over=over.kind,
    )

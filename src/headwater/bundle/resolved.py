"""A bundle's tree with its references resolved as far as this machine knows, and as people see it.

What does not live here: resolution itself (`references`), and what is wrong with the values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from headwater.bundle.load import TargetTree
from headwater.bundle.references import WORKSPACE_ONLY, Resolver, is_foreign
from headwater.bundle.secrets import masked
from headwater.errors import BundleError
from headwater.yaml_nodes import Node

_SECTIONS = (
    "bundle",
    "workspace",
    "variables",
    "artifacts",
    "sync",
    "permissions",
    "run_as",
    "presets",
    "resources",
    "experimental",
    "python",
    "scripts",
)
"""What of the tree a target sees, in the order in which it is shown."""


def resolve_known(node: Node, resolver: Resolver, report: Callable[[BundleError], None]) -> Node:
    """Return the tree with its references resolved; a text that can't be stays as it is written.

    Args:
        report: called with each error, but for what only a workspace knows and for text such as
            `${HOME}`, which is no reference of bundles.
    """
    if isinstance(node.value, str):
        try:
            return resolver.resolve(node)
        except BundleError as error:
            if error.code not in WORKSPACE_ONLY and not is_foreign(error):
                report(error)
            return node
    if node.kind == "list":
        items = tuple(resolve_known(item, resolver, report) for item in node.items)
        return replace(node, value=items)
    if node.kind == "map":
        entries = {
            key: resolve_known(child, resolver, report) for key, child in node.entries.items()
        }
        return replace(node, value=entries)
    return node


def with_values(tree: Node) -> Node:
    """Return a tree in which each variable is its value; null where only a workspace knows it."""
    variables = tree.get("variables")
    if variables is None:
        return tree
    values = {
        name: variable.get("value") or Node(None, variable.location)
        for name, variable in variables.entries.items()
    }
    return tree.put(("variables",), Node(values, variables.location))


def shown_tree(seen: TargetTree, report: Callable[[BundleError], None]) -> Node:
    """Return what a target sees, with secrets in plain text masked wherever they lead.

    Variables are shown as their values, and ids that only a deployment would give are left out.
    """
    resolver = Resolver(masked(seen.complete))
    tree = with_values(masked(seen.named))
    sections = {name: tree.get(name) for name in _SECTIONS}
    kept = {name: node for name, node in sections.items() if node and node.value not in ({}, ())}
    return resolve_known(Node(kept, tree.location), resolver, report)

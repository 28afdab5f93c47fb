"""Who may do what with a bundle's resources, and who runs them: what is said once for all of them.

Source: "Set permissions for resources" and "Specify a run identity" in Databricks' documentation of
bundles, read November 2026; the level of each kind is the one that the Databricks CLI chooses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from headwater.bundle.references import Resolver
from headwater.errors import BundleError
from headwater.yaml_nodes import Node

LEVELS = ("CAN_MANAGE", "CAN_RUN", "CAN_VIEW")
"""Levels of the permissions of a whole bundle."""
PRINCIPALS = ("group_name", "service_principal_name", "user_name")

_READ = {"CAN_MANAGE": "CAN_MANAGE", "CAN_VIEW": "CAN_READ"}
_USE = {"CAN_MANAGE": "CAN_MANAGE", "CAN_VIEW": "CAN_USE"}
_ATTACH = {"CAN_MANAGE": "CAN_MANAGE", "CAN_VIEW": "CAN_ATTACH_TO"}
_LEVELS: Mapping[str, Mapping[str, str]] = {
    "alerts": {**_READ, "CAN_RUN": "CAN_RUN"},
    "apps": _USE,
    "clusters": {**_ATTACH, "CAN_RUN": "CAN_RESTART"},
    "dashboards": _READ,
    "database_instances": _USE,
    "experiments": _READ,
    "genie_spaces": _READ,
    "instance_pools": _ATTACH,
    "jobs": {
        "CAN_MANAGE": "CAN_MANAGE",
        "CAN_RUN": "CAN_MANAGE_RUN",
        "CAN_VIEW": "CAN_VIEW",
    },
    "model_serving_endpoints": {
        "CAN_MANAGE": "CAN_MANAGE",
        "CAN_RUN": "CAN_QUERY",
        "CAN_VIEW": "CAN_VIEW",
    },
    "models": _READ,
    "pipelines": {level: level for level in LEVELS},
    "postgres_projects": _USE,
    "secret_scopes": {"CAN_MANAGE": "MANAGE", "CAN_VIEW": "READ"},
    "sql_warehouses": {
        "CAN_MANAGE": "CAN_MANAGE",
        "CAN_RUN": "CAN_MONITOR",
        "CAN_VIEW": "CAN_VIEW",
    },
    "vector_search_endpoints": _USE,
}
"""What a level of the whole bundle is for a resource of a kind; other kinds get none."""
_RUN = ("alerts", "jobs", "pipelines")
"""Kinds of resources that run as somebody."""


def apply_access(tree: Node) -> Node:
    """Give each resource the bundle's `permissions` and `run_as`, where it has none of its own.

    A resource's own word for a principal counts, as does its own `run_as`.
    """
    resolver = Resolver(tree)
    everywhere, run_as = tree.get("permissions"), tree.get("run_as")
    given = list(_permissions(everywhere, resolver))
    for kind, levels in _LEVELS.items():
        for key, resource in tree.below("resources", kind).items():
            if resource.kind != "map":  # a reference that leads nowhere, to be told of
                continue
            path = ("resources", kind, key)
            own = _opened(resource.get("permissions"), resolver)
            more = tuple(_missing(given, own, levels, resolver))
            if more and (own is None or own.kind == "list"):
                place = own.location if own else resource.location
                kept = own.items if own else ()
                tree = tree.put((*path, "permissions"), Node((*kept, *more), place))
            if run_as and kind in _RUN and not resource.get("run_as"):
                tree = tree.put((*path, "run_as"), run_as)
    return tree


def principal_of(permission: Node, resolver: Resolver) -> tuple[str, str]:
    """Return the kind and the name of who a permission is for; nothing where nobody is named."""
    for field in PRINCIPALS:
        name = permission.get(field)
        if name:
            return field, resolver.known_text(name)
    return "", ""


def _permissions(everywhere: Node | None, resolver: Resolver) -> Iterator[Node]:
    """Yield the permissions of the whole bundle that can be read."""
    listed = _opened(everywhere, resolver)
    for item in listed.items if listed else ():
        each = _opened(item, resolver)
        if each and each.kind == "map" and each.get("level"):
            yield each


def _opened(node: Node | None, resolver: Resolver) -> Node | None:
    """Return what a reference leads to; the node itself where that is not known."""
    try:
        return resolver.opened(node) if node else None
    except BundleError:  # told elsewhere
        return node


def _missing(
    given: list[Node], own: Node | None, levels: Mapping[str, str], resolver: Resolver
) -> Iterator[Node]:
    """Yield those of the bundle's permissions that a resource of a kind gets."""
    opened = [_opened(each, resolver) for each in (own.items if own else ())]
    told = {principal_of(each, resolver) for each in opened if each}
    for each in given:
        level = each.entries["level"]
        meant = levels.get(resolver.known_text(level))
        if meant and principal_of(each, resolver) not in told:
            yield each.put(("level",), Node(meant, level.location))

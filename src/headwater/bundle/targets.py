"""What choosing a target means: which one, its workspace paths, its mode and presets.

Source: "Deployment modes" and "Substitutions" in Databricks' documentation of bundles, and for
details the presets of the Databricks CLI. Local only: `workspace.file_path` is the bundle's own
folder, and the ids of resources are names or stable local ids.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from headwater.bundle.git import find_checkout
from headwater.bundle.job_presets import PRESET_FIELDS, with_presets
from headwater.bundle.references import WORKSPACE_ONLY, Resolver
from headwater.bundle.shapes import is_set, type_wrong, value_wrong
from headwater.errors import BundleError, nearest
from headwater.yaml_nodes import Node, as_node

MODES = ("development", "production")
LOCAL_HOST = "https://local.invalid"
"""Replaces the address of the workspace: a name that never resolves, on any machine."""
_PAUSE = ("PAUSED", "UNPAUSED")
_FILES = re.compile(
    r"(?:/Workspace)?\$\{workspace\.root_path\}/files(?![\w.-])"
    r"|/Workspace\$\{workspace\.file_path\}"
)


_Rename = Callable[[str, str], str]


def _plain(prefix: str, name: str) -> str:
    return prefix + name


def _normalized(prefix: str, name: str) -> str:
    return _normalize_prefix(prefix) + name


def _in_folder(prefix: str, name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{prefix}{last}"


_RENAMED: Mapping[str, tuple[str, _Rename]] = {
    "alerts": ("display_name", _plain),
    "clusters": ("cluster_name", _plain),
    "dashboards": ("display_name", _plain),
    "experiments": ("name", _in_folder),
    "genie_spaces": ("title", _plain),
    "model_serving_endpoints": ("name", _normalized),
    "models": ("name", _plain),
    "registered_models": ("name", _normalized),
    "sql_warehouses": ("name", _plain),
}
"""Kinds of resources beside pipelines, jobs and schemas that get a prefix: the field, and how."""


def choose_target(tree: Node, wanted: str | None) -> str:
    """Return the target's name: the wanted one, the default, the only one, or "default" of none.

    Raises:
        BundleError: TARGET_UNKNOWN, TARGET_AMBIGUOUS for two defaults, TARGET_MISSING when
            there are several and none is the default.
    """
    targets = tree.get("targets")
    known = dict(targets.entries) if targets else {}
    if wanted is not None and wanted in (known or {"default": tree}):
        return wanted
    names = ", ".join(known) or "default"
    if wanted is not None:
        raise BundleError(
            "TARGET_UNKNOWN",
            f"no target '{wanted}'",
            where=(targets or tree).location,
            hint=nearest(wanted, known) or f"Its targets: {names}.",
            target=wanted,
            known=tuple(known),
        )
    defaults = [name for name, node in known.items() if is_set(node.get("default"))]
    if len(defaults) == 1 or len(known) < 2:
        return next(iter([*defaults, *known, "default"]))
    raise BundleError(
        "TARGET_AMBIGUOUS" if defaults else "TARGET_MISSING",
        f"several targets are the default: {', '.join(defaults)}"
        if defaults
        else "no target given",
        where=(targets or tree).location,
        hint="Keep 'default: true' on one of them."
        if defaults
        else f"Choose one with -t: {names}.",
        known=tuple(defaults or known),
    )


def short_name(user_name: str) -> str:
    """Return the user's name as bundles put it into names: `Alice.Doe@x.org` is `alice_doe`."""
    return _normalize(user_name.partition("@")[0])


def add_locals(tree: Node, *, target: str, root: Path, user_name: str) -> Node:
    """Add what a workspace would know: `bundle.target`, the user, and the workspace's paths.

    `${workspace.root_path}/files`, where bundles have their files, is `${workspace.file_path}`.
    """
    tree = tree.with_texts(lambda text: _FILES.sub("${workspace.file_path}", text))
    place, short = tree.location, short_name(user_name)
    for section in ("bundle", "workspace", "variables", "resources"):
        tree = tree if tree.get(section) else tree.put((section,), Node({}, place))
    defaults = {
        "artifact_path": "${workspace.root_path}/artifacts",
        "resource_path": "${workspace.root_path}/resources",
        "root_path": root.as_posix(),
        "state_path": "${workspace.root_path}/state",
    }
    for key, value in defaults.items():
        if not tree.get("workspace", key):
            tree = tree.put(("workspace", key), Node(value, place))
    host = tree.get("workspace", "host")
    if host is None or not host.text:
        tree = tree.put(("workspace", "host"), Node(LOCAL_HOST, place))
    user = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, user_name).int % 10**16),
        "userName": user_name,
        "displayName": user_name,
        "active": True,
        "short_name": short,
        "domain_friendly_name": short.replace("_", "-"),
    }
    tree = tree.put(("workspace", "current_user"), as_node(user, place))
    tree = tree.put(("workspace", "file_path"), Node(root.as_posix(), place))
    tree = _add_git(tree, root)
    tree = tree.put(("bundle", "environment"), Node(target, place))
    return tree.put(("bundle", "target"), Node(target, place))


def _add_git(tree: Node, root: Path) -> Node:
    """Fill what the bundle does not say itself in `bundle.git` from the checkout."""
    checkout = find_checkout(root)
    if checkout is None:
        return tree
    said = tree.get("bundle", "git")
    is_inferred = not (said and said.get("branch")) and checkout.branch is not None
    given = {
        "branch": checkout.branch,
        "commit": checkout.commit,
        "origin_url": checkout.origin_url,
        "bundle_root_path": root.relative_to(checkout.root).as_posix(),
    }
    computed = {"actual_branch": checkout.branch, "inferred": is_inferred}
    for key, value in given.items():
        known = said.get(key) if said else None
        if value is not None and not (known and known.text):
            tree = tree.put(("bundle", "git", key), Node(value, tree.location))
    for key, fact in computed.items():
        if fact is not None:
            tree = tree.put(("bundle", "git", key), Node(fact, tree.location))
    return tree


def apply_mode(tree: Node) -> Node:
    """Rename and set what the target's mode and presets ask for; in jobs see `with_presets`.

    Development puts `[dev <user>] ` before pipelines and jobs and `dev_<user>_` before schemas, and
    one of both before the names of `_RENAMED`; it sets `development` on pipelines and takes
    `continuous` away, for its triggers are paused. `presets` change each of these, and
    `experimental.skip_name_prefix_for_schema` leaves schemas alone. Volumes keep their names. What
    names a schema of the bundle literally, catalog and all, follows the schema's new name.

    Raises:
        BundleError: BUNDLE_VALUE_WRONG, MODE_CONFLICT for a production target with a pipeline
            in development.
    """
    resolver = Resolver(tree)
    mode = _choice(resolver, tree.get("bundle", "mode"), "mode", MODES)
    is_development = mode == "development"
    pause = tree.get("presets", "trigger_pause_status")
    paused = _choice(resolver, pause, "trigger_pause_status", _PAUSE)
    wish = tree.get("presets", "pipelines_development")
    chosen = tree.get("presets", "name_prefix")
    prefix = resolver.resolve(chosen).text if chosen else ""
    if is_development and not prefix:
        user = tree.get("workspace", "current_user", "short_name")
        prefix = f"[dev {user.text if user else ''}] "
    keeps = tree.get("experimental", "skip_name_prefix_for_schema")
    if prefix and not (keeps and is_set(resolver.resolve(keeps))):
        tree = _rename_schemas(_follow_schemas(tree, resolver), _normalize_prefix(prefix))
    for kind, (field, renamed) in _RENAMED.items() if prefix else ():
        for key, resource in tree.below("resources", kind).items():
            name = resource.get(field)
            if name:
                new = Node(renamed(prefix, name.text), name.location)
                tree = tree.put(("resources", kind, key, field), new)
    for key, pipeline in tree.below("resources", "pipelines").items():
        path = ("resources", "pipelines", key)
        name = pipeline.get("name") or Node(key, pipeline.location)
        tree = tree.put((*path, "name"), Node(prefix + name.text, name.location))
        if is_set(resolver.resolve(wish)) if wish else is_development:
            tree = tree.put((*path, "development"), Node(True, pipeline.location))
        elif mode == "production":
            _refuse_development(pipeline, resolver, key)
        if paused == "PAUSED" or (is_development and not paused):
            tree = tree.put((*path, "continuous"), Node(False, pipeline.location))
    presets = tree.get("presets")
    presets = presets and _with_map(presets, "tags", resolver)
    for key, written in tree.below("resources", "jobs").items():
        try:
            job = resolver.opened(written)  # it may be a variable as a whole
        except BundleError:  # told when the job is asked for
            continue
        name = job.get("name") or Node(key, job.location)
        named = job.put(("name",), Node(prefix + name.text, name.location))
        for field in PRESET_FIELDS:
            named = _with_map(named, field, resolver)
        preset = with_presets(named, presets, is_development=is_development)
        tree = tree.put(("resources", "jobs", key), preset)
    return tree


def _with_map(node: Node, field: str, resolver: Resolver) -> Node:
    """Resolve a field that stands for a map, such as `${var.schedule}`, as far as it is known."""
    given = node.get(field)
    if given is None or not isinstance(given.value, str):
        return node
    try:
        return node.put((field,), resolver.resolve(given))
    except BundleError:  # told elsewhere, or known to a workspace alone
        return node


def add_computed(tree: Node) -> Node:
    """Add the fields that a deployment would compute: ids and volume paths."""
    resolver = Resolver(tree)
    name, target = (tree.get("bundle", key) for key in ("name", "target"))
    label = "/".join(resolver.resolve(node).text for node in (name, target) if node)
    for key in tree.below("resources", "pipelines"):
        local_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{label}/{key}"))
        tree = _default(tree, "pipelines", key, "id", local_id)
    for key, job in tree.below("resources", "jobs").items():  # the id of a job is a number
        if job.kind != "map":  # a reference that leads nowhere, to be told of
            continue
        local_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{label}/jobs/{key}").int % 10**15)
        tree = _default(tree, "jobs", key, "id", local_id)
    for key in tree.below("resources", "schemas"):
        me = f"resources.schemas.{key}"
        tree = _default(tree, "schemas", key, "id", f"${{{me}.catalog_name}}.${{{me}.name}}")
    for key in tree.below("resources", "volumes"):
        parts = [
            f"${{resources.volumes.{key}.{f}}}" for f in ("catalog_name", "schema_name", "name")
        ]
        tree = _default(tree, "volumes", key, "id", ".".join(parts))
        tree = _default(tree, "volumes", key, "volume_path", "/Volumes/" + "/".join(parts))
    return tree


def _default(tree: Node, kind: str, key: str, field: str, value: str) -> Node:
    path = ("resources", kind, key, field)
    return tree if tree.get(*path) else tree.put(path, Node(value, tree.location))


def _follow_schemas(tree: Node, resolver: Resolver) -> Node:
    """Turn literal names of the bundle's schemas into references to them."""
    known: dict[tuple[str, str], str] = {}
    for key, schema in tree.below("resources", "schemas").items():
        pair = _resolved_pair(schema, "catalog_name", "name", resolver)
        if pair:
            known.setdefault(pair, key)
    for kind, catalog, fields in (
        ("pipelines", "catalog", ("schema", "target")),
        ("volumes", "catalog_name", ("schema_name",)),
        ("registered_models", "catalog_name", ("schema_name",)),
    ):
        for key, node in tree.below("resources", kind).items():
            for field in fields:
                pair = _resolved_pair(node, catalog, field, resolver)
                if pair in known:
                    reference = Node(f"${{resources.schemas.{known[pair]}.name}}", node.location)
                    tree = tree.put(("resources", kind, key, field), reference)
    return tree


def _resolved_pair(
    node: Node, first: str, second: str, resolver: Resolver
) -> tuple[str, str] | None:
    """Return the texts of two fields; None where one is absent or known to a workspace alone."""
    one, two = node.get(first), node.get(second)
    if one is None or two is None:
        return None
    try:
        return resolver.resolve(one).text, resolver.resolve(two).text
    except BundleError as error:
        if error.code in WORKSPACE_ONLY:
            return None
        raise


def _rename_schemas(tree: Node, prefix: str) -> Node:
    for key, schema in tree.below("resources", "schemas").items():
        name = schema.get("name")
        if name:
            renamed = Node(prefix + name.text, name.location)
            tree = tree.put(("resources", "schemas", key, "name"), renamed)
    return tree


def _refuse_development(pipeline: Node, resolver: Resolver, key: str) -> None:
    node = pipeline.get("development")
    if node and is_set(resolver.resolve(node)):
        raise BundleError(
            "MODE_CONFLICT",
            f"the pipeline '{key}' is in development in a production target",
            where=node.location,
            hint="Remove 'development: true'; Databricks rejects it as well.",
            key=key,
        )


def _choice(
    resolver: Resolver, node: Node | None, name: str, allowed: tuple[str, ...]
) -> str | None:
    if node is None:
        return None
    value = resolver.resolve(node)
    if value.kind in {"map", "list"}:
        raise type_wrong(value, name, "text")
    if value.text not in allowed:
        raise value_wrong(value, name, allowed)
    return value.text


def _normalize(text: str) -> str:
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_")


def _normalize_prefix(prefix: str) -> str:
    """Turn `[dev alice] ` into `dev_alice_`; a prefix without brackets gets no underscore."""
    return _normalize(prefix) + ("_" if prefix.strip().endswith("]") else "")

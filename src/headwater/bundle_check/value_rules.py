"""Rules on single values: schedules, secrets in plain text, volume paths, who runs production."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headwater.bundle.secrets import plain_secrets
from headwater.bundle_check.cron import cron_problem
from headwater.bundle_check.seen import Seen, finding, is_open, text_of
from headwater.errors import BundleError
from headwater.finding import Finding
from headwater.yaml_nodes import Node

_CRON = "quartz_cron"
"""Begins the name of each field that holds a cron expression, in every kind of resource."""
_VOLUME = re.compile(r"/Volumes/([^/\s]+)/([^/\s]+)/([^/\s]+)")


def schedules(seen: Seen) -> Iterator[Finding]:
    """Find cron expressions that are none."""
    resources = seen.declared.get("resources")
    for key, node in _values(resources) if resources else ():
        if key.startswith(_CRON) and not is_open(node.text):
            problem = cron_problem(node.text)
            if problem:
                said = f"'{node.text}' is not a Quartz cron expression: {problem}"
                hint = "Write seconds, minutes, hours, day, month, day of week: '0 30 6 * * ?'."
                yield finding("CRON_INVALID", said, node, hint)


def secrets(seen: Seen) -> Iterator[Finding]:
    """Find secrets in plain text; values are not told."""
    tree = seen.steps.declared
    variables = tree.below("variables").values()
    given = {id(each.get("value")) for each in variables} - {
        id(each.get("default")) for each in variables
    }
    hint = "Keep it in a secret scope, and refer to it with {{secrets/scope/key}}."
    for secret in plain_secrets(tree):
        if id(secret.node) in given:  # by the caller: not in a file
            continue
        if secret.looks:
            said = f"'{secret.key}' holds {secret.looks} in plain text"
            yield finding("SECRET_IN_PLAIN_TEXT", said, secret.node, hint)
        else:
            said = f"'{secret.key}' seems to hold a secret in plain text"
            yield finding("SECRET_IN_PLAIN_TEXT", said, secret.node, hint, "warning")


def volume_paths(seen: Seen) -> Iterator[Finding]:
    """Find literal paths into schemas of the bundle that the target's mode or presets rename."""
    renamed = _renamed_schemas(seen)
    if not renamed:
        return
    tree = seen.steps.declared
    variables = [node.get("default") for node in tree.below("variables").values()]
    for root in filter(None, (tree.get("resources"), *variables)):
        for _, node in _values(root):
            found = _VOLUME.search(_resolved(node, seen)) if "/Volumes/" in node.text else None
            schema = renamed.get((found[1], found[2])) if found else None
            if found and schema:
                yield finding(
                    "VOLUME_PATH_LITERAL",
                    f"the path is literal, and this target renames the schema '{found[2]}'",
                    node,
                    f"Write {_better_path(seen, found, schema)} instead.",
                    "warning",
                )


def _renamed_schemas(seen: Seen) -> dict[tuple[str, str], str]:
    """Return the keys of schemas that get another name, by catalog and name as written."""
    renamed = {}
    for key, schema in seen.resources("schemas").items():
        before = text_of(schema, "name")
        node = seen.steps.named.get("resources", "schemas", key, "name")
        if before and node and _resolved(node, seen) != before:
            renamed[text_of(schema, "catalog_name"), before] = key
    return renamed


def _better_path(seen: Seen, found: re.Match[str], schema: str) -> str:
    for key, volume in seen.resources("volumes").items():
        if text_of(volume, "name") == found[3]:
            return f"${{resources.volumes.{key}.volume_path}}"
    return f"/Volumes/{found[1]}/${{resources.schemas.{schema}.name}}/..."


def _resolved(node: Node, seen: Seen) -> str:
    try:
        return seen.resolver.resolve(node).text
    except BundleError:  # told elsewhere, or known to a workspace alone
        return node.text


def identity(seen: Seen) -> Iterator[Finding]:
    """Find a production target that says neither who runs it nor who may change it.

    Databricks asks for `run_as` and permissions unless a service principal deploys, which can't be
    known here; its templates have permissions alone.
    """
    runs = [*seen.resources("jobs").values(), *seen.resources("pipelines").values()]
    is_told = seen.declared.get("run_as") or seen.declared.get("permissions")
    if seen.mode != "production" or is_told or all(each.get("run_as") for each in runs):
        return
    target = seen.files.get("targets", seen.steps.target) or seen.files
    yield finding(
        "RUN_AS_MISSING",
        f"the production target '{seen.steps.target}' has neither 'run_as' nor 'permissions'",
        target,
        "Add 'run_as:' with a 'service_principal_name:', so that it does not run as who deploys.",
        "warning",
    )


def names(seen: Seen) -> Iterator[Finding]:
    """Find a bundle without a name, and a production target that each user deploys for themselves.

    Without a root_path of the target the CLI deploys into the folder of whoever deploys. It refuses
    that in production mode, unless jobs have a `run_as` or a service principal deploys.
    """
    name = seen.declared.get("bundle", "name")
    if name is None or not name.text:
        said = "the bundle has no name"
        where = seen.files.get("bundle") or seen.files
        yield finding("BUNDLE_NAME_MISSING", said, where, "Add 'bundle:' with a 'name:'.")
    target = seen.files.get("targets", seen.steps.target)
    if seen.mode != "production" or target is None or _has_root(seen, target):
        return
    yield finding(
        "ROOT_PATH_MISSING",
        f"the production target '{seen.steps.target}' has no 'root_path': each user who deploys it "
        "makes a copy",
        target,
        "Add 'workspace:' with 'root_path: /Workspace/Users/<who deploys>/.bundle/${bundle.name}/"
        "${bundle.target}'.",
        "warning",
    )


def _has_root(seen: Seen, target: Node) -> bool:
    told = target.get("workspace", "root_path") or seen.files.get("workspace", "root_path")
    return told is not None and bool(told.text)


def development(seen: Seen) -> Iterator[Finding]:
    """Find presets with which the Databricks CLI refuses a target in development mode."""
    if seen.mode != "development":
        return
    pause, prefix = (
        seen.declared.get("presets", name) for name in ("trigger_pause_status", "name_prefix")
    )
    if pause and _resolved(pause, seen) == "UNPAUSED":
        said = "triggers are never unpaused by a preset in development mode"
        yield finding("PRESET_INVALID", said, pause, "Unpause those that you need, one by one.")
    user = seen.steps.complete.get("workspace", "current_user", "short_name")
    if prefix and user and user.text not in _resolved(prefix, seen):
        yield finding(
            "PRESET_INVALID",
            "the name_prefix does not tell the users of a target in development mode apart",
            prefix,
            "Put ${workspace.current_user.short_name} into it.",
        )


def _values(node: Node, key: str = "") -> Iterator[tuple[str, Node]]:
    """Yield every single value below a node, with its key."""
    for name, child in node.entries.items():
        yield from _values(child, name)
    for item in node.items:
        yield from _values(item, key)
    if node.kind not in ("map", "list", "null"):
        yield key, node

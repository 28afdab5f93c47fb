"""Rules on single values: schedules, secrets in plain text, paths, names, presets."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headwater.bundle.secrets import plain_secrets
from headwater.bundle_check.cron import cron_problem
from headwater.bundle_check.seen import Seen, finding, is_open, text_of
from headwater.finding import Finding
from headwater.yaml_nodes import Node

_CRON = "quartz_cron"
"""Begins the name of each field that holds a cron expression, in every kind of resource."""
_FOLDERS = ("root_path", "file_path", "artifact_path", "resource_path", "state_path")
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
            is_path = "/Volumes/" in node.text
            found = _VOLUME.search(seen.resolver.known_text(node)) if is_path else None
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
        if before and node and seen.resolver.known_text(node) != before:
            renamed[text_of(schema, "catalog_name"), before] = key
    return renamed


def _better_path(seen: Seen, found: re.Match[str], schema: str) -> str:
    for key, volume in seen.resources("volumes").items():
        if text_of(volume, "name") == found[3]:
            return f"${{resources.volumes.{key}.volume_path}}"
    return f"/Volumes/{found[1]}/${{resources.schemas.{schema}.name}}/..."


def lookups(seen: Seen) -> Iterator[Finding]:
    """Find variables that look up nothing, or more than one thing."""
    for name, variable in seen.steps.declared.below("variables").items():
        lookup = variable.get("lookup")
        if lookup and lookup.kind == "map" and len(lookup.entries) != 1:
            said = f"the variable '{name}' looks up {' and '.join(lookup.entries) or 'nothing'}"
            hint = (
                "Give its 'lookup:' one kind of resource with a name, such as 'warehouse: Shared'."
            )
            yield finding("LOOKUP_INVALID", said, lookup, hint)


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
    if seen.mode != "production" or target is None or _has_root(target):
        return
    lack = "has no 'root_path': each user who deploys it makes a copy"
    if _has_root(seen.files):
        jobs = seen.steps.named.below("resources", "jobs").values()
        if all(job.get("run_as") for job in jobs):
            return
        lack = (
            "has no 'root_path' of its own: the CLI refuses it unless a service principal deploys"
        )
    yield finding(
        "ROOT_PATH_MISSING",
        f"the production target '{seen.steps.target}' {lack}",
        target,
        "Add 'workspace:' with 'root_path: /Workspace/Users/<who deploys>/.bundle/${bundle.name}/"
        "${bundle.target}'.",
        "warning",
    )


def _has_root(files: Node) -> bool:
    told = files.get("workspace", "root_path")
    return told is not None and bool(told.text)


def development(seen: Seen) -> Iterator[Finding]:
    """Find presets and folders with which the CLI refuses a target in development mode."""
    if seen.mode != "development":
        return
    pause, prefix = (
        seen.declared.get("presets", name) for name in ("trigger_pause_status", "name_prefix")
    )
    if pause and seen.resolver.known_text(pause) == "UNPAUSED":
        said = "triggers are never unpaused by a preset in development mode"
        yield finding("PRESET_INVALID", said, pause, "Unpause those that you need, one by one.")
    yield from _shared_folders(seen)
    user = seen.steps.complete.get("workspace", "current_user", "short_name")
    if prefix and user and user.text not in seen.resolver.known_text(prefix):
        yield finding(
            "PRESET_INVALID",
            "the name_prefix does not tell the users of a target in development mode apart",
            prefix,
            "Put ${workspace.current_user.short_name} into it.",
        )


def _shared_folders(seen: Seen) -> Iterator[Finding]:
    """Find folders that the users of a target in development mode would share."""
    user = seen.steps.complete.below("workspace", "current_user")
    names = [user[field].text for field in ("userName", "short_name") if field in user]
    for field in _FOLDERS:
        told = seen.files.get("targets", seen.steps.target, "workspace", field)
        folder = told or seen.files.get("workspace", field)
        if folder is None or "${workspace." in folder.text:
            continue
        path = seen.resolver.known_text(folder)
        if not is_open(path) and not path.startswith("~") and not any(n in path for n in names):
            yield finding(
                "FOLDER_SHARED",
                f"users of a target in development mode would share the {field} '{path}'",
                folder,
                "Begin it with '~/', or put ${workspace.current_user.userName} into it, which is "
                "HEADWATER_USER here.",
            )


def _values(node: Node, key: str = "") -> Iterator[tuple[str, Node]]:
    """Yield every single value below a node, with its key."""
    for name, child in node.entries.items():
        yield from _values(child, name)
    for item in node.items:
        yield from _values(item, key)
    if node.kind not in ("map", "list", "null"):
        yield key, node

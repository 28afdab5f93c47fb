"""Rules on who runs a bundle's jobs and pipelines, and who may change them.

Source: "Specify a run identity" and "Set permissions for resources" in Databricks' documentation of
bundles, read November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator

from headwater.bundle.access import LEVELS, PRINCIPALS, principal_of
from headwater.bundle_check.seen import Seen, finding, is_open, listed, text_of
from headwater.finding import Finding
from headwater.yaml_nodes import Node

_AS_THEIR_OWNER = ("apps", "dashboards", "model_serving_endpoints", "quality_monitors")


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


def run_identities(seen: Seen) -> Iterator[Finding]:
    """Find `run_as` that names nobody, or more than one."""
    runs = [*seen.resources("jobs").values(), *seen.resources("pipelines").values()]
    for each in (seen.declared, *runs):
        told = each.get("run_as")
        if told is None or told.kind != "map":
            continue
        named = [field for field in PRINCIPALS if told.get(field)]
        if len(named) != 1:
            problem = "names nobody" if not named else f"has {' and '.join(named)}"
            hint = "Give it one of user_name, service_principal_name and group_name."
            yield finding("RUN_AS_INVALID", f"'run_as' {problem}", told, hint)


def run_as_of_owners(seen: Seen) -> Iterator[Finding]:
    """Find a `run_as` of the whole bundle beside resources that run as their owner alone."""
    told = seen.declared.get("run_as")
    user = seen.steps.complete.get("workspace", "current_user", "userName")
    if told is None or (user and text_of(told, "user_name") == user.text):
        return
    for kind in _AS_THEIR_OWNER:
        for key, resource in seen.resources(kind).items():
            embeds = text_of(resource, "embed_credentials") == "true"
            if kind != "dashboards" or embeds:
                yield finding(
                    "RUN_AS_UNSUPPORTED",
                    f"{kind}.{key} runs as its owner: deploy as the one of 'run_as'",
                    resource,
                    "Leave 'run_as' to the jobs and pipelines, one by one.",
                    "warning",
                )


def levels(seen: Seen) -> Iterator[Finding]:
    """Find levels that permissions of a whole bundle do not have."""
    for each in listed(seen.declared, "permissions"):
        level = each.get("level")
        if level and level.text not in LEVELS and not is_open(level.text):
            said = f"permissions of a whole bundle have no level '{level.text}'"
            hint = f"Choose one of {', '.join(LEVELS)}, or say it for the resource."
            yield finding("PERMISSION_LEVEL_INVALID", said, level, hint)


def overlaps(seen: Seen) -> Iterator[Finding]:
    """Find permissions of a resource for somebody who has them for the whole bundle."""
    everywhere = {
        principal_of(each, seen.resolver) for each in listed(seen.declared, "permissions")
    }
    for kind, resources in seen.declared.below("resources").items():
        for key, resource in resources.entries.items():
            for each in listed(resource, "permissions"):
                who = principal_of(each, seen.resolver)
                if who[1] and who in everywhere:
                    yield _overlap(f"{kind}.{key}", who[1], each)


def _overlap(resource: str, name: str, permission: Node) -> Finding:
    return finding(
        "PERMISSIONS_OVERLAP",
        f"'{name}' has permissions for {resource} and for the whole bundle",
        permission,
        "Keep one of them; that of the resource counts.",
        "warning",
    )

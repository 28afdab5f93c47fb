"""Jobs of a bundle as the settings that a local run takes.

Fields that say nothing of a local run, such as compute, schedules and notifications, are left
unresolved: only a workspace may know what they refer to. What does not live here: running a job
(`headwater.jobs`).

Source: "Job" in Databricks' resource reference of bundles and the Jobs API 2.2, read November
2026. A relative path counts from the YAML file that holds it, that of a task from Git from the root
of the checkout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from headwater.bundle.git import find_checkout
from headwater.bundle.libraries import is_local, local_path
from headwater.bundle.references import Resolver
from headwater.bundle.spec import JobSpec
from headwater.yaml_nodes import Node

_OF_A_JOB = ("name", "parameters", "tasks", "timeout_seconds")
_OF_A_TASK = (
    "depends_on",
    "disabled",
    "max_retries",
    "min_retry_interval_millis",
    "retry_on_timeout",
    "run_if",
    "task_key",
    "timeout_seconds",
)
_KIND = "_task"
TASK_PATHS: Mapping[str, tuple[str, ...]] = {
    "dbt_task": ("project_directory",),
    "notebook_task": ("notebook_path",),
    "spark_python_task": ("python_file",),
    "sql_task": ("file", "path"),
}
"""Where a kind of task has a path of the bundle."""
RUN_HERE = frozenset(
    [
        "condition_task",
        "dbt_task",
        "for_each_task",
        "notebook_task",
        "pipeline_task",
        "python_wheel_task",
        "run_job_task",
        "spark_python_task",
        "sql_task",
    ]
)
_OF_A_WAREHOUSE = ("alert", "dashboard")
"""Kinds of SQL tasks that no local run has."""
_OF_A_WORKSPACE = ("source", "warehouse_id")


def read_job(key: str, node: Node, resolver: Resolver, root: Path) -> JobSpec:
    """Resolve what a local run needs of a job.

    Raises:
        BundleError: of a reference, or BUNDLE_PATH_OUTSIDE.
    """
    node = resolver.opened(node)
    given = {name: child for name, child in node.entries.items() if name in _OF_A_JOB}
    tasks = given.pop("tasks", None)
    settings = {name: resolver.resolve(child).plain() for name, child in given.items()}
    settings.setdefault("name", key)
    places: dict[str, str] = {}
    if tasks is not None:
        is_git = node.get("git_source") is not None
        listed = resolver.opened(tasks).items
        read = [_task(task, resolver, root, is_git=is_git) for task in listed]
        settings["tasks"] = [task.plain() for task in read]
        for task in read:
            name = task.get("task_key")
            places[name.text if name else ""] = str(task.location)
    identity = node.get("id")
    return JobSpec(
        key=key,
        name=str(settings["name"]),
        id=identity.text if identity else key,
        settings=settings,
        places=places,
        location=node.location,
    )


def _task(node: Node, resolver: Resolver, root: Path, *, is_git: bool) -> Node:
    node = resolver.opened(node)
    entries: dict[str, Node] = {}
    for name, child in node.entries.items():
        if name in _OF_A_TASK:
            entries[name] = resolver.resolve(child)
        elif name.endswith(_KIND):
            entries[name] = _config(name, child, resolver, root, is_git=is_git)
    return replace(node, value=entries)


def is_from_git(config: Node, *, is_git: bool) -> bool:
    """Whether paths of a task count from the root of a Git repository."""
    source = config.get("source")
    return source.text == "GIT" if source else is_git


def _config(kind: str, node: Node, resolver: Resolver, root: Path, *, is_git: bool) -> Node:
    """Resolve the field of a task that tells its kind.

    Args:
        is_git: a task whose `source` is not said runs from the Git repository of the job.
    """
    node = resolver.opened(node)
    if kind not in RUN_HERE:  # refused or skipped by its kind, whatever it refers to
        return node
    if node.kind != "map":
        return resolver.resolve(node)
    entries: dict[str, Node] = {}
    for name, child in node.entries.items():
        if kind == "sql_task" and name in _OF_A_WAREHOUSE:
            entries[name] = child
        elif name == "task":
            entries[name] = _task(child, resolver, root, is_git=is_git)
        elif name not in _OF_A_WORKSPACE:
            entries[name] = resolver.resolve(child)
    config = replace(node, value=entries)
    place = TASK_PATHS.get(kind, ())
    path = config.get(*place) if place else None
    if path is None or not is_local(path):
        return config
    checkout = find_checkout(root) if is_from_git(node, is_git=is_git) else None
    base = checkout.root if checkout else None
    below = local_path(path, root, base).relative_to(root).as_posix()
    return config.put(place, Node(below, path.location))

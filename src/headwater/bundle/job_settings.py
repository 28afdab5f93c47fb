"""Jobs of a bundle as `jobs/create` and `jobs/reset` take them, for a deployment without the CLI.

What only a deployment knows stays as the bundle writes it: `${resources.pipelines.x.id}`,
`${resources.jobs.x.id}`, `${workspace.file_path}`, `${var.x}` of a lookup. Pure; the same on every
machine. What does not live here: the settings of a local run (`jobs`), and what fills the
references in (`headwater.operations.job_references`).

Source: Jobs API 2.2; "Deployment modes" and "Presets" in Databricks' documentation of bundles, read
November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from headwater.bundle.jobs import TASK_PATHS, is_from_git
from headwater.bundle.libraries import is_local, local_path
from headwater.bundle.load import TargetTree
from headwater.bundle.references import Resolver
from headwater.bundle.resolved import resolve_known
from headwater.bundle.targets import add_computed
from headwater.errors import BundleError
from headwater.toml_files import read_toml
from headwater.yaml_nodes import Node

ENVIRONMENT_VOLUME = "admin_configs"
"""Key of the bundle's volume with requirements and wheels (`headwater ops deploy-environment`)."""

_OF_BUNDLES = ("id", "lifecycle", "permissions")
"""Fields of a bundle's job that the settings of the Jobs API do not have."""
_OPEN, _CLOSE = "\0", "\1"
_MARK = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")


def job_settings(seen: TargetTree) -> Mapping[str, Node]:
    """Return the settings of all jobs, by the job's key.

    A path of the bundle begins with `${workspace.file_path}`, a wheel that the bundle builds with
    the path of its volume `admin_configs`.

    Raises:
        BundleError: of a reference; BUNDLE_PATH_OUTSIDE; WHEEL_UNNAMED for a pattern of wheels.
    """
    tree = _marked(seen.named)
    resolver = Resolver(tree)
    paths = _Paths(seen.root, _volume_path(tree, resolver))
    return {
        key: paths.of_job(_unmarked(_as_sent(_resolved(job, resolver))))
        for key, job in tree.below("resources", "jobs").items()
    }


def _marked(tree: Node) -> Node:
    """Put marks where only a deployment has values: a reference there would be followed."""
    for name in tree.below("workspace"):
        if name != "current_user":
            tree = _mark(tree, "workspace", name)
    for name in tree.below("workspace", "current_user"):
        tree = _mark(tree, "workspace", "current_user", name)
    for kind in ("jobs", "pipelines"):
        for key in tree.below("resources", kind):
            tree = _mark(tree, "resources", kind, key, "id")
    for name, variable in tree.below("variables").items():
        if variable.get("lookup") and not variable.get("value"):
            mark = Node(f"{_OPEN}var.{name}{_CLOSE}", variable.location)
            tree = tree.put(("variables", name, "value"), mark)
    return add_computed(tree)


def _mark(tree: Node, *path: str) -> Node:
    return tree.put(path, Node(f"{_OPEN}{'.'.join(path)}{_CLOSE}", tree.location))


def _unmarked(node: Node) -> Node:
    """Turn marks into the references that they stand for."""
    return node.with_texts(lambda text: _MARK.sub(r"${\1}", text))


def _resolved(node: Node, resolver: Resolver) -> Node:
    def refuse(error: BundleError) -> None:
        raise error

    return resolve_known(node, resolver, refuse)


def _as_sent(job: Node) -> Node:
    """Leave out what the Jobs API has calls of its own for, or no word."""
    entries = {name: each for name, each in job.entries.items() if name not in _OF_BUNDLES}
    return replace(job, value=entries)


def _volume_path(tree: Node, resolver: Resolver) -> str:
    path = tree.get("resources", "volumes", ENVIRONMENT_VOLUME, "volume_path")
    return resolver.resolve(path).text if path else ""


class _Paths:
    """Makes paths of the bundle those of a workspace."""

    def __init__(self, root: Path, volume_path: str) -> None:
        self._root = root
        self._volume_path = volume_path

    def of_job(self, job: Node) -> Node:
        environments = job.get("environments")
        if environments:
            items = tuple(map(self._environment, environments.items))
            job = job.put(("environments",), replace(environments, value=items))
        tasks = job.get("tasks")
        if tasks is None:
            return job
        is_git = job.get("git_source") is not None
        items = tuple(self._task(task, is_git=is_git) for task in tasks.items)
        return job.put(("tasks",), replace(tasks, value=items))

    def _task(self, task: Node, *, is_git: bool) -> Node:
        for kind, below in TASK_PATHS.items():
            config, path = task.get(kind), task.get(kind, *below)
            if config and path and is_local(path) and not is_from_git(config, is_git=is_git):
                task = task.put(
                    (kind, *below), self._file(path, is_notebook=kind == "notebook_task")
                )
        libraries = task.get("libraries")
        if libraries:
            items = tuple(self._library(each) for each in libraries.items)
            task = task.put(("libraries",), replace(libraries, value=items))
        nested = task.get("for_each_task", "task")
        if nested:
            task = task.put(("for_each_task", "task"), self._task(nested, is_git=is_git))
        return task

    def _file(self, node: Node, *, is_notebook: bool) -> Node:
        """Return where a file is; a notebook has no suffix in a workspace."""
        below = PurePosixPath(local_path(node, self._root).relative_to(self._root).as_posix())
        shown = below.with_suffix("") if is_notebook else below
        return replace(node, value=f"${{workspace.file_path}}/{shown}")

    def _environment(self, environment: Node) -> Node:
        """Place wheels and requirements of the bundle that serverless compute installs."""
        dependencies = environment.get("spec", "dependencies")
        if dependencies is None:
            return environment
        items = tuple(map(self._dependency, dependencies.items))
        return environment.put(("spec", "dependencies"), replace(dependencies, value=items))

    def _dependency(self, node: Node) -> Node:
        option, _, file = node.text.partition(" ")
        named = replace(node, value=file.strip())
        if option in ("-r", "--requirement") and is_local(named):
            return replace(node, value=f"{option} {self._file(named, is_notebook=False).text}")
        is_wheel = node.text.endswith(".whl") and " " not in node.text
        return self._wheel(node) if is_wheel and is_local(node) else node

    def _library(self, library: Node) -> Node:
        wheel = library.get("whl")
        if wheel is None or not is_local(wheel):
            return library
        return library.put(("whl",), self._wheel(wheel))

    def _wheel(self, wheel: Node) -> Node:
        """Return where `deploy-environment` puts a wheel."""
        path = local_path(wheel, self._root)
        name = _built_wheel(path.parent.parent) if "*" in path.name else path.name
        if not name or not self._volume_path:
            raise BundleError(
                "WHEEL_UNNAMED",
                f"where the wheel '{wheel.text}' will be can't be told",
                where=wheel.location,
                hint=f"Give the bundle a volume '{ENVIRONMENT_VOLUME}', and pyproject.toml a name, "
                "a version and requires-python.",
            )
        return replace(wheel, value=f"{self._volume_path}/{name}")


def _built_wheel(project: Path) -> str:
    """Name the wheel of a pure Python project; "" where its pyproject.toml does not tell."""
    told = read_toml(project / "pyproject.toml").get("project") or {}
    name, version = told.get("name"), told.get("version")
    # without requires-python, a wheel says that it is for Python 2 too
    if not name or not version or "3" not in str(told.get("requires-python")):
        return ""
    return f"{re.sub(r'[-_.]+', '_', name).lower()}-{version}-py3-none-any.whl"

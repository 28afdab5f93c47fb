"""Rules on files that a bundle names: notebooks, scripts, sources, wheels, dashboards, includes.

Only what must be in the bundle's own folder is looked for: not paths of a workspace or of cloud
storage, not what a Git source brings, not what a build makes.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from headwater.bundle.files import matches
from headwater.bundle.jobs import TASK_PATHS
from headwater.bundle.libraries import expand_libraries
from headwater.bundle_check.seen import Seen, finding, is_open, listed, text_of
from headwater.errors import BundleError, nearest
from headwater.finding import Finding
from headwater.yaml_nodes import Node

_NOTEBOOKS = ("", ".ipynb", ".py", ".sql", ".r", ".R", ".scala")
_RESOURCES = {
    "alerts": "file_path",
    "apps": "source_code_path",
    "dashboards": "file_path",
    "pipelines": "root_path",
}
"""Kinds of resources that name a file or folder of the bundle, and the field."""
_BUILDS = ("pyproject.toml", "setup.py", "pom.xml", "build.sbt", "build.gradle")
_SIGNS = "*?["
_YAML = (".yml", ".yaml")


def task_files(seen: Seen) -> Iterator[Finding]:
    """Find tasks whose notebook, script, SQL file or dbt project does not exist."""
    for job, task in seen.tasks():
        for kind, path in TASK_PATHS.items():
            node = task.get(kind, *path)
            if node is None or _is_from_git(job, task.entries[kind]):
                continue
            suffixes = _NOTEBOOKS if kind == "notebook_task" else ("",)
            if not _exists(node, seen, suffixes):
                code = "NOTEBOOK_NOT_FOUND" if kind == "notebook_task" else "FILE_NOT_FOUND"
                yield _missing(code, f"{kind}.{'.'.join(path)}", node)


def resource_files(seen: Seen) -> Iterator[Finding]:
    """Find dashboards, apps, alerts and pipelines whose file or folder does not exist."""
    for kind, field in _RESOURCES.items():
        for key, resource in seen.resources(kind).items():
            node = resource.get(field)
            if node and not _exists(node, seen, ("",)):
                yield _missing("FILE_NOT_FOUND", f"resources.{kind}.{key}.{field}", node)


def _is_from_git(job: Node, config: Node) -> bool:
    source = text_of(config, "source") or text_of(config, "file", "source")
    return source == "GIT" or (job.get("git_source") is not None and source != "WORKSPACE")


def _exists(node: Node, seen: Seen, suffixes: tuple[str, ...]) -> bool:
    """Whether a path exists; one that is not of the bundle counts as if it did."""
    path = _local(node, seen)
    return path is None or any(Path(f"{path}{suffix}").exists() for suffix in suffixes)


def _local(node: Node, seen: Seen) -> Path | None:
    """Return the place of a path in the bundle; None where it leads elsewhere.

    `${workspace.file_path}` is the bundle's folder, unless folders outside of it are synchronized.
    """
    text = node.text
    is_below = text.startswith(f"{seen.steps.root}/") and not _syncs_outside(seen)
    is_elsewhere = text.startswith(("/", "~")) and not is_below
    if node.kind != "text" or is_open(text) or is_elsewhere or ":/" in text:
        return None
    return Path(node.location.file).parent / text


def _syncs_outside(seen: Seen) -> bool:
    paths = seen.declared.get("sync", "paths")
    return any(".." in Path(item.text).parts for item in (paths.items if paths else ()))


def _missing(code: str, field: str, node: Node) -> Finding:
    path = Path(node.location.file).parent / node.text
    names = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    return finding(
        code,
        f"'{field}' is '{node.text}', which does not exist",
        node,
        nearest(path.name, names) or "Relative paths count from the file that has them.",
    )


def pipeline_sources(seen: Seen) -> Iterator[Finding]:
    """Find entries of a pipeline's `libraries` that match no source file."""
    for pipeline in seen.resources("pipelines").values():
        for entry in listed(pipeline, "libraries"):
            paths = (entry.get(kind, "path") for kind in ("file", "notebook"))
            given = entry.get("glob", "include") or next(filter(None, paths), None)
            if given is None or _local(given, seen) is None:
                continue
            try:
                expand_libraries(Node((entry,), entry.location), seen.steps.root)
            except BundleError as error:
                if error.code == "LIBRARY_EMPTY":  # other files run in a workspace alone
                    yield Finding.of(error)


def wheels(seen: Seen) -> Iterator[Finding]:
    """Find wheels and jars of tasks that do not exist, where the bundle builds none."""
    root = seen.steps.root
    if seen.declared.get("artifacts") or any((root / name).is_file() for name in _BUILDS):
        return
    for job, task in seen.tasks():
        given = [entry.get(kind) for entry in listed(task, "libraries") for kind in ("jar", "whl")]
        for environment in listed(job, "environments"):
            packages = environment.get("spec", "dependencies")
            items = packages.items if packages else ()
            given += [each for each in items if each.text.endswith(".whl")]
        for node in filter(None, given):
            folder = glob.escape(str(Path(node.location.file).parent))
            if _local(node, seen) and not glob.glob(f"{folder}/{node.text}"):  # noqa: PTH207 - `..`
                yield finding(
                    "LIBRARY_EMPTY",
                    f"the path '{node.text}' matches no file, and the bundle builds none",
                    node,
                    "Add what builds it under 'artifacts:', or correct the path.",
                    "warning",
                )


def sync_paths(seen: Seen) -> Iterator[Finding]:
    """Find folders under `sync.paths` that do not exist."""
    paths = seen.declared.get("sync", "paths")
    for node in paths.items if paths else ():
        if not _exists(node, seen, ("",)):
            yield _missing("FILE_NOT_FOUND", "sync.paths", node)


def includes(seen: Seen) -> Iterator[Finding]:
    """Find patterns of `include` that match nothing, though there is something to match.

    A pattern is written ahead of its files by the public templates: where its folder holds no file
    that is not included, nothing is wrong.
    """
    include = seen.files.get("include")
    if include is None:
        return
    main = include.location.file  # an included file may not include: that is told elsewhere
    patterns = [entry for entry in include.items if entry.location.file == main]
    root = seen.steps.root
    included = {match for each in patterns for match in matches(each.text, root)} | {Path(main)}
    for entry in patterns:
        if matches(entry.text, root):
            continue
        folder = root / _fixed(entry.text)
        left = _files_below(folder) - included if folder.is_dir() else set()
        if folder.is_dir() and not left:
            continue
        nearby = [path.relative_to(root).as_posix() for path in sorted(left)]
        hint = (
            f"Not included: {', '.join(nearby[:3])}." if nearby else "No such folder: correct it."
        )
        said = f"the include '{entry.text}' matches no file"
        yield finding("BUNDLE_INCLUDE_EMPTY", said, entry, hint, "warning")


def _fixed(pattern: str) -> str:
    """Return the folder that a pattern begins with."""
    parts = pattern.split("/")[:-1]
    free = next((n for n, part in enumerate(parts) if any(s in part for s in _SIGNS)), len(parts))
    return "/".join(parts[:free])


def _files_below(folder: Path) -> set[Path]:
    """Return the YAML files of a folder; those of hidden folders are for other programs."""
    found = set()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "node_modules"))]
        found |= {Path(place, name).resolve() for name in names if Path(name).suffix in _YAML}
    return found

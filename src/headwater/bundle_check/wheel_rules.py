"""Rule on wheels that a bundle builds: whether an entry point that a task names exists.

Judged where the bundle's own `pyproject.toml` lists entry points; not for other packages, and not
for projects of `setup.py`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from headwater.bundle_check.seen import Seen, finding, is_open, text_of
from headwater.errors import nearest
from headwater.finding import Finding
from headwater.toml_files import read_toml


@dataclass(frozen=True)
class _Project:
    """A Python project of the bundle: its package's name, and its entry points."""

    name: str
    entry_points: frozenset[str]
    functions: frozenset[str]


def entry_points(seen: Seen) -> Iterator[Finding]:
    """Find tasks that name an entry point which their package of the bundle does not have.

    A function of the package itself counts as one, as in a workspace.
    """
    projects = {project.name: project for project in _projects(seen)}
    for _, task in seen.tasks():
        package = text_of(task, "python_wheel_task", "package_name")
        node = task.get("python_wheel_task", "entry_point")
        project = projects.get(_normal(package))
        if project is None or node is None or is_open(node.text):
            continue
        if node.text not in project.entry_points | project.functions:
            known = sorted(project.entry_points)
            yield finding(
                "ENTRY_POINT_UNKNOWN",
                f"the package '{package}' has no entry point '{node.text}'",
                node,
                nearest(node.text, known) or "Add it under [project.scripts] of pyproject.toml.",
            )


def _projects(seen: Seen) -> Iterator[_Project]:
    """Yield the projects in the bundle's folder, and where artifacts are built."""
    folders = {seen.steps.root: None}
    for artifact in seen.declared.below("artifacts").values():
        path = artifact.get("path")
        if path and path.kind == "text":
            folders[(Path(path.location.file).parent / path.text).resolve()] = None
    for folder in folders:
        project = _project(folder)
        if project:
            yield project


def _project(folder: Path) -> _Project | None:
    """Read a project; None where it does not list its entry points."""
    data = read_toml(folder / "pyproject.toml")
    project, poetry = data.get("project") or {}, (data.get("tool") or {}).get("poetry") or {}
    name = project.get("name") or poetry.get("name")
    is_dynamic = {"scripts", "entry-points"} & set(project.get("dynamic") or ())
    if not isinstance(name, str) or is_dynamic or (folder / "setup.py").is_file():
        return None
    groups = [project.get("scripts"), project.get("gui-scripts"), poetry.get("scripts")]
    groups += (project.get("entry-points") or {}).values()
    groups += (poetry.get("plugins") or {}).values()
    found = frozenset(key for group in groups if isinstance(group, Mapping) for key in group)
    return _Project(_normal(name), found, _functions(folder, name.replace("-", "_")))


def _functions(folder: Path, package: str) -> frozenset[str]:
    """Name what the package's `__init__.py` defines or imports."""
    for base in (folder / "src", folder):
        file = base / package / "__init__.py"
        if file.is_file():
            try:
                body = ast.parse(file.read_bytes()).body
            except (SyntaxError, ValueError):
                return frozenset()
            imported = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
            names = {alias.asname or alias.name for node in imported for alias in node.names}
            return frozenset(names | {n.name for n in body if isinstance(n, ast.FunctionDef)})
    return frozenset()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

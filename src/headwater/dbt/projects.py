"""The dbt projects of a bundle: where they are and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headwater.bundle import Bundle
from headwater.bundle.source import read_yaml
from headwater.errors import UsageError

PROJECT_FILE = "dbt_project.yml"


@dataclass(frozen=True)
class Project:
    """A dbt project.

    Attributes:
        folder: that holds `dbt_project.yml`.
        name: as that file says.
        profile: whose connections it uses; its name, if the file names none.
    """

    folder: Path
    name: str
    profile: str


def read_project(folder: Path) -> Project:
    """Read what a project is called.

    Raises:
        UsageError: DBT_PROJECT_NOT_FOUND, DBT_PROJECT_INVALID.
        BundleError: the file can't be read as YAML.
    """
    file = folder / PROJECT_FILE
    if not file.is_file():
        raise UsageError(
            "DBT_PROJECT_NOT_FOUND",
            f"There is no {PROJECT_FILE} in this folder",
            where=str(folder),
            hint="Name the folder of a dbt project with --project-dir.",
        )
    tree = read_yaml(file)
    name, profile = tree.get("name"), tree.get("profile")
    if name is None:
        raise UsageError(
            "DBT_PROJECT_INVALID",
            "The dbt project has no name",
            where=tree.location,
            hint="Add a line such as: name: shop",
        )
    return Project(folder.resolve(), name.text, profile.text if profile else name.text)


def find_project(bundle: Bundle, here: Path) -> Project:
    """Find the project that a command in some folder means.

    It is the folder's own or that of a folder above it, up to the bundle's; else the only one of
    the bundle.

    Raises:
        UsageError: DBT_PROJECT_NOT_FOUND, also when the bundle has several; DBT_PROJECT_INVALID.
    """
    here, root = here.resolve(), bundle.root.resolve()
    above = [here, *here.parents] if here.is_relative_to(root) else [here]
    for folder in above:
        if (folder / PROJECT_FILE).is_file():
            return read_project(folder)
        if folder == root:
            break
    projects = projects_of(bundle)
    if len(projects) == 1:
        return projects[0]
    named = ", ".join(each.folder.name for each in projects)
    raise UsageError(
        "DBT_PROJECT_NOT_FOUND",
        f"The bundle has several dbt projects: {named}" if projects else "There is no dbt project",
        where=str(bundle.root),
        hint="Name its folder with --project-dir."
        if projects
        else f"Put {PROJECT_FILE} into a folder of the bundle, such as dbt/.",
    )


def projects_of(bundle: Bundle) -> list[Project]:
    """List the projects at the bundle's root, one folder below it, and those that its jobs run."""
    root = bundle.root.resolve()
    found = {file.parent for file in (*root.glob(PROJECT_FILE), *root.glob(f"*/{PROJECT_FILE}"))}
    for job in bundle.jobs.values():
        for task in job.settings.get("tasks") or ():
            folder = (root / folder_of_task(task.get("dbt_task") or {})).resolve()
            if "dbt_task" in task and (folder / PROJECT_FILE).is_file():
                found.add(folder)
    return [read_project(folder) for folder in sorted(found)]


def folder_of_task(config: Mapping[str, object]) -> str:
    """Return the folder of the project that a `dbt_task` runs: the bundle's if it names none."""
    return str(config.get("project_directory") or ".")

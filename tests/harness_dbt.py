"""A throw-away dbt project beside a throw-away pipeline, run in the shared session."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from harness import Project
from headwater.dbt.projects import find_project
from headwater.dbt.results import DbtRun, NodeResult
from headwater.dbt.runner import DbtCommand, run_dbt


class DbtProject:
    """A project in the folder `dbt` of a bundle; its models are in the bundle's schema."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = project.folder / "dbt"
        self.write("dbt_project.yml", "name: shop\nprofile: shop\nmodels: {+file_format: delta}\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project; SCHEMA in it is filled in."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).replace("SCHEMA", self.project.schema))
        return file

    def run(self, *arguments: str, **more: Any) -> DbtRun:
        """Run a command, quietly."""
        target = self.project.target
        found = find_project(target.bundle, self.project.folder)
        command = DbtCommand(found, arguments, quiet=True, **more)
        return run_dbt(target, command, lambda: self.spark)

    @property
    def spark(self) -> SparkSession:
        return self.project.spark


def by_name(run: DbtRun) -> dict[str, NodeResult]:
    """Return the nodes of a command by their names."""
    return {each.name: each for each in run.nodes}

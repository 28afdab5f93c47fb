"""Run dbt commands in a target's Spark session, and keep what came of them.

dbt itself is an extra: only `runner` imports it, when a command runs. What does not live here: the
command line (`cli.dbt`) and the task of a job (`jobs.dbt`).
"""

from headwater.dbt.lineage import DbtTable, tables_made
from headwater.dbt.projects import Project, find_project, projects_of
from headwater.dbt.results import DbtRun, NodeResult
from headwater.dbt.runner import DbtCommand, run_dbt

__all__ = [
    "DbtCommand",
    "DbtRun",
    "DbtTable",
    "NodeResult",
    "Project",
    "find_project",
    "projects_of",
    "run_dbt",
    "tables_made",
]

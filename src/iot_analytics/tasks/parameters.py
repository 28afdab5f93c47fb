"""The parameters of the tasks of the IoT jobs."""

from headwater.tasks.parameters import IDENTIFIER, Parameter

CATALOG = Parameter("catalog", IDENTIFIER, "the catalog of the target")
SCHEMA = Parameter("schema", IDENTIFIER, "the schema of gold")
RUN = Parameter("run_id", r"[\w.-]+", "the id of the job run, {{job.run_id}}")
PREFIX = Parameter("env_prefix", IDENTIFIER, "what stands before _bronze, _silver and _gold")
PROJECT = Parameter("project_dir", r"[^\0]+", "the folder of dbt_project.yml")
OUTPUT = Parameter("dbt_target", r"\w+", "an output of the profile: local, dev, staging, prod")
SELECT = Parameter("select", r"[\w.*+@:/, -]+", "which models or tests, as dbt's --select")
FULL_REFRESH = Parameter("full_refresh", r"true|false", "true to make tables anew", "false")

DBT = (PROJECT, OUTPUT, CATALOG, PREFIX)
"""What tells dbt where it works."""

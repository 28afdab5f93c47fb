"""`make bench`, third part: a plan over many modules, against its limits of time and memory.

The first plan meets an empty workspace; the second one, after all jobs were made, finds nothing to
do. Memory is the peak of this process, without the JVM. Usage: job_meta.py [MODULES] [TASKS]
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from pyspark.sql import SparkSession

from headwater.dev.minilake import minilake
from headwater.machine.session import spark_session
from headwater.settings import read_settings
from lakeflow_job_meta.metadata_manager import MetadataManager
from lakeflow_job_meta.orchestrator import JobOrchestrator

MODULES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
TASKS = int(sys.argv[2]) if len(sys.argv) > 2 else 20
MAX_SECONDS, MAX_MEGABYTES = 10.0, 500.0
TABLE = "main.ops.etl_control"


def fill(spark: SparkSession) -> None:
    """Write the control table: stages of five tasks, a notebook or a query each."""
    spark.sql("CREATE SCHEMA IF NOT EXISTS main.ops")
    MetadataManager(TABLE, spark=spark).ensure_exists()
    spark.range(MODULES * TASKS).selectExpr(
        f"concat('source_', id % {TASKS}) AS source_id",
        f"concat('module_', id div {TASKS}) AS module_name",
        "'sql' AS source_type",
        f"CAST((id % {TASKS}) div 5 AS INT) AS execution_order",
        "'{}' AS source_config",
        """'{"catalog": "bronze", "schema": "data", "table": "customers"}' AS target_config""",
        "if(id % 2 = 0, "
        """'{"task_type": "notebook", "notebook_path": "/Workspace/ingest"}', """
        """'{"task_type": "sql_query", "sql_task": {"warehouse_id": "w", "query_id": "q"}}'"""
        ") AS transformation_config",
        "true AS is_active",
    ).write.format("delta").mode("append").saveAsTable(TABLE)


def peak_megabytes() -> float:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed_plan(orchestrator: JobOrchestrator, said: str) -> bool:
    """Make a plan, and tell whether it kept to the limits."""
    began = time.monotonic()
    plan = orchestrator.plan()
    seconds, megabytes = time.monotonic() - began, peak_megabytes()
    found = {step.action.value for step in plan.steps}
    print(f"{said}: {len(plan.steps)} modules {found}, {seconds:.1f} s, peak {megabytes:.0f} MB")
    return len(plan.steps) == MODULES and seconds <= MAX_SECONDS and megabytes <= MAX_MEGABYTES


def main() -> None:
    """Plan, apply and plan again on an emulated workspace."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        with (
            minilake(state / "minilake") as workspace,
            spark_session(read_settings(), state=state, catalogs=("main",)) as spark,
        ):
            fill(spark)
            config = Config(host=workspace.host, token="none")  # noqa: S106 - it asks for none
            orchestrator = JobOrchestrator(TABLE, WorkspaceClient(config=config), spark=spark)
            is_fine = timed_plan(orchestrator, "first plan")
            began = time.monotonic()
            results = orchestrator.apply()
            print(f"apply: {len(results)} jobs in {time.monotonic() - began:.1f} s")
            is_fine &= timed_plan(orchestrator, "plan without changes")
    print(json.dumps({"modules": MODULES, "tasks": TASKS, "is_fine": is_fine}))
    sys.exit(0 if is_fine else 1)


if __name__ == "__main__":
    main()

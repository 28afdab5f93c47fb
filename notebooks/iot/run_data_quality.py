# Databricks notebook source
# MAGIC %md
# MAGIC # What the tests of a run found
# MAGIC Print the tests that did not pass, and count how all ended.
# MAGIC
# MAGIC Duration: seconds. Run twice: the same answer.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `catalog` | catalog of the target |
# MAGIC | `schema` | schema of gold |
# MAGIC | `run_id` | id of the job run |

# COMMAND ----------
# MAGIC %pip install ruamel.yaml

# COMMAND ----------
import sys

sys.path.insert(0, "../../src")

from headwater.tasks.parameters import from_widgets
from headwater.tasks.run import run_task
from iot_analytics.tasks.quality_report import PARAMETERS, report

# COMMAND ----------
parameters = from_widgets(PARAMETERS, dbutils)  # noqa: F821 - a global of notebooks

# COMMAND ----------
dbutils.notebook.exit(run_task(report, spark, parameters))  # noqa: F821

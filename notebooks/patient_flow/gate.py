# Databricks notebook source
# MAGIC %md
# MAGIC # Gate
# MAGIC Fail the job when a limit of the target does not hold.
# MAGIC
# MAGIC Duration: seconds. Run twice: only reads.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `limits` | file of limits |
# MAGIC | `table` | a table of the pipeline |

# COMMAND ----------
# MAGIC %pip install ruamel.yaml

# COMMAND ----------
import sys

sys.path.insert(0, "../../src")

from headwater.tasks.parameters import from_widgets
from headwater.tasks.run import run_task
from patient_analytics.tasks.gate import PARAMETERS, check_limits

# COMMAND ----------
parameters = from_widgets(PARAMETERS, dbutils)  # noqa: F821 - a global of notebooks

# COMMAND ----------
dbutils.notebook.exit(run_task(check_limits, spark, parameters))  # noqa: F821

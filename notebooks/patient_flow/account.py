# Databricks notebook source
# MAGIC %md
# MAGIC # Account
# MAGIC Hold what the last update counted against what was sent to it.
# MAGIC
# MAGIC Duration: seconds. Run twice: only reads.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `landing_path` | folder that events land in |
# MAGIC | `table` | a table of the pipeline |
# MAGIC | `run_id` | id of the job run |

# COMMAND ----------
# MAGIC %pip install ruamel.yaml

# COMMAND ----------
import sys

sys.path.insert(0, "../../src")

from headwater.tasks.parameters import from_widgets
from headwater.tasks.run import run_task
from patient_analytics.tasks.account import PARAMETERS, account_for

# COMMAND ----------
parameters = from_widgets(PARAMETERS, dbutils)  # noqa: F821 - a global of notebooks

# COMMAND ----------
dbutils.notebook.exit(run_task(account_for, spark, parameters))  # noqa: F821

# Databricks notebook source
# MAGIC %md
# MAGIC # Report
# MAGIC Keep a page on how many rows broke which rule, against the update before.
# MAGIC
# MAGIC Duration: seconds. Run twice: writes the page of the run again.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `reports_path` | folder that reports are kept in |
# MAGIC | `table` | a table of the pipeline |
# MAGIC | `run_id` | id of the job run |
# MAGIC | `target` | target of the bundle |

# COMMAND ----------
# MAGIC %pip install ruamel.yaml

# COMMAND ----------
import sys

sys.path.insert(0, "../../src")

from headwater.tasks.parameters import from_widgets
from headwater.tasks.run import run_task
from patient_analytics.tasks.report import PARAMETERS, write_report

# COMMAND ----------
parameters = from_widgets(PARAMETERS, dbutils)  # noqa: F821 - a global of notebooks

# COMMAND ----------
dbutils.notebook.exit(run_task(write_report, spark, parameters))  # noqa: F821

# Databricks notebook source
# MAGIC %md
# MAGIC # dbt test
# MAGIC Run tests; those of severity error fail the notebook.
# MAGIC
# MAGIC Duration: a minute. Run twice: the same answer.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `project_dir` | folder of `dbt_project.yml` |
# MAGIC | `dbt_target` | output of its profile |
# MAGIC | `catalog` | catalog of the target |
# MAGIC | `env_prefix` | what stands before `_bronze`, `_silver` and `_gold` |
# MAGIC | `select` | which tests, such as `data_quality` or `integration` |

# COMMAND ----------
# MAGIC %pip install "dbt-databricks>=1.11,<1.12" ruamel.yaml

# COMMAND ----------
import sys

sys.path.insert(0, "../../src")

from headwater.tasks.parameters import from_widgets
from headwater.tasks.run import run_task
from iot_analytics.tasks.dbt_commands import TEST_PARAMETERS, test

# COMMAND ----------
parameters = from_widgets(TEST_PARAMETERS, dbutils)  # noqa: F821 - a global of notebooks

# COMMAND ----------
dbutils.notebook.exit(run_task(test, spark, parameters))  # noqa: F821

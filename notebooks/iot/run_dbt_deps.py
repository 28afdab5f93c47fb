# Databricks notebook source
# MAGIC %md
# MAGIC # dbt deps
# MAGIC Install the packages of the dbt project: it has none.
# MAGIC
# MAGIC Duration: seconds. Run twice: changes nothing.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `project_dir` | folder of `dbt_project.yml` |
# MAGIC | `dbt_target` | output of its profile |
# MAGIC | `catalog` | catalog of the target |
# MAGIC | `env_prefix` | what stands before `_bronze`, `_silver` and `_gold` |

# COMMAND ----------
# MAGIC %pip install "dbt-databricks>=1.11,<1.12" ruamel.yaml

# COMMAND ----------
import sys

sys.path.insert(0, "../../src")

from headwater.tasks.parameters import from_widgets
from headwater.tasks.run import run_task
from iot_analytics.tasks.dbt_commands import DEPS_PARAMETERS, deps

# COMMAND ----------
parameters = from_widgets(DEPS_PARAMETERS, dbutils)  # noqa: F821 - a global of notebooks

# COMMAND ----------
dbutils.notebook.exit(run_task(deps, spark, parameters))  # noqa: F821

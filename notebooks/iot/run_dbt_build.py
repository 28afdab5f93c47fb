# Databricks notebook source
# MAGIC %md
# MAGIC # dbt build
# MAGIC Build models of silver and gold, and run their tests.
# MAGIC
# MAGIC Duration: some minutes. Run twice: changes nothing while bronze is the same.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `project_dir` | folder of `dbt_project.yml` |
# MAGIC | `dbt_target` | output of its profile |
# MAGIC | `catalog` | catalog of the target |
# MAGIC | `env_prefix` | what stands before `_bronze`, `_silver` and `_gold` |
# MAGIC | `select` | which models, such as `staging` or `marts` |
# MAGIC | `full_refresh` | `true` to make tables anew |

# COMMAND ----------
# MAGIC %pip install "dbt-databricks>=1.11,<1.12" ruamel.yaml

# COMMAND ----------
import sys

sys.path.insert(0, "../../src")

from headwater.tasks.parameters import from_widgets
from headwater.tasks.run import run_task
from iot_analytics.tasks.dbt_commands import BUILD_PARAMETERS, build

# COMMAND ----------
parameters = from_widgets(BUILD_PARAMETERS, dbutils)  # noqa: F821 - a global of notebooks

# COMMAND ----------
dbutils.notebook.exit(run_task(build, spark, parameters))  # noqa: F821

# Databricks notebook source
# MAGIC %md
# MAGIC # Simulate
# MAGIC Land simulated events with a known mix of faults; their counts are kept beside them.
# MAGIC
# MAGIC Duration: under a minute for 2,000 events. Run twice: lands no other events.
# MAGIC
# MAGIC | parameter | |
# MAGIC |---|---|
# MAGIC | `landing_path` | folder that events land in |
# MAGIC | `events` | number of events (2000) |
# MAGIC | `run_id` | id of the job run |
# MAGIC | `target` | target of the bundle; production is refused |

# COMMAND ----------
# MAGIC %pip install ruamel.yaml

# COMMAND ----------
import sys

sys.path.insert(0, "../../src")

from headwater.tasks.parameters import from_widgets
from headwater.tasks.run import run_task
from patient_analytics.tasks.simulate import PARAMETERS, simulate_events

# COMMAND ----------
parameters = from_widgets(PARAMETERS, dbutils)  # noqa: F821 - a global of notebooks

# COMMAND ----------
dbutils.notebook.exit(run_task(simulate_events, spark, parameters))  # noqa: F821

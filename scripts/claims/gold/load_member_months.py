"""Overwrite what members cost and needed in each month, with keys for their ids."""

import sys
from functools import partial

from databricks.sdk.runtime import dbutils
from pyspark.sql import SparkSession

from claims_analytics.tasks.gold import PARAMETERS, load_member_months
from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task

run_task(
    partial(load_member_months, secrets=dbutils.secrets),
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

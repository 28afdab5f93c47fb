"""Hold what the last update counted against what was sent to it."""

import sys

from pyspark.sql import SparkSession

from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task
from patient_analytics.tasks.account import PARAMETERS, account_for

run_task(
    account_for,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

"""Hold what the last update counted against what was sent to it."""

import sys

from pyspark.sql import SparkSession

from patient_analytics.tasks.account import PARAMETERS, account_for
from patient_analytics.tasks.parameters import from_arguments
from patient_analytics.tasks.run import run_task

run_task(
    account_for,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

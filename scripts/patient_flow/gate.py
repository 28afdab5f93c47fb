"""Fail the job when a limit of the target does not hold."""

import sys

from pyspark.sql import SparkSession

from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task
from patient_analytics.tasks.gate import PARAMETERS, check_limits

run_task(
    check_limits,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

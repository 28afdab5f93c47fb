"""Fail the job when a limit of the target does not hold."""

import sys

from pyspark.sql import SparkSession

from patient_analytics.tasks.gate import PARAMETERS, check_limits
from patient_analytics.tasks.parameters import from_arguments
from patient_analytics.tasks.run import run_task

run_task(
    check_limits,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

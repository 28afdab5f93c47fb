"""Make claims with known faults, and hold the rules to them."""

import sys

from pyspark.sql import SparkSession

from claims_analytics.tasks.functional_testing import PARAMETERS, run_functional_test
from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task

run_task(
    run_functional_test,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

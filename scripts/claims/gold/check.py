"""Hold the layers against each other, to the cent."""

import sys

from pyspark.sql import SparkSession

from claims_analytics.tasks.quality import PARAMETERS, check_claims
from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task

run_task(
    check_claims,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

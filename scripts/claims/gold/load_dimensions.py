"""Overwrite patients, providers, diagnoses and dates."""

import sys

from pyspark.sql import SparkSession

from claims_analytics.tasks.gold import DIMENSION_PARAMETERS, load_dimensions
from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task

run_task(
    load_dimensions,
    SparkSession.builder.getOrCreate(),
    from_arguments(DIMENSION_PARAMETERS, sys.argv[1:]),
)

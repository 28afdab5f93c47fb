"""Append the rows of new files to bronze, each file once."""

import sys

from pyspark.sql import SparkSession

from claims_analytics.tasks.ingest import PARAMETERS, ingest
from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task

run_task(
    ingest,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

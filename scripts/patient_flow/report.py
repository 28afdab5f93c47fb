"""Keep a page on how many rows broke which rule, against the update before."""

import sys

from pyspark.sql import SparkSession

from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task
from patient_analytics.tasks.report import PARAMETERS, write_report

run_task(
    write_report,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

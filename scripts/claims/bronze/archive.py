"""Move files that bronze holds out of the landing folder."""

import sys

from pyspark.sql import SparkSession

from claims_analytics.tasks.archive import PARAMETERS, archive
from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task

run_task(
    archive,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

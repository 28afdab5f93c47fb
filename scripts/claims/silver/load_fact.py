"""Load a fact of silver, in full or by what new rows change."""

import sys

from pyspark.sql import SparkSession

from claims_analytics.tasks.silver import PARAMETERS, load_fact
from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task

run_task(
    load_fact,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

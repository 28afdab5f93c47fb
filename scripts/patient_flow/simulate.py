"""Land simulated events with a known mix of faults; their counts are kept beside them."""

import sys

from pyspark.sql import SparkSession

from headwater.tasks.parameters import from_arguments
from headwater.tasks.run import run_task
from patient_analytics.tasks.simulate import PARAMETERS, simulate_events

run_task(
    simulate_events,
    SparkSession.builder.getOrCreate(),
    from_arguments(PARAMETERS, sys.argv[1:]),
)

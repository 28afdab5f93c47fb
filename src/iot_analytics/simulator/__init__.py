"""A simulated fleet: events of devices and changes of tables as JSON lines, with known faults.

Equal options write equal bytes. Each wave can be written for itself, in any order. It needs no
Spark.
"""

from iot_analytics.simulator.options import OptionError, Options
from iot_analytics.simulator.waves import simulate, write_wave

__all__ = ["OptionError", "Options", "simulate", "write_wave"]

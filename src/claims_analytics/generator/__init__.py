"""A seeded generator of Synthea's 18 CSV files, whose control totals agree to the cent.

from claims_analytics.generator import Options, generate
generate(Options(patients=100, seed=7), Path("landing"))
"""

from claims_analytics.generator.options import OptionError, Options
from claims_analytics.generator.runs import Report, generate

__all__ = ["OptionError", "Options", "Report", "generate"]

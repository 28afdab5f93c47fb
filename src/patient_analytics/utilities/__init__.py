"""Column utilities that several layers share."""

from patient_analytics.utilities.time_columns import add_time_columns, enrich_with_temporal_attrs

__all__ = ["add_time_columns", "enrich_with_temporal_attrs"]

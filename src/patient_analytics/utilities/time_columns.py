"""Read event times, and derive what the domain asks of them."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

FORMATS = (
    "yyyy-MM-dd'T'HH:mm:ss[.SSSSSS][.SSS][XXX][XX]",
    "yyyy-MM-dd HH:mm:ss[.SSSSSS][.SSS][XXX][XX]",
    "yyyy-MM-dd'T'HH:mm[XXX][XX]",
    "yyyy-MM-dd HH:mm",
    "dd/MM/yyyy HH:mm[:ss]",
    "yyyy-MM-dd",
)
"""How source systems write a time; without an offset it is UTC, the session's time zone."""

TIME_COLUMNS = ("event_time", "admission_time", "discharge_time")

_SATURDAY, _SUNDAY = 7, 1


def parse_time(column: Column) -> Column:
    """Read a time in any of `FORMATS`; what can't be read becomes NULL, never an error."""
    text = F.trim(column.cast("string"))
    return F.coalesce(*(F.try_to_timestamp(text, F.lit(pattern)) for pattern in FORMATS))


def add_time_columns(events: DataFrame) -> DataFrame:
    """Turn the event's time columns into timestamps.

    Args:
        events: `event_time`, `admission_time`, `discharge_time` as text or timestamp.

    Returns:
        The same columns, those three as TIMESTAMP; NULL where the text is no time, for a rule
        to catch. `discharge_readable` tells a discharge that can't be read from one that is yet
        to come, which is NULL or blank.
    """
    times = {name: parse_time(F.col(name)) for name in TIME_COLUMNS}
    written = F.trim(F.col("discharge_time").cast("string"))
    is_to_come = written.isNull() | (written == "")
    readable = {"discharge_readable": is_to_come | times["discharge_time"].isNotNull()}
    return events.withColumns({**times, **readable})


def enrich_with_temporal_attrs(events: DataFrame) -> DataFrame:
    """Add what follows from the times of an admission.

    Args:
        events: with `admission_time` and `discharge_time` as TIMESTAMP.

    Returns:
        All columns, and `admission_date` (DATE), `admission_hour` (0-23), `day_of_week`
        (Monday ...), `is_weekend`, `shift` (day 07-15, evening 15-23, night), and
        `length_of_stay_hours` (DOUBLE, NULL while admitted), `is_currently_admitted`.
    """
    admitted, discharged = F.col("admission_time"), F.col("discharge_time")
    hour = F.hour(admitted)
    shift = (
        F.when(hour.between(7, 14), "day").when(hour.between(15, 22), "evening").otherwise("night")
    )
    seconds = F.unix_micros(discharged) / 1_000_000 - F.unix_micros(admitted) / 1_000_000
    return events.withColumns(
        {
            "admission_date": F.to_date(admitted),
            "admission_hour": hour,
            "day_of_week": F.date_format(admitted, "EEEE"),
            "is_weekend": F.dayofweek(admitted).isin(_SATURDAY, _SUNDAY),
            "shift": F.when(admitted.isNotNull(), shift),
            "length_of_stay_hours": F.round(seconds / 3600, 2),
            "is_currently_admitted": admitted.isNotNull() & discharged.isNull(),
        }
    )

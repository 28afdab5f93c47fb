"""Bronze: lines as they landed and where from, the rules they keep, and why others are rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from iot_analytics.feeds import CHANGES, IOT_EVENTS, Feed

RESCUED = "_rescued_data"
"""Column for values that do not fit the type of their column."""

CORRUPT = "_corrupt_record"
"""Column for the text of a line that is no JSON; no bronze table has it."""

LINE = "raw_line"
"""Column for what a line said, as JSON; the text of the line if that is none."""

_AS_JSON = {
    "ignoreNullFields": "true",
    "timeZone": "UTC",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
}
_OF_THE_FILE = "_file_path"

_ADDED = ("ingested_at", "source_file", "source_modified_at", LINE, "record_hash")


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of a feed: name -> SQL condition; a row passes only when the condition IS TRUE.

    Attributes:
        drop: a row that breaks one goes to the rejected ones.
        warn: counts, and keeps the row.
    """

    drop: Mapping[str, str]
    warn: Mapping[str, str]


def _within(column: str, low: float, high: float) -> str:
    return f"{column} IS NULL OR {column} BETWEEN {low} AND {high}"


def _told(column: str) -> str:
    """Whether a text says anything: blanks alone are NULL to the layers above."""
    return f"TRIM({column}) <> ''"


_NOTHING_RESCUED = {"nothing_rescued": f"{RESCUED} IS NULL"}

_OF_EVENTS = Rules(
    drop=MappingProxyType(
        {
            "event_id_present": _told("event_id"),
            "device_id_present": _told("device_id"),
            "event_ts_parses": "event_ts IS NOT NULL",
            "gateway_ts_parses": "gateway_ts IS NOT NULL",
            "gateway_not_future": "gateway_ts <= source_modified_at + INTERVAL 5 MINUTES",
        }
    ),
    warn=MappingProxyType(
        {
            "temperature_physical": _within("temperature_c", -60, 125),
            "humidity_physical": _within("humidity_pct", 0, 100),
            "pressure_physical": _within("pressure_hpa", 300, 1100),
            "vibration_physical": _within("vibration_mm_s", 0, 200),
            "battery_physical": _within("battery_pct", 0, 100),
            "signal_physical": _within("signal_dbm", -130, 0),
            "quality_known": "quality IN ('good', 'suspect', 'bad')",
            "not_from_future": "event_ts <= gateway_ts + INTERVAL 5 MINUTES",
            "not_too_late": "gateway_ts <= event_ts + INTERVAL 30 DAYS",
            **_NOTHING_RESCUED,
        }
    ),
)


def _of_changes(feed: Feed) -> Rules:
    image = " AND ".join(f"{column} IS NOT NULL" for column in feed.required)
    return Rules(
        drop=MappingProxyType(
            {
                "key_present": _told(feed.key),
                "op_known": "op IN ('I', 'U', 'D')",
                "seq_present": "seq IS NOT NULL",
            }
        ),
        warn=MappingProxyType(
            {
                "ts_present": "ts IS NOT NULL",
                "after_image_complete": f"op = 'D' OR ({image})",
                **_NOTHING_RESCUED,
            }
        ),
    )


RULES: Mapping[str, Rules] = MappingProxyType(
    {IOT_EVENTS.name: _OF_EVENTS} | {feed.name: _of_changes(feed) for feed in CHANGES.values()}
)
"""By name of the feed."""


def reader_options(feed: Feed) -> dict[str, str]:
    """Return the options with which Auto Loader reads a feed."""
    return {
        "cloudFiles.format": "json",
        "cloudFiles.schemaEvolutionMode": "addNewColumns",
        "cloudFiles.inferColumnTypes": "false",
        "cloudFiles.schemaHints": f"{feed.schema_hints}, {CORRUPT} STRING",
    }


def with_origin(landed: DataFrame) -> DataFrame:
    """Add when and from which file each line came, and what it said.

    Args:
        landed: lines as Auto Loader reads them, whose hidden `_metadata` column is there.

    Returns:
        All columns but `_corrupt_record`, and `ingested_at`, `source_file`, `source_modified_at`,
        `raw_line` and `record_hash`: SHA-256 of what the line said. Lines that say the same have
        the same hash, in whatever file, and before and after a column was added. What a line says
        under one of these names is in `_rescued_data`.
    """
    said = what_it_said(landed.columns)
    taken = [name for name in landed.columns if name.lower() in _ADDED]
    own = [name for name in landed.columns if name not in (CORRUPT, RESCUED, *taken)]
    return landed.select(
        *(F.col(f"`{name}`") for name in own),
        _rescued_with(taken).alias(RESCUED),
        F.current_timestamp().alias("ingested_at"),
        F.col("_metadata.file_path").alias("source_file"),
        F.col("_metadata.file_modification_time").alias("source_modified_at"),
        said.alias(LINE),
        F.sha2(said, 256).alias("record_hash"),
    )


def _rescued_with(taken: Sequence[str]) -> Column:
    """Put columns whose names bronze needs into the rescued data, where a line has them."""
    rescued = F.col(RESCUED)
    if not taken:
        return rescued
    said = F.coalesce(*(F.col(f"`{name}`").cast("string") for name in taken)).isNotNull()
    text = F.to_json(F.struct(*(F.col(f"`{name}`") for name in taken)), _AS_JSON)
    both = F.concat(
        F.expr(f"left({RESCUED}, length({RESCUED}) - 1)"), F.lit(","), F.substr(text, F.lit(2))
    )
    return F.when(said, F.coalesce(both, text)).otherwise(rescued)


def what_it_said(columns: Sequence[str]) -> Column:
    """Write what a line said as JSON: names in order, without NULLs and the path of the file.

    Args:
        columns: of the line, `_rescued_data` and `_corrupt_record` among them.

    Returns:
        The line itself where it is no JSON.
    """
    rescued = F.from_json(RESCUED, "map<string,string>")
    kept = F.map_filter(rescued, lambda name, _: name != _OF_THE_FILE)
    own = [F.col(f"`{name}`") for name in sorted(columns) if name not in (CORRUPT, RESCUED)]
    return F.coalesce(F.col(CORRUPT), F.to_json(F.struct(*own, kept.alias(RESCUED)), _AS_JSON))


def accepted(lines: DataFrame) -> DataFrame:
    """Return the columns of the main table; its rules drop what is rejected."""
    return lines.drop(LINE)


def rejected(lines: DataFrame, rules: Rules) -> DataFrame:
    """Return the lines that break a rule that drops.

    Returns:
        `failed_rules`, the names of these rules; `raw_line`, and where it came from.
    """
    failed = F.array_compact(
        F.array(*(_name_of_failed(name, condition) for name, condition in rules.drop.items()))
    )
    origin = ("ingested_at", "source_file", "source_modified_at", "record_hash")
    return lines.select(*origin, failed.alias("failed_rules"), LINE).where("size(failed_rules) > 0")


def _name_of_failed(name: str, condition: str) -> Column:
    passes = F.coalesce(F.expr(condition), F.lit(False))
    return F.when(~passes, F.lit(name))

"""Bronze tables of IoT as `iot_bronze` makes them, from a few words per row.

Times are written as text in UTC; what a row does not say is what most rows have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.types import (
    DataType,
    DecimalType,
    IntegerType,
    LongType,
    StructType,
    TimestampType,
)

from harness import frame_of

Row = Mapping[str, Any]

_LOADED = (
    "ingested_at TIMESTAMP, source_file STRING, source_modified_at TIMESTAMP, "
    "record_hash STRING, _rescued_data STRING"
)
_EVENT = (
    "event_id STRING, device_id STRING, boot_id STRING, seq BIGINT, event_type STRING, "
    "event_ts TIMESTAMP, gateway_ts TIMESTAMP, gateway_id STRING, firmware_version STRING, "
    "temperature_c DECIMAL(10,3), humidity_pct DECIMAL(10,3), pressure_hpa DECIMAL(10,3), "
    "vibration_mm_s DECIMAL(10,3), battery_pct DECIMAL(5,2), signal_dbm INT, quality STRING"
)
_CHANGE = "op STRING, seq BIGINT, ts TIMESTAMP"
_REJECTED = ", failed_rules ARRAY<STRING>, raw_line STRING"
_IMAGES = {
    "customers": "customer_id STRING, name STRING, email STRING, phone STRING, segment STRING, "
    "country STRING, city STRING, created_at TIMESTAMP, status STRING",
    "products": "product_id STRING, sku STRING, name STRING, category STRING, "
    "unit_price DECIMAL(12,2), currency STRING, report_interval_s INT, mains_powered BOOLEAN, "
    "is_active BOOLEAN",
    "orders": "order_id STRING, customer_id STRING, product_id STRING, quantity INT, "
    "unit_price DECIMAL(12,2), discount_pct DECIMAL(5,2), currency STRING, order_ts TIMESTAMP, "
    "status STRING",
    "devices": "device_id STRING, customer_id STRING, product_id STRING, location_id STRING, "
    "serial_number STRING, firmware_version STRING, installed_at TIMESTAMP, "
    "decommissioned_at TIMESTAMP, status STRING",
    "locations": "location_id STRING, name STRING, city STRING, region STRING, country STRING, "
    "latitude DECIMAL(9,6), longitude DECIMAL(9,6), timezone STRING, site_type STRING",
    "alerts": "alert_id STRING, device_id STRING, threshold_id STRING, metric STRING, "
    "severity STRING, observed_value DECIMAL(10,3), raised_at TIMESTAMP, "
    "acknowledged_at TIMESTAMP, resolved_at TIMESTAMP, status STRING",
    "alert_thresholds": "threshold_id STRING, device_id STRING, product_id STRING, "
    "metric STRING, operator STRING, threshold_value DECIMAL(10,3), severity STRING, "
    "min_duration_s INT, valid_from TIMESTAMP, valid_to TIMESTAMP, is_enabled BOOLEAN",
}
_USUAL: Mapping[str, Row] = {
    "customers": {
        "name": "Acme",
        "segment": "smb",
        "created_at": "2025-01-01",
        "status": "active",
    },
    "products": {
        "sku": "S",
        "unit_price": 100,
        "currency": "USD",
        "report_interval_s": 3600,
        "mains_powered": False,
        "is_active": True,
    },
    "orders": {"quantity": 1, "unit_price": 100, "currency": "USD", "status": "paid"},
    "devices": {"installed_at": "2026-03-01", "status": "active"},
    "locations": {"name": "Plant"},
    "alerts": {"metric": "temperature_c", "severity": "warning", "status": "open"},
    "alert_thresholds": {
        "metric": "temperature_c",
        "operator": "gt",
        "severity": "warning",
        "valid_from": "2026-01-01",
        "is_enabled": True,
    },
}
_USUAL_EVENT: Row = {
    "boot_id": "boot",
    "seq": 1,
    "event_type": "telemetry",
    "gateway_id": "gateway",
    "quality": "good",
}


def moment(text: str) -> datetime:
    """Return `2026-03-10 12:00`, or a date alone, as a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def later(text: str, **much: float) -> str:
    """Return the text of a time that much later: `later(t, minutes=5)`."""
    return (moment(text) + timedelta(**much)).replace(tzinfo=None).isoformat(" ")


class Bronze:
    """The bronze schema of one prefix; each call appends what one load brought."""

    def __init__(self, spark: SparkSession, prefix: str) -> None:
        self.spark = spark
        self.schema = f"{prefix}_bronze"
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {self.schema}")
        self._create("bronze_iot_events", f"{_EVENT}, {_LOADED}")
        self._create("bronze_iot_events_rejected", f"{_EVENT}, {_LOADED}{_REJECTED}")
        for table, image in _IMAGES.items():
            self._create(f"bronze_cdc_{table}", f"{_CHANGE}, {image}, {_LOADED}")

    def events(self, rows: Iterable[Row], *, loaded: str, more: str = "") -> None:
        """Append events; `more` declares columns that files have from here on."""
        usual = [_USUAL_EVENT | {"gateway_ts": row["event_ts"]} | row for row in rows]
        self._append("bronze_iot_events", f"{_EVENT}{more}, {_LOADED}", usual, loaded)

    def changes(self, table: str, rows: Iterable[Row], *, loaded: str) -> None:
        """Append changes of a table; `op` is I unless a row says otherwise."""
        columns = f"{_CHANGE}, {_IMAGES[table]}, {_LOADED}"
        usual = [
            {"op": "I", "ts": "2026-03-01"} | (row if row.get("op") == "D" else _USUAL[table] | row)
            for row in rows
        ]
        self._append(f"bronze_cdc_{table}", columns, usual, loaded)

    def _create(self, table: str, columns: str) -> None:
        self.spark.sql(f"CREATE TABLE {self.schema}.{table} ({columns}) USING delta")

    def _append(self, table: str, columns: str, rows: list[dict[str, Any]], loaded: str) -> None:
        schema = StructType.fromDDL(columns)
        values = [
            tuple(_typed(_loaded(row, loaded).get(field.name), field.dataType) for field in schema)
            for row in rows
        ]
        frame = frame_of(self.spark, values, columns)
        writer = frame.write.format("delta").mode("append").option("mergeSchema", "true")
        writer.saveAsTable(f"{self.schema}.{table}")


def _loaded(row: Row, loaded: str) -> Row:
    """Return a row with what the pipeline adds."""
    content = repr(sorted((key, str(value)) for key, value in row.items() if key != "source_file"))
    added = {
        "ingested_at": loaded,
        "source_file": "a.json",
        "source_modified_at": loaded,
        "record_hash": hashlib.sha256(content.encode()).hexdigest(),
    }
    return added | row


def _typed(value: Any, kind: DataType) -> Any:
    if value is None:
        return None
    if isinstance(kind, TimestampType):
        return moment(value)
    if isinstance(kind, DecimalType):
        return Decimal(str(value))
    if isinstance(kind, IntegerType | LongType):
        return int(value)
    return value

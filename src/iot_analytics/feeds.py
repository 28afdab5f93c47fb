"""The feeds of the fleet: their folders, columns, keys, and what an image of a row must have.

Schema hints, bronze rules and the simulator derive from this one description. A column that is not
here is new to bronze: it comes in by itself, as STRING.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Feed:
    """One kind of JSON lines.

    Attributes:
        name: the table is `bronze_<name>`.
        folder: below the landing volume.
        key: the column that says which thing a line is about.
        columns: name -> SQL type in bronze.
        required: the columns that the image of a row must have after a change.
    """

    name: str
    folder: str
    key: str
    columns: Mapping[str, str]
    required: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """Name of the bronze table, without its schema."""
        return f"bronze_{self.name}"

    @property
    def rejected_table(self) -> str:
        """Name of the table of lines that break a rule, without its schema."""
        return f"{self.table}_rejected"

    @property
    def schema_hints(self) -> str:
        """The columns as Auto Loader takes them.

        Example:
            >>> Feed("f", "f", "id", {"id": "STRING", "seq": "BIGINT"}).schema_hints
            'id STRING, seq BIGINT'
        """
        return ", ".join(f"{name} {kind}" for name, kind in self.columns.items())


_READING = "DECIMAL(10,3)"
_PERCENT = "DECIMAL(5,2)"
_MONEY = "DECIMAL(12,2)"
_DEGREES = "DECIMAL(9,6)"

_TYPES = {
    "acknowledged_at": "TIMESTAMP",
    "battery_pct": _PERCENT,
    "created_at": "TIMESTAMP",
    "decommissioned_at": "TIMESTAMP",
    "discount_pct": _PERCENT,
    "event_ts": "TIMESTAMP",
    "gateway_ts": "TIMESTAMP",
    "humidity_pct": _READING,
    "installed_at": "TIMESTAMP",
    "is_active": "BOOLEAN",
    "is_enabled": "BOOLEAN",
    "latitude": _DEGREES,
    "longitude": _DEGREES,
    "mains_powered": "BOOLEAN",
    "min_duration_s": "INT",
    "observed_value": _READING,
    "order_ts": "TIMESTAMP",
    "pressure_hpa": _READING,
    "quantity": "INT",
    "raised_at": "TIMESTAMP",
    "report_interval_s": "INT",
    "resolved_at": "TIMESTAMP",
    "seq": "BIGINT",
    "signal_dbm": "INT",
    "temperature_c": _READING,
    "threshold_value": _READING,
    "ts": "TIMESTAMP",
    "unit_price": _MONEY,
    "valid_from": "TIMESTAMP",
    "valid_to": "TIMESTAMP",
    "vibration_mm_s": _READING,
}
"""Column -> its type; the others are STRING."""


def _typed(names: str) -> Mapping[str, str]:
    return MappingProxyType({name: _TYPES.get(name, "STRING") for name in names.split()})


def _changes(table: str, key: str, image: str, *, required: str) -> Feed:
    """Describe the change feed of a table: an envelope, the key and the image after the change."""
    columns = _typed(f"op seq ts {key} {image}")
    return Feed(f"cdc_{table}", f"cdc/{table}", key, columns, tuple(required.split()))


IOT_EVENTS = Feed(
    "iot_events",
    "iot_events",
    "event_id",
    _typed(
        "event_id device_id boot_id seq event_type event_ts gateway_ts gateway_id firmware_version"
        " temperature_c humidity_pct pressure_hpa vibration_mm_s battery_pct signal_dbm quality"
    ),
)

CHANGES: Mapping[str, Feed] = MappingProxyType(
    {
        feed.name.removeprefix("cdc_"): feed
        for feed in (
            _changes(
                "customers",
                "customer_id",
                "name email phone segment country city created_at status",
                required="name segment created_at status",
            ),
            _changes(
                "products",
                "product_id",
                "sku name category unit_price currency report_interval_s mains_powered is_active",
                required="sku unit_price currency",
            ),
            _changes(
                "orders",
                "order_id",
                "customer_id product_id quantity unit_price discount_pct currency order_ts status",
                required="customer_id product_id quantity unit_price currency order_ts status",
            ),
            _changes(
                "devices",
                "device_id",
                "customer_id product_id location_id serial_number firmware_version installed_at"
                " decommissioned_at status",
                required="product_id installed_at status",
            ),
            _changes(
                "locations",
                "location_id",
                "name city region country latitude longitude timezone site_type",
                required="name",
            ),
            _changes(
                "alerts",
                "alert_id",
                "device_id threshold_id metric severity observed_value raised_at acknowledged_at"
                " resolved_at status",
                required="device_id metric severity raised_at status",
            ),
            _changes(
                "alert_thresholds",
                "threshold_id",
                "device_id product_id metric operator threshold_value severity min_duration_s"
                " valid_from valid_to is_enabled",
                required="metric operator threshold_value severity valid_from",
            ),
        )
    }
)
"""The change feeds by the name of their table."""

FEEDS = (IOT_EVENTS, *CHANGES.values())

"""How to reach and log in to a Kafka broker: plain, or as Event Hubs requires.

What does not live here: why a broker can't be used (`probe`), clients (`kafka`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVENT_HUBS_USER = "$ConnectionString"
_EVENT_HUBS_PORT = 9093


@dataclass(frozen=True)
class BrokerAddress:
    """How a broker is reached.

    Attributes:
        bootstrap_servers: `host:port`, or several with commas.
        connection_string: password of `$ConnectionString` on SASL_SSL/PLAIN, as Event Hubs wants
            it; None for a plain listener.
        ca_file: PEM file of the authority to trust; None for those that the system trusts.
    """

    bootstrap_servers: str
    connection_string: str | None = field(default=None, repr=False)
    ca_file: Path | None = None


def event_hubs_server(namespace: str) -> str:
    """Complete the name of an Event Hubs namespace, or a host, to `host:port`."""
    if ":" in namespace:
        return namespace
    host = namespace if "." in namespace else f"{namespace}.servicebus.windows.net"
    return f"{host}:{_EVENT_HUBS_PORT}"


def client_settings(address: BrokerAddress) -> dict[str, Any]:
    """Return what a client of kafka-python needs to connect and to log in."""
    settings: dict[str, Any] = {"bootstrap_servers": address.bootstrap_servers.split(",")}
    if address.connection_string is not None:
        settings |= {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": EVENT_HUBS_USER,
            "sasl_plain_password": address.connection_string,
            "ssl_cafile": str(address.ca_file) if address.ca_file else None,
        }
    return settings

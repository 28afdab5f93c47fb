"""The brokers that a pipeline reads or writes, as its source names them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headwater.errors import Location

_ADDRESS = re.compile(r"(?:\w+://)?(?:\[([^\[\]]+)\]|([^:\[\]/\s]+)):(\d{1,5})")


@dataclass(frozen=True)
class BrokerUse:
    """A use of Kafka in a pipeline's source.

    Attributes:
        servers: its `kafka.bootstrap.servers`, separated by commas.
        where: the user's line.
    """

    servers: str
    where: Location

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each server; empty if one can't be read."""
        return addresses(self.servers)


def addresses(servers: str) -> list[tuple[str, int]]:
    """Return host and port of each server of a list; empty if one can't be read.

    Example:
        >>> addresses("a:9092, SASL_SSL://b.example:9093, [::1]:9094")
        [('a', 9092), ('b.example', 9093), ('::1', 9094)]
        >>> addresses("a")
        []
    """
    found = [_ADDRESS.fullmatch(each.strip()) for each in servers.split(",") if each.strip()]
    return [(each[1] or each[2], int(each[3])) for each in found if each] if all(found) else []

"""`headwater land`: land the events of a broker as Parquet files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.cli.lazy import LazyModule
from headwater.cli.output import print_json

if TYPE_CHECKING:
    from headwater.cli import landing
else:
    landing = LazyModule("headwater.cli.landing")

_ISOLATION_LEVELS = ("read_committed", "read_uncommitted")
_UNITS = {"": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


def _size(text: str) -> int:
    """Read a size such as 128MB; return bytes."""
    found = re.fullmatch(r"(\d+)\s*([KMG]B)?", text.strip(), re.IGNORECASE)
    if not found or not int(found[1]):
        raise click.BadParameter("write a size such as 128MB")
    return int(found[1]) * _UNITS[(found[2] or "").upper()]


@click.command()
@click.option(
    "--source",
    "protocol",
    type=click.Choice(["kafka", "eventhubs"]),
    default="kafka",
    show_default=True,
    help="Protocol: Kafka's (also for Event Hubs), or AMQP.",
)
@click.option(
    "--sink",
    required=True,
    metavar="URL",
    help="file:///DIR, abfss://C@ACCOUNT/DIR or dbfs:/Volumes/...",
)
@click.option("--topic", help="Topic, or event hub (EVENT_HUB_NAME).")
@click.option("--group", help="Consumer group (headwater-landing; $Default for AMQP).")
@click.option("--member", help="Stable name in the group: a restart takes over at once.")
@click.option(
    "--isolation-level",
    type=click.Choice(_ISOLATION_LEVELS),
    default=_ISOLATION_LEVELS[0],
    show_default=True,
    help="Leave out, or include, events of open and aborted Kafka transactions.",
)
@click.option("--contract", type=click.Path(path_type=Path), help="Columns of the events (YAML).")
@click.option("--max-rows", default=50_000, show_default=True, help="Maximum events per file.")
@click.option(
    "--max-seconds", default=60.0, show_default=True, help="Maximum time before a file is written."
)
@click.option(
    "--max-bytes",
    type=_size,
    metavar="SIZE",
    default="128MB",
    show_default=True,
    help="Maximum size of events in memory.",
)
@click.option("--once", is_flag=True, help="Land what is available now, then stop.")
@click.option("--bootstrap-servers", metavar="HOST:PORT,...", help="Kafka broker without TLS.")
@click.option(
    "--ca-file",
    type=click.Path(True, dir_okay=False, path_type=Path),
    help="Certificate authority to trust for TLS.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve /metrics and /healthz on 127.0.0.1.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the totals as JSON.")
def land(
    protocol: str,
    sink: str,
    topic: str | None,
    group: str | None,
    member: str | None,
    isolation_level: str,
    contract: Path | None,
    max_rows: int,
    max_seconds: float,
    max_bytes: int,
    once: bool,
    bootstrap_servers: str | None,
    ca_file: Path | None,
    metrics_port: int | None,
    as_json: bool,
) -> None:
    """Land the events of a topic as Parquet files, each event exactly once.

    \b
    Examples:
      headwater land --bootstrap-servers localhost:9092 --topic patient_events \\
        --contract resources/contracts/patient_events.yml --sink file:///tmp/landing
      headwater land --once --sink abfss://landing@account.dfs.core.windows.net/ \\
        --contract resources/contracts/patient_events.yml
    """
    place = landing.Place(
        protocol, topic, group, bootstrap_servers, ca_file, member, isolation_level
    )
    landing.check_options(place, sink, max_rows, max_seconds)
    limits = landing.Limits(max_rows, max_seconds, max_bytes)
    totals = landing.land_events(
        place, sink, contract, limits, once=once, metrics_port=metrics_port
    )
    if as_json:
        print_json(totals)
    else:
        click.echo(", ".join(f"{value:,} {name}" for name, value in totals.items()))

"""Send simulated hospital events to Azure Event Hubs, or to a Kafka broker.

Event Hubs is named by EVENTHUBS_NAMESPACE, EVENT_HUB_NAME and CONNECTION_STRING, in the
environment or in `.env`; a plain broker by --bootstrap-servers and --topic.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import signal
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path

import click
from dotenv import dotenv_values

from headwater.cli.endings import run_program
from headwater.dev.sender import Counts, Sender, broker_address, send_all, setting
from headwater.errors import UsageError
from patient_analytics.anomalies import KINDS, spread
from patient_analytics.simulator import SCENARIOS, Simulation, messages


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--bootstrap-servers", metavar="HOST:PORT", help="A plain Kafka listener.")
@click.option("--topic", help="Topic, or event hub (EVENT_HUB_NAME).")
@click.option("--ca-file", type=click.Path(path_type=Path), help="PEM of the authority to trust.")
@click.option(
    "--rate", default=1.0, show_default=True, type=click.FloatRange(0), help="Per second; 0: fast."
)
@click.option("--rows", type=click.IntRange(1), help="How many to send (until Ctrl-C).")
@click.option("--seed", default=7, show_default=True, help="The same seed, the same events.")
@click.option("--start-date", type=click.DateTime(), help="When the history begins (2026-01-01).")
@click.option("--end-date", type=click.DateTime(), help="When it ends (now).")
@click.option("--scenario", default="medium", show_default=True, type=click.Choice(list(SCENARIOS)))
@click.option("--skew", default=0.0, show_default=True, type=click.FloatRange(0, 10))
@click.option(
    "--inject-anomalies", "share", default=0.0, type=click.FloatRange(0, 1), metavar="SHARE"
)
@click.option("--anomaly", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Only it.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON at the end.")
def main(
    bootstrap_servers: str | None,
    topic: str | None,
    ca_file: Path | None,
    rate: float,
    rows: int | None,
    as_json: bool,
    **simulated: object,
) -> None:
    """Send simulated hospital events to Event Hubs or Kafka; Ctrl-C ends it in order.

    \b
    Examples:
      python scratch/realtime-kafka-simulator.py
      python scratch/realtime-kafka-simulator.py --bootstrap-servers localhost:9092 \\
        --topic patient-events --rows 1000 --rate 0 --inject-anomalies 0.1 --json
    """
    variables = {**dotenv_values(".env"), **os.environ}
    address = broker_address(variables, bootstrap_servers, ca_file)
    events = itertools.islice(messages(simulation(**simulated)), rows)  # type: ignore[arg-type]
    sender = Sender(address, topic or setting(variables, "EVENT_HUB_NAME"))
    send_all(events, sender, per_second=rate, stop=_stopped_by_signals(), on_progress=_progress)
    counts = sender.close()
    _report(counts, as_json=as_json)
    sys.exit(1 if counts.failed else 0)


def simulation(
    *,
    scenario: str,
    seed: int,
    skew: float,
    share: float,
    kinds: tuple[str, ...],
    start_date: datetime | None,
    end_date: datetime | None,
) -> Simulation:
    """Make the simulation that the options describe; it never runs into the future."""
    base = SCENARIOS[scenario]
    start = start_date or base.start
    end = end_date or datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
    if end <= start:
        raise UsageError(
            "DATES_INVALID",
            "The history ends before it begins",
            hint="Give a --start-date in the past, before --end-date.",
        )
    anomalies = spread(share, kinds or tuple(KINDS))
    return dataclasses.replace(
        base, seed=seed, skew=skew, start=start, end=end, anomalies=anomalies
    )


def _stopped_by_signals() -> threading.Event:
    """An event that Ctrl-C and SIGTERM set; a second one ends the program at once."""
    stop = threading.Event()

    def end(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    return stop


def _progress(counts: Counts) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{counts.sent:,} sent, {counts.failed:,} failed", nl=False, err=True)


def _report(counts: Counts, *, as_json: bool) -> None:
    if as_json:
        told = {"sent": counts.sent, "failed": counts.failed, "by_kind": dict(counts.by_kind)}
        click.echo(json.dumps(told))
        return
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in counts.by_kind.most_common())
    click.echo(f"\n{counts.sent:,} sent ({kinds or 'nothing'}), {counts.failed:,} failed")
    for cause, count in counts.causes.most_common():
        click.echo(f"  {count:,} failed: {cause}")


if __name__ == "__main__":
    run_program(main, "realtime-kafka-simulator.py", again="Run it again.")

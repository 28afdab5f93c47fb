"""`make e2e`: from the event source to gold, with a real broker and real Blob storage.

It starts Kafka and Azurite on loopback, sends simulated events, some of them spoilt, lands them as
Parquet with `headwater land`, runs the `patient_flow` pipeline on the container, and accounts for
every event. Everything goes below .headwater/e2e and ends with the command.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from azure.storage.blob import BlobServiceClient
from deltalake import DeltaTable
from rich.console import Console
from rich.table import Table

from headwater.cli.endings import run_program
from headwater.dev.azurite import Azurite, azurite
from headwater.dev.kafka import Broker, kafka_broker
from headwater.errors import UpdateError
from headwater.names import TableName
from headwater.settings import read_settings
from headwater.state.target import open_target

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".headwater" / "e2e"
TOPIC = "patient_events"
CONTRACT = ROOT / "resources" / "contracts" / "patient_events.yml"
CONTAINER = "landing"
HEADWATER = str(Path(sys.executable).with_name("headwater"))


@dataclass(frozen=True)
class Account:
    """Events by where they are, as the programs told and as the tables hold them."""

    sent: int
    landed: int
    rejected: int
    bronze: int
    silver: int
    dropped: int
    in_gold: int
    dropped_by_rule: Mapping[str, int]

    @property
    def balances(self) -> bool:
        """Whether each step accounts for all that the one before it gave."""
        return (
            self.sent == self.landed + self.rejected
            and self.landed == self.bronze
            and self.bronze == self.silver + self.dropped
            and self.silver == self.in_gold
        )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rows", default=20_000, show_default=True, type=click.IntRange(1))
@click.option("--anomalies", default=0.08, show_default=True, type=click.FloatRange(0, 1))
@click.option("--seed", default=7, show_default=True)
def main(rows: int, anomalies: float, seed: int) -> None:
    """Send, land, run and account for events, on this machine."""
    shutil.rmtree(STATE, ignore_errors=True)
    settings = read_settings()
    step("starting Kafka and Azurite")
    with (
        kafka_broker(STATE / "kafka", settings=settings) as broker,
        azurite(STATE / "azurite", settings=settings) as storage,
    ):
        make_container(storage)
        step(f"sending {rows:,} events, {anomalies:.0%} of them spoilt")
        sent = send(broker, rows, anomalies, seed)
        step("landing them as Parquet")
        landed = land(broker, storage)
        step("running the pipeline patient_flow on the container")
        flows = run(storage)
    account = account_for(sent, landed, flows)
    show(account)
    sys.exit(0 if account.balances else 1)


def step(text: str) -> None:
    click.echo(f"== {text}", err=True)


def make_container(storage: Azurite) -> None:
    with BlobServiceClient.from_connection_string(storage.connection_string) as client:
        client.create_container(CONTAINER)


def folder_of(storage: Azurite) -> str:
    return f"abfs://{CONTAINER}@{storage.account}.dfs.core.windows.net"


def send(broker: Broker, rows: int, anomalies: float, seed: int) -> dict[str, Any]:
    script = str(ROOT / "scratch" / "realtime-kafka-simulator.py")
    options = ["--rows", str(rows), "--rate", "0", "--seed", str(seed)]
    place = ["--bootstrap-servers", broker.bootstrap_servers, "--topic", TOPIC]
    spoilt = ["--inject-anomalies", str(anomalies)]
    return told(sys.executable, script, *place, *options, *spoilt)


def land(broker: Broker, storage: Azurite) -> dict[str, Any]:
    place = ["--source", "kafka", "--bootstrap-servers", broker.bootstrap_servers]
    sink = ["--topic", TOPIC, "--sink", folder_of(storage), "--contract", str(CONTRACT)]
    return told(HEADWATER, "land", *place, *sink, "--once", **key(storage))


def run(storage: Azurite) -> list[dict[str, Any]]:
    landing = f"landing_path={folder_of(storage)}/{TOPIC}"
    place = ["--bundle", str(ROOT), "--state", str(STATE / "state"), "--var", landing]
    return list(told(HEADWATER, "run", "patient_flow", *place, **key(storage))["flows"])


def key(storage: Azurite) -> dict[str, str]:
    return {"AZURE_STORAGE_CONNECTION_STRING": storage.connection_string}


def told(*command: str, **variables: str) -> dict[str, Any]:
    """Run a program as a person would; its progress is shown, its JSON given."""
    environment = {**os.environ, **variables}
    done = subprocess.run((*command, "--json"), env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
    if done.returncode != 0:
        raise UpdateError(
            "STEP_FAILED",
            f"{Path(command[0]).name} ended with status {done.returncode}",
            hint="What it said is above.",
        )
    return dict(json.loads(done.stdout))


def account_for(
    sent: Mapping[str, Any], landed: Mapping[str, Any], flows: list[dict[str, Any]]
) -> Account:
    target = open_target(ROOT, state=STATE / "state", settings=read_settings())
    spec = target.bundle.pipeline("patient_flow")

    def table(schema: str, name: str) -> DeltaTable:
        return DeltaTable(target.store.table_path(TableName(spec.catalog, schema, name)))

    silver = table(spec.configuration["silver_schema"], "patient_events")
    (checked,) = [each for each in flows if each["dataset"].endswith("silver.patient_events")]
    admission = ["patient_id", "admission_time"]
    events = (
        silver.to_pyarrow_table(columns=admission)
        .group_by(admission)
        .aggregate([([], "count_all")])
    )
    facts = table(spec.schema, "fact_admissions").to_pyarrow_table(columns=admission)
    covered = events.join(facts, keys=admission, join_type="inner")
    return Account(
        sent=sent["sent"],
        landed=landed["landed"],
        rejected=landed["rejected"],
        bronze=table(spec.configuration["bronze_schema"], "patient_events").count(),
        silver=silver.count(),
        dropped=checked["rows_dropped"],
        in_gold=sum(covered["count_all"].to_pylist()),
        dropped_by_rule={
            rule["name"]: rule["failed_records"]
            for rule in checked["expectations"]
            if rule["failed_records"]
        },
    )


def show(account: Account) -> None:
    table = Table("step", "events", title="every event accounted for")
    rows = {
        "sent": account.sent,
        "landed": account.landed,
        "rejected, kept in _rejected/": account.rejected,
        "bronze": account.bronze,
        "silver": account.silver,
        "dropped by rules": account.dropped,
        **{f"  failed {name}": count for name, count in account.dropped_by_rule.items()},
        "gold: events behind fact_admissions": account.in_gold,
    }
    for name, count in rows.items():
        table.add_row(name, f"{count:,}")
    console = Console(highlight=False)
    console.print(table)
    sign = "=" if account.balances else "<>"
    console.print(
        f"sent {account.sent:,} {sign} rejected {account.rejected:,} + dropped "
        f"{account.dropped:,} + gold {account.in_gold:,}"
    )


if __name__ == "__main__":
    run_program(main, "e2e.py", again="Run make e2e again.")

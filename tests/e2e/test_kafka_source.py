"""A pipeline over topics of a real broker: each event once, whatever happens between updates."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from command import BUNDLE, bundle, headwater, start, until
from dev_clients import receive, send
from headwater.dev.kafka import Broker, kafka_broker

pytestmark = pytest.mark.servers

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

def topic(name):
    return (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", spark.conf.get("servers"))
        .option("subscribe", name)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", 15)
        .load()
    )

@dp.table
@dp.expect_or_drop("known", "n >= 0")
def bronze():
    rows = topic("TOPIC")
    return rows.select(F.col("value").cast("string").cast("int").alias("n"), "topic", "offset")

@dp.table
def silver():
    return spark.readStream.table("bronze")
"""

SQL = """
CREATE OR REFRESH STREAMING TABLE bronze AS
SELECT CAST(CAST(value AS STRING) AS INT) AS n, timestamp FROM STREAM read_kafka(
  bootstrapServers => '${servers}', subscribe => 'TOPIC', startingOffsets => 'earliest');

CREATE OR REFRESH MATERIALIZED VIEW whole AS
SELECT CAST(CAST(value AS STRING) AS INT) AS n FROM read_kafka(
  bootstrapServers => '${servers}', subscribe => 'TOPIC');
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka"), partitions=1) as running:
        yield running


def project(folder: Path, servers: str, topic: str, source: str = SOURCE) -> Path:
    text = f"{BUNDLE}        servers: {servers}\n"
    return bundle(folder, source.replace("TOPIC", topic), text)


def put(broker: Broker, topic: str, *numbers: int) -> None:
    settings = {"bootstrap_servers": broker.bootstrap_servers}
    send(settings, topic, *(str(each).encode() for each in numbers))


def numbers(folder: Path, table: str) -> list[int]:
    found = DeltaTable(folder / f".headwater/dev/tables/main/s/{table}")
    return sorted(found.to_pyarrow_table().column("n").to_pylist())


def run(folder: Path, *arguments: str) -> dict[str, object]:
    done = headwater("run", "--json", *arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_topic_is_read_once_and_from_the_start_by_a_full_refresh(
    broker: Broker, tmp_path: Path
) -> None:
    folder = project(tmp_path, broker.bootstrap_servers, "waves")
    put(broker, "waves", 1, 2, -3)
    run(folder)
    put(broker, "waves", 4, 5)
    run(folder)
    assert numbers(folder, "silver") == [1, 2, 4, 5]  # each once: the checkpoint knows the rest
    run(folder, "--full-refresh")
    assert numbers(folder, "silver") == [1, 2, 4, 5]


def test_killed_update_of_a_topic_is_continued(broker: Broker, tmp_path: Path) -> None:
    folder = project(tmp_path, broker.bootstrap_servers, "kills")
    put(broker, "kills", *range(40))
    process = start("run", folder=folder)
    until(process, "bronze")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    run(folder)
    assert numbers(folder, "silver") == list(range(40))
    told = [json.loads(each["details"])["flow_progress"] for each in metrics(folder)]
    left = [each["metrics"].get("backlog_records") for each in told]
    assert left[-2:] == [0, None]  # of the last micro-batches of bronze and of silver


def metrics(folder: Path) -> list[dict[str, str]]:
    log = DeltaTable(folder / ".headwater/dev/pipelines/flow/event_log").to_pyarrow_table()
    rows = sorted(log.to_pylist(), key=lambda row: row["timestamp"])
    return [
        row for row in rows if row["event_type"] == "flow_progress" and row["level"] == "METRICS"
    ]


def test_hub_is_read_in_sql_with_a_workspace_login(broker: Broker, tmp_path: Path) -> None:
    login = (
        "kafkashaded.org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="$ConnectionString" password="{broker.connection_string}";'
    )
    secure = f"""
      `kafka.security.protocol` => 'SASL_SSL', `kafka.sasl.mechanism` => 'PLAIN',
      `kafka.ssl.truststore.type` => 'PEM', `kafka.ssl.truststore.location` => '{broker.ca_file}',
      `kafka.sasl.jaas.config` => '{login}',"""
    source = SQL.replace("subscribe", secure + " subscribe")
    folder = project(tmp_path, broker.sasl_bootstrap_servers, "hub", "# SQL beside it\n")
    (folder / "p" / "b.sql").write_text(source.replace("TOPIC", "hub"))
    put(broker, "hub", 1, 2)
    run(folder)
    put(broker, "hub", 3)
    run(folder)
    assert (numbers(folder, "bronze"), numbers(folder, "whole")) == ([1, 2, 3], [1, 2, 3])


def test_sink_sends_each_row_once_in_undisturbed_updates(broker: Broker, tmp_path: Path) -> None:
    sink = """
dp.create_sink("out", "kafka", {
    "kafka.bootstrap.servers": spark.conf.get("servers"), "topic": "sent"})

@dp.append_flow(target="out")
def send():
    rows = spark.readStream.table("silver")
    return rows.select(F.to_json(F.struct("n")).alias("value"))
"""
    folder = project(tmp_path, broker.bootstrap_servers, "sending", SOURCE + sink)
    for number in (1, 2):
        put(broker, "sending", number)
        run(folder)
    found = receive({"bootstrap_servers": broker.bootstrap_servers}, "sent", 2)
    assert sorted(each.value for each in found) == [b'{"n":1}', b'{"n":2}']


def test_unknown_topic_is_named_as_the_cause(broker: Broker, tmp_path: Path) -> None:
    source = SOURCE.replace('"subscribe", name', '"assign", \'{"absent": [7]}\'')
    done = headwater("run", folder=project(tmp_path, broker.bootstrap_servers, "x", source))
    assert done.returncode == 1
    assert "error: [KAFKA_" in done.stderr, done.stderr


def test_silent_broker_ends_the_update_in_bounded_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        servers = f"127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        done = headwater("run", folder=project(tmp_path, servers, "t"))
    assert time.monotonic() - begun < 120
    assert "[KAFKA_UNREACHABLE] Flow 'bronze' failed" in done.stderr
    assert servers in done.stderr


def test_dead_broker_is_told_before_anything_is_written(tmp_path: Path) -> None:
    done = headwater("run", folder=project(tmp_path, "127.0.0.1:1", "t"))
    assert "[KAFKA_UNREACHABLE] No Kafka broker answers at 127.0.0.1:1 (p/a.py:12)" in done.stderr
    assert not list(tmp_path.glob(".headwater/dev/tables/**/_delta_log"))


def test_validation_needs_no_broker(tmp_path: Path) -> None:
    folder = project(tmp_path, "127.0.0.1:1", "t")
    assert headwater("run", "--validate", folder=folder).returncode == 0

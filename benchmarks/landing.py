"""`make bench`, second part: landing against its limits, in one run on one broker.

Whole-topic times are from the first assignment to the last file. The latency is from the broker's
time of an event to the moment its file is visible. The share of polling alone is a goal that is not
met with the package crc32c, which makes polling six times faster; see docs/performance.md.

Usage: landing.py [EVENTS] [ROUNDS]
"""

import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from headwater.dev.kafka import kafka_broker
from headwater.landing.broker import BrokerAddress
from headwater.landing.consumer import Consumer
from headwater.landing.contract import read_contract
from headwater.landing.kafka import KafkaSource
from headwater.landing.local import LocalSink
from headwater.landing.steady import SteadySink
from headwater.landing.tracks import Limits
from patient_analytics.simulator import Simulation, simulate

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
MIN_SHARE_OF_POLLING = 0.85
MAX_TIMES_SLOWER = 2.0
PARTITIONS, ROWS = 4, 50_000
CONTRACT = read_contract(Path(__file__).parents[1] / "resources/contracts/patient_events.yml")


def produce(servers: str, topic: str, count: int, per_second: float = 0) -> None:
    """Send events of the simulator, keyed by patient."""
    producer = KafkaProducer(bootstrap_servers=servers, linger_ms=5, acks="all")
    started = time.monotonic()
    for number, event in zip(range(count), simulate(Simulation()), strict=False):
        body = json.dumps(event, default=str).encode()
        producer.send(topic, key=event["patient_id"].encode(), value=body)
        if per_second and number % 50 == 49:
            time.sleep(max(0.0, started + number / per_second - time.monotonic()))
    producer.flush()
    producer.close()


class Landing:
    """One run of the landing consumer into a local folder, in this process."""

    def __init__(self, servers: str, topic: str, folder: Path, limits: Limits, *, once: bool):
        self.stopping = threading.Event()
        self.assigned_at = 0.0
        self.consumer = Consumer(
            KafkaSource(BrokerAddress(servers), topic, f"bench-{folder.name}"),
            SteadySink(LocalSink(folder), patience_seconds=10, notify=self.notify),
            CONTRACT,
            limits,
            stopping=self.stopping,
            once=once,
            notify=self.notify,
            on_turn=lambda _: None,
        )

    def notify(self, what: str, **_: object) -> None:
        if what == "assigned" and not self.assigned_at:
            self.assigned_at = time.monotonic()

    def run(self) -> float:
        counts = self.consumer.run()
        seconds = time.monotonic() - self.assigned_at
        if counts.landed != EVENTS:
            sys.exit(f"landed {counts.landed} of {EVENTS}")
        return seconds


def land(servers: str, topic: str, folder: Path) -> float:
    return Landing(servers, topic, folder, Limits(max_rows=ROWS), once=True).run()


def poll_only(servers: str, topic: str, _: Path) -> float:
    """The same client, reading and throwing away."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers, enable_auto_commit=False, max_poll_records=2_000
    )
    consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
    consumer.seek_to_beginning()
    started, read = time.monotonic(), 0
    while read < EVENTS:
        read += sum(map(len, consumer.poll(timeout_ms=500).values()))
    seconds = time.monotonic() - started
    consumer.close()
    return seconds


def confluent(servers: str, topic: str, folder: Path) -> float | None:
    """The simplest landing with confluent-kafka: no claims, no checks, nothing rejected."""
    try:
        from confluent_kafka import Consumer as Client
        from confluent_kafka import TopicPartition as Place
    except ImportError:
        return None
    client = Client(
        {"bootstrap.servers": servers, "group.id": "bench", "enable.auto.commit": False}
    )
    client.assign([Place(topic, number, 0) for number in range(PARTITIONS)])
    started, read, waiting = time.monotonic(), 0, []
    while read < EVENTS:
        found = client.consume(2_000, 0.5)
        read += len(found)
        waiting += [json.loads(each.value()) for each in found]
        if len(waiting) >= ROWS or read == EVENTS:
            write(pa.Table.from_pylist(waiting), folder / f"{read}.parquet")
            waiting = []
    seconds = time.monotonic() - started
    client.close()
    return seconds


def write_only(_: str, __: str, folder: Path) -> float:
    """PyArrow writing the same rows from memory."""
    tables = [pq.read_table(file) for file in folder.parent.glob("land0/patient*/*/*.parquet")]
    started = time.monotonic()
    for number, table in enumerate(tables):
        write(table, folder / f"{number}.parquet")
    return time.monotonic() - started


def write(table: pa.Table, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, compression="zstd")


def latency(servers: str, folder: Path) -> list[float]:
    """Milliseconds from the broker to a visible file, at 1,000 events a second."""
    topic, count = "patient_events_slow", 10_000
    produce(servers, topic, 1)  # makes the topic
    running = Landing(servers, topic, folder, Limits(max_seconds=1), once=False)
    thread = threading.Thread(target=running.consumer.run)
    thread.start()
    while not running.assigned_at:
        time.sleep(0.05)
    produce(servers, topic, count, per_second=1_000)
    while running.consumer.counts.landed < count + 1:
        time.sleep(0.05)
    running.stopping.set()
    thread.join()
    waits = []
    for file in folder.glob(f"{topic}/*/*.parquet"):
        seen = file.stat().st_mtime_ns / 1e6
        for at in pq.read_table(file, columns=["_enqueued_time"])["_enqueued_time"].to_pylist():
            waits.append(seen - at.timestamp() * 1000)
    return waits


def main() -> None:
    ways = {"land": land, "poll": poll_only, "confluent": confluent, "write": write_only}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with (
        tempfile.TemporaryDirectory(prefix="headwater-bench-") as name,
        kafka_broker(Path(name) / "kafka", partitions=PARTITIONS) as broker,
    ):
        servers = broker.bootstrap_servers
        produce(servers, "patient_events", EVENTS)
        for number in range(ROUNDS):
            for way, run in ways.items():
                spent = run(servers, "patient_events", Path(name) / f"{way}{number}")
                if spent is not None:
                    seconds[way].append(spent)
        waits = sorted(latency(servers, Path(name) / "slow"))
    best = {way: min(spent) for way, spent in seconds.items() if spent}
    for way, spent in best.items():
        print(f"{way:10} {EVENTS / spent:10,.0f} events/s")
    share = statistics.median(
        poll / land for poll, land in zip(seconds["poll"], seconds["land"], strict=True)
    )
    print(f"landing / polling alone: {share:.2f} (at least {MIN_SHARE_OF_POLLING})")
    slower = best["land"] / best.get("confluent", best["poll"])
    print(f"times slower than the best client: {slower:.1f} (at most {MAX_TIMES_SLOWER})")
    print(
        f"latency ms: median {waits[len(waits) // 2]:.0f}, p99 {waits[len(waits) * 99 // 100]:.0f}"
    )
    sys.exit(slower > MAX_TIMES_SLOWER)


if __name__ == "__main__":
    main()

"""Count fresh starts of the landing consumer that stop in silence; there must be none.

Each start is a new group with events waiting on one broker, and has to land them all and to end
within a bound. kafka-python forgets a join that ends between two polls (see `landing.membership`),
which used to leave some of such starts without a partition.

Usage: landing_starts.py [STARTS] [SECONDS]
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from headwater.dev.kafka import kafka_broker
from headwater.landing.broker import BrokerAddress
from headwater.landing.consumer import Consumer
from headwater.landing.contract import Column, Contract
from headwater.landing.kafka import KafkaSource
from headwater.landing.local import LocalSink
from headwater.landing.steady import SteadySink
from headwater.landing.tracks import Limits

STARTS = int(sys.argv[1]) if len(sys.argv) > 1 else 300
BOUND_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 15.0
TOPIC, PARTITIONS, EVENTS = "starts", 4, 40
MAX_SECONDS = 0.02  # so a poll waits 5 ms, and many a join ends between two polls
CONTRACT = Contract(TOPIC, (Column("id", "BIGINT"),))


def prepare(servers: str) -> None:
    """Make the topic, and send the events that each start lands."""
    admin = KafkaAdminClient(bootstrap_servers=servers)
    admin.create_topics({TOPIC: {"num_partitions": PARTITIONS, "replication_factor": 1}})
    admin.close()
    producer = KafkaProducer(bootstrap_servers=servers, acks="all")
    for number in range(EVENTS):
        producer.send(TOPIC, b'{"id": %d}' % number, partition=number % PARTITIONS)
    producer.flush()
    producer.close()


def start(servers: str, folder: Path) -> tuple[bool, float]:
    """Land everything as a new group; return whether that ended by itself, and the seconds."""
    stopping = threading.Event()
    timer = threading.Timer(BOUND_SECONDS, stopping.set)
    timer.start()
    started = time.monotonic()
    consumer = Consumer(
        KafkaSource(BrokerAddress(servers), TOPIC, folder.name),
        SteadySink(LocalSink(folder), patience_seconds=10, notify=lambda *_, **__: None),
        CONTRACT,
        Limits(max_seconds=MAX_SECONDS),
        stopping=stopping,
        once=True,
        notify=lambda *_, **__: None,
        on_turn=lambda _: None,
    )
    landed = consumer.run().landed
    timer.cancel()
    return landed == EVENTS and not stopping.is_set(), time.monotonic() - started


def main() -> int:
    """Start as often as asked, and say how it went; 1 when a start did not land everything."""
    with tempfile.TemporaryDirectory() as room, kafka_broker(Path(room) / "kafka") as broker:
        prepare(broker.bootstrap_servers)
        ends = [
            start(broker.bootstrap_servers, Path(room) / f"start-{number}")
            for number in range(STARTS)
        ]
    stopped = sum(not is_whole for is_whole, _ in ends)
    slowest = max(seconds for _, seconds in ends)
    print(f"{STARTS} starts, {stopped} stopped in silence, slowest {slowest:.1f} s")
    return int(stopped > 0)


if __name__ == "__main__":
    sys.exit(main())

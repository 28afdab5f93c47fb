"""Consumers and producers as processes of their own, which a test may kill at any moment."""

from __future__ import annotations

import json
import multiprocessing
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kafka
import kafka.admin

from headwater.dev.kafka import Broker
from headwater.landing.broker import BrokerAddress
from headwater.landing.consumer import Consumer
from headwater.landing.contract import read_contract
from headwater.landing.kafka import KafkaSource
from headwater.landing.sinks import open_sink
from headwater.landing.steady import SteadySink
from headwater.landing.tracks import Limits
from landing_support import silent, silent_turn

CONTRACT = Path(__file__).parents[2] / "resources/contracts/patient_events.yml"
PATIENT = "Quentin-Quagmire"
EVERY_BAD = 50
PARTITIONS = 4

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Job:
    """What a consumer process lands, and where."""

    servers: str
    topic: str
    sink: str
    member: str | None
    max_rows: int = 700
    max_seconds: float = 0.3


def land(job: Job, assigned: Any) -> None:
    """Land until killed, or until SIGTERM stops it; sets `assigned` once it has partitions."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())

    def notify(happening: str, **facts: int | float | str | None) -> None:
        if happening == "assigned":
            assigned.set()

    sink = SteadySink(open_sink(job.sink), notify=silent)
    source = KafkaSource(BrokerAddress(job.servers), job.topic, "landing", member=job.member)
    Consumer(
        source,
        sink,
        read_contract(CONTRACT),
        Limits(max_rows=job.max_rows, max_seconds=job.max_seconds),
        stopping=stopping,
        notify=notify,
        on_turn=silent_turn,
    ).run()


def start_landing(job: Job) -> tuple[Any, Any]:
    """Start a consumer process; return it, and an event that it sets when it has partitions."""
    assigned = processes.Event()
    process = processes.Process(target=land, args=(job, assigned), daemon=True)
    process.start()
    return process, assigned


def value_of(number: int, size: int = 0) -> bytes:
    """An event of the hospital; each `EVERY_BAD`th is no JSON, and all name the patient."""
    if number % EVERY_BAD == 7:
        return f"{PATIENT} is no JSON, {number}".encode()
    event = {"event_id": f"E{number:09d}", "patient_id": PATIENT, "age": number % 90}
    return json.dumps(event | {"bed_id": "x" * size}).encode()


def send(servers: str, topic: str, count: int, size: int = 0) -> None:
    """Send `count` events, each once."""
    producer = kafka.KafkaProducer(
        bootstrap_servers=servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=20,
        batch_size=2**18,
        compression_type="gzip",  # kafka-python's checksum of a byte takes longer than packing it
        retries=1000,
    )
    for number in range(count):
        producer.send(topic, value_of(number, size), key=b"%d" % (number % 997))
    producer.flush(120)
    producer.close()


def start_sending(servers: str, topic: str, count: int, size: int = 0) -> Any:
    """Send in a process of its own."""
    process = processes.Process(target=send, args=(servers, topic, count, size), daemon=True)
    process.start()
    return process


def make_topic(broker: Broker, topic: str) -> None:
    admin = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    try:
        admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}})
    finally:
        admin.close()


def held_by(broker: Broker, topic: str) -> Mapping[int, int]:
    """How many offsets each partition has."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=broker.bootstrap_servers)
    try:
        parts = [kafka.TopicPartition(topic, number) for number in range(PARTITIONS)]
        return {part.partition: end for part, end in consumer.end_offsets(parts).items()}
    finally:
        consumer.close()


def bad_among(count: int) -> int:
    return len(range(7, count, EVERY_BAD))

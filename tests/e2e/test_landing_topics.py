"""What a real broker may hold: each compression, transactions; and joins that end at any time."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import kafka
import kafka.admin
import kafka.codec
import pyarrow.parquet as pq
import pytest
from kafka.admin import NewPartitions

from headwater.dev.kafka import Broker, kafka_broker
from headwater.errors import SourceError
from headwater.landing.broker import BrokerAddress
from headwater.landing.consumer import Consumer
from headwater.landing.kafka import KafkaSource
from headwater.landing.local import LocalSink
from headwater.landing.source import EventBatch
from headwater.landing.tracks import Limits
from landing_support import Landed, consumer_of, event

pytestmark = pytest.mark.servers

NAMES = (f"topic-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def topic(broker: Broker) -> str:
    name = next(NAMES)
    admin(broker, lambda it: it.create_topics({name: {"num_partitions": 2}}))
    return name


def admin(broker: Broker, work: Callable[[Any], object]) -> None:
    client = kafka.admin.KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    try:
        work(client)
    finally:
        client.close()


def send(broker: Broker, topic: str, numbers: Sequence[int], **settings: Any) -> None:
    producer = kafka.KafkaProducer(bootstrap_servers=broker.bootstrap_servers, **settings)
    try:
        for number in numbers:
            producer.send(topic, event(number), partition=number % 2)
        producer.flush(30)
    finally:
        producer.close()


def land(broker: Broker, topic: str, folder: Path, **options: Any) -> Consumer:
    source = KafkaSource(
        BrokerAddress(broker.bootstrap_servers),
        topic,
        f"{topic}-group",
        isolation=options.pop("isolation", "read_committed"),
    )
    source.gone_seconds = 1.0
    consumer = consumer_of(source, LocalSink(folder), patience_seconds=20, **options)
    consumer.run()
    return consumer


def ids(folder: Path) -> list[str]:
    files = [folder / each for each in Landed(folder).files]
    return sorted(each for file in files for each in pq.read_table(file)["id"].to_pylist())


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_each_compression_is_read(broker: Broker, topic: str, tmp_path: Path, codec: str) -> None:
    send(broker, topic, range(200), compression_type=codec, linger_ms=50)
    assert land(broker, topic, tmp_path).counts.landed == 200


def test_missing_codec_is_named_at_once(
    broker: Broker, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(broker, topic, range(4))
    send(broker, topic, range(200), compression_type="snappy", linger_ms=50)
    monkeypatch.setattr(kafka.codec, "snappy", None)
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        land(broker, topic, tmp_path)
    assert (caught.value.code, "snappy" in caught.value.message) == ("SOURCE_CODEC_MISSING", True)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["no_such_topic", "no such topic", ".."])
def test_topic_that_is_not_there_is_said_and_not_made(
    broker: Broker, tmp_path: Path, name: str
) -> None:
    with pytest.raises(SourceError) as caught:
        land(broker, name, tmp_path)
    assert caught.value.code == "SOURCE_TOPIC_MISSING"
    topics: list[str] = []
    admin(broker, lambda it: topics.extend(it.list_topics()))
    assert name not in topics


def test_topic_deleted_while_it_is_read_ends_landing_and_is_not_made_anew(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    send(broker, topic, range(6))
    done: list[bool] = []
    stopping = threading.Event()
    until = time.monotonic() + 30

    def delete(consumer: Consumer) -> None:
        if consumer.counts.landed == 6 and not done:
            admin(broker, lambda it: done.append(bool(it.delete_topics([topic]))))
        if time.monotonic() > until:
            stopping.set()

    options = {"once": False, "stopping": stopping, "on_turn": delete}
    with pytest.raises(SourceError) as caught:
        land(broker, topic, tmp_path, limits=Limits(max_seconds=0.1), **options)
    assert caught.value.code == "SOURCE_TOPIC_MISSING"


class Transactions:
    """A transactional producer; each `run` is one transaction."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self.topic = topic
        self.producer = kafka.KafkaProducer(
            bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{topic}-id"
        )
        self.producer.init_transactions()

    def begin(self, *numbers: int) -> None:
        self.producer.begin_transaction()
        for number in numbers:
            self.producer.send(self.topic, event(number), partition=0)
        self.producer.flush(30)

    def run(self, *numbers: int, end: str = "commit_transaction") -> None:
        self.begin(*numbers)
        getattr(self.producer, end)()


@pytest.fixture
def transactions(broker: Broker, topic: str) -> Iterator[Transactions]:
    found = Transactions(broker, topic)
    yield found
    found.producer.close()


def test_events_of_aborted_and_open_transactions_are_not_landed(
    broker: Broker, topic: str, transactions: Transactions, tmp_path: Path
) -> None:
    transactions.run(1, 2)
    transactions.run(3, 4, end="abort_transaction")
    transactions.run(5)
    transactions.run(6, end="abort_transaction")
    first = land(broker, topic, tmp_path / "sink")
    assert ids(tmp_path / "sink") == ["E1", "E2", "E5"]
    assert first.counts.landed == 3

    transactions.begin(7)
    assert land(broker, topic, tmp_path / "sink").counts.landed == 0
    everything = land(broker, topic, tmp_path / "all", isolation="read_uncommitted")
    assert everything.counts.landed == 7
    assert land(broker, topic, tmp_path / "all").counts.landed == 0  # its end is not the topic's

    transactions.producer.commit_transaction()
    assert land(broker, topic, tmp_path / "sink").counts.landed == 1
    assert ids(tmp_path / "sink") == ["E1", "E2", "E5", "E7"]


def test_lag_behind_a_transaction_ends_at_zero(
    broker: Broker, topic: str, transactions: Transactions, tmp_path: Path
) -> None:
    transactions.run(1, 2)
    transactions.run(3, end="abort_transaction")
    stopping = threading.Event()
    until = time.monotonic() + 20

    def stop_when_landed(consumer: Consumer) -> None:
        if consumer.lag() == 0 or time.monotonic() > until:
            stopping.set()

    limits = Limits(max_seconds=0.1)
    options = {"once": False, "stopping": stopping, "on_turn": stop_when_landed, "limits": limits}
    consumer = land(broker, topic, tmp_path, **options)
    assert (consumer.counts.landed, time.monotonic() < until) == (2, True)


class BetweenPolls(KafkaSource):
    """A member whose joins of the group all end between two polls."""

    def poll(self, timeout_seconds: float) -> Sequence[EventBatch]:
        found = super().poll(min(timeout_seconds, 0.001))
        join = self._client._coordinator._join_task
        until = time.monotonic() + 10
        while join is not None and not join.is_done and time.monotonic() < until:
            time.sleep(0.005)
        return found


def test_joins_that_end_between_two_polls_are_not_forgotten(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    send(broker, topic, range(6))
    source = BetweenPolls(BrokerAddress(broker.bootstrap_servers), topic, f"{topic}-group")
    stopping = threading.Event()
    told: list[str] = []
    until = time.monotonic() + 30

    def add_partitions(consumer: Consumer) -> None:
        if consumer.counts.landed == 6 and "grown" not in told:
            told.append("grown")
            admin(broker, lambda it: it.create_partitions({topic: NewPartitions(4)}))
        source._client._cluster.request_update()
        if len(consumer.partitions) == 4 or time.monotonic() > until:
            stopping.set()

    consumer = consumer_of(
        source,
        LocalSink(tmp_path),
        once=False,
        stopping=stopping,
        limits=Limits(max_seconds=0.1),
        on_turn=add_partitions,
        notify=lambda what, **facts: told.append(json.dumps({what: facts})),
    )
    consumer.run()
    assert '{"assigned": {"partitions": 4}}' in told, told

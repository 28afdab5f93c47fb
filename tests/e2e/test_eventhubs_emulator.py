"""The emulator of Event Hubs, a test double, takes the real client as the service does."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest
from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient

from eventhubs_emulator import Emulator, eventhubs_emulator

# azure-eventhub leaves the sockets of broken connections to the garbage collector
pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Let the client's leaks come to light while they are ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with eventhubs_emulator({"filters": 1, "keys": 3}) as running:
        yield running


def test_emulator_sends_events_of_a_key_to_one_partition(emulator: Emulator) -> None:
    with EventHubProducerClient.from_connection_string(
        emulator.connection_string, eventhub_name="keys"
    ) as producer:
        for _ in range(3):
            producer.send_batch([EventData(b"1"), EventData(b"2")], partition_key="P000001")
    counts = [len(each.events) for each in emulator.hubs["keys"].partitions]
    assert sorted(counts) == [0, 0, 6]


def send(emulator: Emulator, body: bytes) -> None:
    with EventHubProducerClient.from_connection_string(
        emulator.connection_string, eventhub_name="filters"
    ) as producer:
        producer.send_batch([EventData(body)], partition_id="0")


@pytest.mark.parametrize("by", ["offset", "sequence number", "enqueued time"])
def test_emulator_starts_where_a_filter_says(emulator: Emulator, by: str) -> None:
    log = emulator.hubs["filters"].partitions[0]
    if not log.events:
        for body in (b"a", b"b", b"c"):
            send(emulator, body)
    third = log.events[2]
    moment = datetime.fromtimestamp(third.enqueued_ms / 1000, timezone.utc)
    position = {
        "offset": str(log.events[1].offset),
        "sequence number": 1,
        "enqueued time": moment - timedelta(milliseconds=1),
    }[by]
    got: list[bytes] = []
    client = EventHubConsumerClient.from_connection_string(
        emulator.connection_string, consumer_group=f"g-{by}", eventhub_name="filters"
    )

    def keep(_: object, events: list[EventData]) -> None:
        got.extend(b"".join(each.body) for each in events)  # type: ignore[arg-type]
        client.close()

    client.receive_batch(keep, partition_id="0", starting_position=position)
    assert got == [b"c"]


def test_emulator_ends_a_reader_of_a_lower_owner_level(emulator: Emulator) -> None:
    errors: dict[int, list[str]] = {0: [], 1: []}

    def reading(level: int) -> tuple[EventHubConsumerClient, threading.Thread]:
        client = EventHubConsumerClient.from_connection_string(
            emulator.connection_string,
            consumer_group="levels",
            eventhub_name="keys",
            retry_total=0,
            load_balancing_interval=0.2,
        )
        keep = {"on_error": lambda _, error: errors[level].append(str(error))}
        place = {"partition_id": "0", "owner_level": level, "starting_position": "-1"}
        thread = threading.Thread(
            target=lambda: client.receive_batch(lambda *_: None, **place, **keep)
        )
        thread.start()
        return client, thread

    readers = emulator.hubs["keys"].partitions[0].readers["levels"]
    lower = reading(0)
    wait_until(lambda: [each.epoch for each in readers] == [0])
    higher = reading(1)
    wait_until(lambda: [each.epoch for each in readers] == [1])
    wait_until(lambda: any("stolen" in each for each in errors[0]))
    for client, thread in (lower, higher):
        client.close()
        thread.join()
    assert errors[1] == []


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)

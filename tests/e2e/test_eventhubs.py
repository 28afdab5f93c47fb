"""Event Hubs by AMQP: the source reads the emulator (a test double) with the real client.

Claims and checkpoints are in a real Azurite.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest
from azure.eventhub import EventData, EventHubProducerClient
from azure.storage.blob import BlobServiceClient

from command import headwater
from dev_clients import needs_node
from eventhubs_emulator import Emulator, eventhubs_emulator
from headwater.dev.azurite import azurite
from headwater.errors import SourceError
from headwater.landing.eventhubs import EventHubsSource, HubAddress
from headwater.landing.local import LocalSink
from headwater.landing.source import Bounds, EventBatch, Partition
from landing_processes import CONTRACT
from landing_support import Landed, consumer_of, log_of

# azure-eventhub leaves the sockets of broken connections to the garbage collector
pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

HUBS = {"hub": 2, "shared": 4, "cut": 1, "slow": 1, "lone": 1, "events": 3, "command": 2}


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Let the client's leaks come to light while they are ignored."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with eventhubs_emulator(HUBS) as running:
        yield running


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with azurite(tmp_path_factory.mktemp("azurite")) as running:
        with BlobServiceClient.from_connection_string(running.connection_string) as service:
            service.create_container("checkpoints")
        yield running.connection_string


def send(emulator: Emulator, hub: str, *bodies: bytes, partition: str | None = None) -> None:
    with EventHubProducerClient.from_connection_string(
        emulator.connection_string, eventhub_name=hub
    ) as producer:
        batch = producer.create_batch(partition_id=partition)
        for body in bodies:
            batch.add(EventData(body))
        producer.send_batch(batch)


class Keeper:
    """An assignee that goes on where it was told to, and keeps what it is told."""

    def __init__(self, source: EventHubsSource, starts: dict[Partition, int] | None = None) -> None:
        self.source = source
        self.starts = starts or {}
        self.was_told = False
        self.held: set[Partition] = set()
        self.batches: list[EventBatch] = []
        source.open(self)

    def assigned(self, partitions: Collection[Partition]) -> None:
        self.was_told = True
        self.held.update(partitions)
        for each in partitions:
            self.source.seek(each, self.starts.get(each, 0))

    def revoked(self, partitions: Collection[Partition]) -> None:
        self.held.difference_update(partitions)

    @property
    def values(self) -> list[bytes | None]:
        return [value for batch in self.batches for value in batch.values]

    def poll_until(self, is_done: Callable[[], bool], *others: Keeper) -> None:
        deadline = time.monotonic() + 30
        while not is_done():
            assert time.monotonic() < deadline
            for each in (self, *others):
                each.batches.extend(each.source.poll(0.2))


@pytest.fixture
def opened(emulator: Emulator, storage: str) -> Iterator[Callable[..., Keeper]]:
    """Open sources; all are closed at the end."""
    keepers: list[Keeper] = []

    def open_source(hub: str, starts: dict[Partition, int] | None = None) -> Keeper:
        address = HubAddress(hub, "$Default", emulator.connection_string, storage)
        keepers.append(Keeper(EventHubsSource(address, renew_seconds=1), starts))
        return keepers[-1]

    yield open_source
    for each in keepers:
        each.source.close()


@needs_node
def test_source_gives_events_with_their_numbers_times_and_keys(
    emulator: Emulator, opened: Callable[..., Keeper]
) -> None:
    send(emulator, "hub", b"0", b"1", b"2", partition="0")
    with EventHubProducerClient.from_connection_string(
        emulator.connection_string, eventhub_name="hub"
    ) as producer:
        producer.send_batch([EventData(b"keyed")], partition_key="P000001")
    keeper = opened("hub")
    keeper.poll_until(lambda: len(keeper.values) == 4)
    assert sorted(map(str, keeper.values)) == ["b'0'", "b'1'", "b'2'", "b'keyed'"]
    assert {key for batch in keeper.batches for key in batch.keys} == {None, b"P000001"}
    first = next(each for each in keeper.batches if each.partition.number == 0)
    assert list(first.offsets) == list(range(len(first.offsets)))
    assert abs(first.enqueued_ms[0] / 1000 - time.time()) < 60
    ends = keeper.source.bounds([Partition("hub", 0), Partition("hub", 1)])
    assert sum(each.end for each in ends.values()) == 4
    for partition, bounds in ends.items():
        assert (bounds.first, keeper.source.position(partition)) == (0, bounds.end)


@needs_node
def test_source_starts_where_the_assignee_seeks(
    emulator: Emulator, opened: Callable[..., Keeper]
) -> None:
    send(emulator, "slow", b"0", b"1", b"2", partition="0")
    partition = Partition("slow", 0)
    keeper = opened("slow", {partition: 2})
    keeper.poll_until(lambda: bool(keeper.batches))
    assert keeper.values == [b"2"]
    keeper.source.pause([partition])
    send(emulator, "slow", b"3", partition="0")
    assert keeper.source.poll(0.5) == []
    keeper.source.resume([partition])
    keeper.poll_until(lambda: keeper.values == [b"2", b"3"])
    assert keeper.source.commit({partition: 4})
    assert keeper.source.bounds([partition]) == {partition: Bounds(0, 4)}


@needs_node
def test_source_goes_on_after_a_cut_without_losing_or_repeating(
    emulator: Emulator, opened: Callable[..., Keeper]
) -> None:
    keeper = opened("cut")
    for number in range(3):
        send(emulator, "cut", f"{number}".encode(), partition="0")
        keeper.poll_until(lambda wanted=number: len(keeper.values) > wanted)  # type: ignore[misc]
        emulator.drop_connections()
    send(emulator, "cut", b"3", partition="0")
    keeper.poll_until(lambda: len(keeper.values) > 3)
    assert keeper.values == [b"0", b"1", b"2", b"3"]


@needs_node
def test_members_share_partitions_and_take_over(
    emulator: Emulator, opened: Callable[..., Keeper]
) -> None:
    one = opened("shared")
    one.poll_until(lambda: len(one.held) == 4)
    two = opened("shared")
    one.poll_until(lambda: len(one.held) == len(two.held) == 2, two)
    assert not one.held & two.held
    one.source.close()
    two.poll_until(lambda: len(two.held) == 4)


@needs_node
def test_member_without_partitions_is_told_so(opened: Callable[..., Keeper]) -> None:
    one, two = opened("lone"), opened("lone")
    one.poll_until(lambda: len(one.held) == 1)
    two.poll_until(lambda: two.was_told)
    assert two.held == set()


@needs_node
def test_consumer_lands_each_event_once(emulator: Emulator, storage: str, tmp_path: Path) -> None:
    log = [each or b"" for each in log_of(60, every_bad=10)]
    for number in range(3):
        send(emulator, "events", *log, partition=str(number))
    for _ in range(2):  # the second finds all landed
        address = HubAddress("events", "$Default", emulator.connection_string, storage)
        source = EventHubsSource(address, renew_seconds=1)
        consumer_of(source, LocalSink(tmp_path)).run()
        landed = Landed(tmp_path)
        landed.check({0: 60, 1: 60, 2: 60})
        assert len(landed.rejected) == 18


@needs_node
def test_wrong_key_is_said(emulator: Emulator, storage: str) -> None:
    wrong = emulator.connection_string.replace(emulator.key, "d3Jvbmc=")
    source = EventHubsSource(HubAddress("hub", "$Default", wrong, storage))
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        Keeper(source)
    assert caught.value.code == "SOURCE_KEY_REFUSED"
    assert time.monotonic() - began < 10
    source.close()


@needs_node
@pytest.mark.parametrize(
    ("hub", "container", "code"),
    [
        ("nosuch", "checkpoints", "SOURCE_TOPIC_MISSING"),
        ("hub", "nosuch", "SOURCE_CHECKPOINTS_FAILED"),
    ],
)
def test_what_is_missing_is_said(
    emulator: Emulator, storage: str, hub: str, container: str, code: str
) -> None:
    address = HubAddress(hub, "$Default", emulator.connection_string, storage, container)
    source = EventHubsSource(address)
    with pytest.raises(SourceError) as caught:
        Keeper(source)
    assert caught.value.code == code
    source.close()


def test_closed_port_is_said(emulator: Emulator, tmp_path: Path) -> None:
    gone = emulator.connection_string.replace(f":{emulator.port}", ":1")
    store = "AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:1/a;"
    source = EventHubsSource(HubAddress("hub", "$Default", gone, store))
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        Keeper(source)
    assert caught.value.code in ("SOURCE_UNREACHABLE", "SOURCE_SILENT")
    assert time.monotonic() - began < 10


@needs_node
def test_command_lands_an_event_hub_once(emulator: Emulator, storage: str, tmp_path: Path) -> None:
    events = [json.dumps({"event_id": f"e{number}"}).encode() for number in range(20)]
    send(emulator, "command", *events, b"no event")
    variables = {
        "CONNECTION_STRING": emulator.connection_string,
        "EVENT_HUB_NAME": "command",
        "AZURE_STORAGE_CONNECTION_STRING": storage,
    }
    options = ["--sink", str(tmp_path / "sink"), "--contract", str(CONTRACT), "--once", "--json"]
    totals = []
    for _ in range(2):
        done = headwater("land", "--source", "eventhubs", *options, folder=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        totals.append(json.loads(done.stdout))
    assert [(each["landed"], each["rejected"]) for each in totals] == [(20, 1), (0, 0)]
    assert len(Landed(tmp_path / "sink").rows) == 20

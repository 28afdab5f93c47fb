"""What a member of an event hub's group tells its consumer; the store of claims is a stand-in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import pytest
from azure.core.exceptions import AzureError
from azure.eventhub import EventData
from azure.eventhub._pyamqp._decode import decode_payload
from azure.eventhub._pyamqp._encode import encode_payload
from azure.eventhub._pyamqp.message import Message

from headwater.landing.eventhubs import EventHubsSource, HubAddress
from headwater.landing.hub_reader import value_of
from headwater.landing.source import Partition

ADDRESS = HubAddress(
    "events",
    "$Default",
    "Endpoint=sb://localhost/;SharedAccessKeyName=k;SharedAccessKey=Zm9v",
    "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=Zm9v;BlobEndpoint=http://localhost/a",
)
Claims = list[dict[str, Any]]


class Store:
    """Claims in memory; each of `answers` decides what becomes of one attempt to claim."""

    def __init__(self, *answers: Callable[[Claims], Claims]) -> None:
        self.claims: Claims = []
        self.answers = list(answers)

    def list_ownership(self, *place: str) -> Claims:
        del place
        return self.claims

    def claim_ownership(self, asked: Claims) -> Claims:
        return self.answers.pop(0)(asked) if self.answers else asked


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.of: list[tuple[str, list[int]]] = []

    def assigned(self, partitions: Collection[Partition]) -> None:
        self.of.append(("assigned", [each.number for each in partitions]))

    def revoked(self, partitions: Collection[Partition]) -> None:
        self.of.append(("revoked", [each.number for each in partitions]))


@pytest.fixture
def opened() -> Iterator[Callable[[Store, Sequence[str]], tuple[EventHubsSource, Told]]]:
    sources = []

    def open_source(store: Store, numbers: Sequence[str]) -> tuple[EventHubsSource, Told]:
        source, told = EventHubsSource(ADDRESS, renew_seconds=0), Told()
        source._store, source._numbers, source._assignee = store, list(numbers), told  # type: ignore[assignment]
        source._look_at = float("inf")
        sources.append(source)
        return source, told

    yield open_source
    for each in sources:
        each._client.close()


def lost(asked: Claims) -> Claims:
    """Another member was quicker."""
    return []


def away(asked: Claims) -> Claims:
    raise AzureError("away")


def held_by_others(*numbers: str) -> Claims:
    return [
        {"partition_id": each, "owner_id": f"m{each}", "last_modified_time": 2**40}
        for each in numbers
    ]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({"data": [b'{"id":', b'"E1"}']}, b'{"id":"E1"}'),
        ({"value": '{"id": "E1"}'}, b'{"id": "E1"}'),
        ({"value": b"\xff"}, b"\xff"),
        ({"value": {"id": "E1", b"at": [1, None, uuid.UUID(int=0)]}}, None),
        ({"sequence": [["a"], ["b"]]}, b'[["a"], ["b"]]'),
        ({"value": None}, None),
    ],
)
def test_events_of_other_protocols_come_as_bytes(body: dict[str, Any], value: bytes | None) -> None:
    (kind, content) = next(iter(body.items()))
    sent = bytearray()
    encode_payload(sent, Message(**{kind: content}))  # as it is on the wire
    found = value_of(EventData._from_message(decode_payload(memoryview(bytes(sent)))))
    if isinstance(content, dict):
        assert found and json.loads(found) == {"id": "E1", "at": [1, None, str(uuid.UUID(int=0))]}
    else:
        assert found == value


def test_partitions_that_are_added_are_claimed(opened: Opened) -> None:
    source, told = opened(Store(), ["0"])
    source.poll(0)
    source._look_at = 0
    source._client.get_eventhub_properties = lambda: {  # type: ignore[method-assign]
        "partition_ids": ["0", "1"],
        "created_at": "2026-01-01",
    }
    source.poll(0)
    assert told.of == [("assigned", [0]), ("assigned", [1])]
    assert source.topic_id() == "localhost/2026-01-01"


def test_checkpoint_holds_the_offset_of_its_event(opened: Opened) -> None:
    class Reader:
        def place_of(self, number: int) -> str:
            return {7: "4096"}.get(number, "")

    class Checkpoints(Store):
        def update_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            kept.append(checkpoint)

    kept: Claims = []
    store = Checkpoints()
    source, _ = opened(store, ["0"])
    partition = Partition("events", 0)
    source._readers = {partition: Reader()}  # type: ignore[dict-item]
    assert source.commit({partition: 8}) and source.commit({partition: 5})
    source._readers = {}
    assert [(each["sequence_number"], each["offset"]) for each in kept] == [(7, "4096")]


Opened = Callable[[Store, Sequence[str]], tuple[EventHubsSource, Told]]


@pytest.mark.parametrize("first", [lost, away])
def test_member_whose_claims_failed_is_not_told_that_none_are_left(
    opened: Opened, first: Callable[[Claims], Claims]
) -> None:
    source, told = opened(Store(first), ["0", "1"])
    source.poll(0)
    assert told.of == []
    source.poll(0)
    assert told.of == [("assigned", [0, 1])]


def test_member_that_loses_its_last_partition_to_others_is_told_that_none_are_left(
    opened: Opened,
) -> None:
    store = Store()
    source, told = opened(store, ["0"])
    source.poll(0)
    store.claims = held_by_others("0")
    source.poll(0)
    source.poll(0)
    assert told.of == [("assigned", [0]), ("revoked", [0]), ("assigned", [])]

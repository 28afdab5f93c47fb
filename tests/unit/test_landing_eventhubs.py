"""What a member of an event hub's group tells its consumer; the store of claims is a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import pytest
from azure.core.exceptions import AzureError

from headwater.landing.eventhubs import EventHubsSource, HubAddress
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

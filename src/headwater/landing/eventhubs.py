"""Events of Event Hubs by AMQP, with azure-eventhub; claims and checkpoints in Blob storage.

Offsets are the events' sequence numbers. What does not live here: reading a partition
(`hub_reader`), which partitions to claim (`ownership`), decoding, files.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import AzureError
from azure.eventhub import EventHubConsumerClient
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError
from azure.eventhub.extensions.checkpointstoreblob import BlobCheckpointStore

from headwater.errors import SourceError
from headwater.landing.hub_reader import GONE, HubReader
from headwater.landing.ownership import Claim, partitions_to_claim
from headwater.landing.source import Assignee, Bounds, EventBatch, Partition

_OPEN_SECONDS = 9
_LOOK_SECONDS = 60.0


@dataclass(frozen=True)
class HubAddress:
    """An event hub, a consumer group, and where its claims and checkpoints are kept.

    Attributes:
        connection_string: of the Event Hubs namespace.
        storage: connection string of the storage account of the checkpoints.
        container: its container; it must exist.
    """

    hub: str
    group: str
    connection_string: str = field(repr=False)
    storage: str = field(repr=False)
    container: str = "checkpoints"


class EventHubsSource:
    """A member of a consumer group; see `EventSource` for what each method promises.

    Args:
        renew_seconds: how often claims are renewed and balanced; a member that has not renewed
            for three times as long has gone.
    """

    def __init__(self, address: HubAddress, *, renew_seconds: float = 10) -> None:
        self._address = address
        self._renew_seconds = renew_seconds
        self._member = str(uuid.uuid4())
        self._arrived = threading.Event()
        self._due = 0.0
        self._numbers: list[str] = []
        self._created: str | None = None
        self._look_at = 0.0
        self._is_settled = False
        self._held: set[Partition] = set()
        self._readers: dict[Partition, HubReader] = {}
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._client = _client(address)
        self._store = _store(address)
        self._assignee: Assignee | None = None

    def open(self, assignee: Assignee) -> None:
        """See `EventSource.open`; the group is joined by the first `poll`."""
        self._assignee = assignee
        try:
            self._look(_in_time(self._client.get_eventhub_properties))
            _in_time(self._claims)
        except SourceError:
            self._client.close()
            raise

    def _look(self, told: Mapping[str, Any]) -> None:
        """Take what the namespace tells of the hub, whose partitions may become more."""
        self._numbers = list(told["partition_ids"])
        self._created = str(told["created_at"])
        self._look_at = time.monotonic() + _LOOK_SECONDS

    def poll(self, timeout_seconds: float) -> Sequence[EventBatch]:
        """See `EventSource.poll`."""
        self._drop_lost()
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._renew_seconds
            self._balance()
        batches = self._take()
        if not batches:
            self._arrived.wait(min(timeout_seconds, max(0.0, self._due - time.monotonic())))
            batches = self._take()
        for batch in batches:
            self._positions[batch.partition] = batch.offsets[-1] + 1
        return batches

    def seek(self, partition: Partition, offset: int) -> None:
        """See `EventSource.seek`."""
        reader = self._readers.pop(partition, None)
        if reader is not None:
            reader.stop()
        self._positions[partition] = offset
        client = _client(self._address)
        self._readers[partition] = HubReader(client, partition, offset, self._arrived.set)

    def position(self, partition: Partition) -> int:
        """See `EventSource.position`."""
        return self._positions.get(partition, 0)

    def pause(self, partitions: Collection[Partition]) -> None:
        """See `EventSource.pause`."""
        self._paused.update(partitions)

    def resume(self, partitions: Collection[Partition]) -> None:
        """See `EventSource.resume`."""
        self._paused.difference_update(partitions)

    def bounds(self, partitions: Collection[Partition]) -> Mapping[Partition, Bounds]:
        """See `EventSource.bounds`."""
        found = {}
        for partition in partitions:
            with contextlib.suppress(EventHubError):
                told = self._client.get_partition_properties(str(partition.number))
                first, last = (
                    told["beginning_sequence_number"],
                    told["last_enqueued_sequence_number"],
                )
                found[partition] = Bounds(first, last + 1)
        return found

    def written(self, partition: Partition) -> int | None:
        """See `EventSource.written`; there are no transactions."""
        held = self.bounds([partition]).get(partition)
        return held.end if held else None

    def topic_id(self) -> str | None:
        """See `EventSource.topic_id`: the namespace, and when the hub was made."""
        namespace = self._namespace.lower().partition(":")[0]
        return f"{namespace}/{self._created}" if self._created else None

    def commit(self, positions: Mapping[Partition, int]) -> bool:
        """See `EventSource.commit`; a checkpoint holds the last event before it.

        One without the event's offset is not written: monitors take it for the hub's start.
        """
        readers = {each: self._readers[each] for each in positions if each in self._readers}
        # all of them first: what is earlier is forgotten, however the storage answers
        places = {each: reader.place_of(positions[each] - 1) for each, reader in readers.items()}
        try:
            for partition, place in places.items():
                if place:
                    self._store.update_checkpoint(
                        {
                            **self._place(partition.number),
                            "sequence_number": positions[partition] - 1,
                            "offset": place,
                        }
                    )
        except AzureError:
            return False
        return True

    def close(self) -> None:
        """See `EventSource.close`; gives up the claims, so that others need not wait."""
        had_claims = bool(self._held)
        self._revoke(self._held)
        if had_claims:
            with contextlib.suppress(AzureError):
                ours = [each for each in self._ownerships() if each["owner_id"] == self._member]
                self._store.claim_ownership([{**each, "owner_id": ""} for each in ours])
        self._client.close()

    def _take(self) -> list[EventBatch]:
        self._arrived.clear()
        batches = []
        for partition, reader in self._readers.items():
            if reader.fault is not None:
                raise _explained(reader.fault) from reader.fault
            batch = None if partition in self._paused else reader.take()
            if batch is not None:
                batches.append(batch)
        return batches

    def _drop_lost(self) -> None:
        self._revoke([each for each, reader in self._readers.items() if reader.is_lost])

    def _balance(self) -> None:
        """Renew our claims, claim our share, and notify the assignee of changes."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_SECONDS
            with contextlib.suppress(EventHubError):
                self._look(self._client.get_eventhub_properties())
        try:
            wanted = partitions_to_claim(
                self._numbers,
                self._claims(),
                self._member,
                now_seconds=time.time(),
                expiry_seconds=3 * self._renew_seconds,
            )
            owned = {self._partition(each) for each in self._claim(wanted)}
        except AzureError:
            return  # the storage is away; readers go on until another takes their partitions
        self._revoke(self._held - owned)
        fresh = sorted(owned - self._held)
        is_spare = not wanted and not self._held  # not: another member was quicker to claim
        if (fresh or (is_spare and not self._is_settled)) and self._assignee is not None:
            self._is_settled = True
            self._held.update(fresh)
            self._assignee.assigned(fresh)

    def _claim(self, wanted: Iterable[str]) -> list[str]:
        known = {each["partition_id"]: each for each in self._ownerships()}
        asked = [
            {**known.get(number, self._place(number)), "owner_id": self._member}
            for number in wanted
        ]
        return [each["partition_id"] for each in self._store.claim_ownership(asked)]

    def _revoke(self, partitions: Collection[Partition]) -> None:
        if not partitions:
            return
        gone = sorted(partitions)
        readers = [self._readers[each] for each in gone if each in self._readers]
        with ThreadPoolExecutor() as pool:  # each takes its connection's time to close
            list(pool.map(HubReader.stop, readers))
        if self._assignee is not None:
            self._assignee.revoked(
                gone
            )  # it commits what it has landed, and the readers know where
        for partition in gone:
            self._readers.pop(partition, None)
            self._held.discard(partition)
            self._positions.pop(partition, None)
            self._paused.discard(partition)
        self._is_settled = bool(self._held)

    def _claims(self) -> list[Claim]:
        return [
            Claim(each["partition_id"], each["owner_id"], each["last_modified_time"])
            for each in self._ownerships()
        ]

    def _ownerships(self) -> list[dict[str, Any]]:
        place = (self._namespace, self._address.hub, self._address.group)
        return list(self._store.list_ownership(*place))

    def _place(self, number: int | str) -> dict[str, Any]:
        return {
            "fully_qualified_namespace": self._namespace,
            "eventhub_name": self._address.hub,
            "consumer_group": self._address.group,
            "partition_id": str(number),
        }

    @property
    def _namespace(self) -> str:
        facts = dict(
            each.split("=", 1) for each in self._address.connection_string.split(";") if each
        )
        return facts["Endpoint"].removeprefix("sb://").rstrip("/")

    def _partition(self, number: str) -> Partition:
        return Partition(self._address.hub, int(number))


def _client(address: HubAddress) -> EventHubConsumerClient:
    return EventHubConsumerClient.from_connection_string(
        address.connection_string,
        consumer_group=address.group,
        eventhub_name=address.hub,
        retry_total=1,
        retry_backoff_max=2,
        auth_timeout=5,
        load_balancing_interval=1,  # here: how soon a failed reader is made again
    )


def _store(address: HubAddress) -> BlobCheckpointStore:
    """Open the checkpoint store; it fails fast, so that an outage does not hold up reading."""
    return BlobCheckpointStore.from_connection_string(
        address.storage,
        address.container,
        retry_total=1,
        connection_timeout=2,
        read_timeout=5,
    )


def _in_time(ask: Callable[[], Any]) -> Any:
    """Ask once, with a short timeout."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(ask).result(timeout=_OPEN_SECONDS)
    except (EventHubError, AzureError, NotInTime, ValueError) as error:
        raise _explained(error) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _explained(error: BaseException) -> SourceError:
    """Describe what an error of the client means."""
    name = type(error).__name__
    if isinstance(error, AuthenticationError):
        code, what = "SOURCE_KEY_REFUSED", "Event Hubs rejects the key, or the event hub"
        hint = "Check CONNECTION_STRING, and EVENT_HUB_NAME."
    elif isinstance(error, NotInTime):
        code, what = "SOURCE_SILENT", "Event Hubs does not answer"
        hint = "Check the namespace and the firewall (port 5671)."
    elif isinstance(error, EventHubError) and any(each in str(error) for each in GONE):
        code, what = "SOURCE_TOPIC_MISSING", "The namespace has no such event hub"
        hint = "Check --topic, or EVENT_HUB_NAME."
    elif isinstance(error, ConnectError):
        code, what = "SOURCE_UNREACHABLE", "Event Hubs can't be reached"
        hint = "Check the namespace and the network."
    elif isinstance(error, EventHubError):
        code, what = "SOURCE_FAILED", f"Event Hubs can't be used ({name})"
        hint = "Check EVENT_HUB_NAME, and the permissions of the key."
    else:
        code, what = "SOURCE_CHECKPOINTS_FAILED", f"The checkpoints can't be read ({name})"
        hint = "Check the storage account, and that the container of the checkpoints exists."
    return SourceError(code, what, hint=hint)

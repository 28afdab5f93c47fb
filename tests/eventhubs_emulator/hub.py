"""What an event hub keeps: events in partitions; where a reader starts; who owns a partition."""

from __future__ import annotations

import itertools
import re
import time
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from eventhubs_emulator.codec import Described, Long, Symbol, Timestamp, decode, described, encode

ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES, DATA, VALUE = 0x72, 0x73, 0x74, 0x75, 0x77
BATCH_FORMAT = 0x80013700


class Stored(NamedTuple):
    """An event as it is kept; offsets are not the sequence numbers, so that no one mixes them."""

    sequence: int
    offset: int
    enqueued_ms: int
    key: str | None
    sections: bytes

    @property
    def message(self) -> bytes:
        """The message that a reader gets."""
        annotations: dict[Any, Any] = {
            Symbol("x-opt-sequence-number"): Long(self.sequence),
            Symbol("x-opt-offset"): str(self.offset),
            Symbol("x-opt-enqueued-time"): Timestamp(self.enqueued_ms),
        }
        if self.key is not None:
            annotations[Symbol("x-opt-partition-key")] = self.key
        return described(ANNOTATIONS, encode(annotations)) + self.sections


class Reader(Protocol):
    """A link that reads a partition."""

    epoch: int | None

    def pump(self) -> None:
        """Send what there is, as far as credit allows."""

    def steal(self) -> None:
        """End, because another owns the partition now."""


@dataclass
class PartitionLog:
    """The events of a partition, and its readers by consumer group."""

    events: list[Stored] = field(default_factory=list)
    readers: dict[str, list[Reader]] = field(default_factory=lambda: defaultdict(list))

    def append(self, key: str | None, sections: bytes) -> None:
        """Keep an event, and wake the readers."""
        number = len(self.events)
        now = int(time.time() * 1000)
        self.events.append(Stored(number, number * 64, now, key, sections))
        for reader in itertools.chain(*self.readers.values()):
            reader.pump()

    def start_of(self, selector: str | None) -> int:
        """Work out the index at which a reader with this filter starts."""
        if selector is None:
            return 0
        found = re.fullmatch(r"amqp\.annotation\.x-opt-([a-z-]+) (>=?) '(.*)'", selector)
        if found is None:
            raise ValueError(selector)
        what, operator, text = found.groups()
        if text == "@latest":
            return len(self.events)
        of: dict[str, Callable[[Stored], int]] = {
            "offset": lambda event: event.offset,
            "sequence-number": lambda event: event.sequence,
            "enqueued-time": lambda event: event.enqueued_ms,
        }
        least = int(text) if operator == ">=" else int(text) + 1
        return sum(of[what](event) < least for event in self.events)

    def admit(self, group: str, reader: Reader) -> bool:
        """Let a reader in and end those of the same or a lower owner level; False if outranked."""
        present = self.readers[group]
        highest = max((each.epoch for each in present if each.epoch is not None), default=None)
        if highest is not None and (reader.epoch is None or reader.epoch < highest):
            return False
        if reader.epoch is not None:
            for each in list(present):
                each.steal()
            present.clear()
        present.append(reader)
        return True


@dataclass
class Hub:
    """An event hub."""

    name: str
    partitions: list[PartitionLog]
    created_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    _turn: itertools.count[int] = field(default_factory=itertools.count)

    def publish(self, message: bytes, message_format: int, partition: int | None) -> None:
        """Keep a message, or each message of a batch; a partition key decides where it goes."""
        outer = sections_of(message)
        if message_format != BATCH_FORMAT:
            self._keep(outer, None, partition)
            return
        key = _key(outer)
        turn = next(self._turn) % len(self.partitions) if partition is None else partition
        for code, value, _ in outer:
            if code == DATA:
                self._keep(sections_of(value), key, None if key else turn)

    def _keep(self, sections: list[Section], key: str | None, partition: int | None) -> None:
        known = _key(sections) or key
        if partition is None:
            chosen = next(self._turn) if known is None else zlib.crc32(known.encode())
            partition = chosen % len(self.partitions)
        kept = (PROPERTIES, APPLICATION_PROPERTIES, DATA, VALUE)
        raw = b"".join(each.raw for each in sections if each.code in kept)
        self.partitions[partition].append(known, raw)


class Section(NamedTuple):
    """A part of a message: its descriptor, its value, and its bytes as they came."""

    code: int
    value: Any
    raw: bytes


def sections_of(message: bytes) -> list[Section]:
    """Split a message into its sections."""
    sections, at = [], 0
    while at < len(message):
        section, end = decode(message, at)
        assert isinstance(section, Described)
        sections.append(Section(section.descriptor, section.value, message[at:end]))
        at = end
    return sections


def _key(sections: list[Section]) -> str | None:
    for section in sections:
        if section.code == ANNOTATIONS:
            key = section.value.get("x-opt-partition-key")
            return key.decode() if isinstance(key, bytes) else key
    return None

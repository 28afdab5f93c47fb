"""Which writer lands which offsets: a chain of claims per partition, and the names of files.

A claim is a small file `_claims/<topic>/<partition>/<start>.json`, made by conditional create
before the data is. It says: offsets `start` to `last` go into these files. The next claim starts
at `last + 1`, and the first at 0, so two writers that know the same chain ask for the same name
and one of them gets it. However a replay, or a consumer that lost its partition, cuts its batches,
the claim has decided: claims never overlap, and only the last of a chain may lack its files.
Whoever finds it so writes them, by the contract in the claim, and then `_done/<topic>/<partition>/
<start>`: readers may remove files. Spark skips names that begin with _.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from headwater.errors import SinkError
from headwater.landing.contract import Contract, contract_of
from headwater.landing.sink import Sink
from headwater.landing.source import Partition


@dataclass(frozen=True)
class Claim:
    """Offsets `start` to `last` of a partition, and what they become.

    Attributes:
        start: the offset after the previous claim's last; 0 for the first claim.
        first: offset of the first event; later than `start` where the topic has a gap.
        last: offset of the last event.
        landed: rows in the data file; there is none when 0.
        rejected: events in the file of rejected ones; there is none when 0.
        day: when the broker took the first event, as YYYY-MM-DD in UTC.
        contract: by which the events are decoded.
        topic_id: tells the topic from others of its name; None where the broker gives none.
    """

    partition: Partition
    start: int
    first: int
    last: int
    landed: int
    rejected: int
    day: str
    contract: Contract
    topic_id: str | None = None

    @property
    def name(self) -> str:
        """Name the claim's own file."""
        return f"{_folder(self.partition)}/{self.start:020d}.json"

    @property
    def done_file(self) -> str:
        """Name the empty file that tells that all files were written, and may be gone by now.

        It is apart from the claims, which are listed.
        """
        topic, number = self.partition
        return f"_done/{topic}/{number:05d}/{self.start:020d}"

    @property
    def landed_file(self) -> str:
        """Name the file of rows: topic, partition, first and last offset, in the day's folder."""
        topic, number = self.partition
        stem = f"{topic}-{number:05d}-{self.first:020d}-{self.last:020d}"
        return f"{topic}/{self.day}/{stem}.parquet"

    @property
    def rejected_file(self) -> str:
        """Name the file of rejected events."""
        return f"_rejected/{self.landed_file}"

    @property
    def files(self) -> list[str]:
        """Name the files that make the claim whole."""
        return [self.rejected_file] * bool(self.rejected) + [self.landed_file] * bool(self.landed)


def day_of(enqueued_ms: int) -> str:
    """Return the day of a time as YYYY-MM-DD in UTC."""
    return datetime.fromtimestamp(enqueued_ms / 1000, timezone.utc).date().isoformat()


def make_claim(sink: Sink, wanted: Claim) -> Claim:
    """Claim offsets; return the claim that holds, perhaps another writer's. Idempotent."""
    if sink.create(wanted.name, _to_json(wanted)):
        return wanted
    return read_claim(sink, wanted.partition, wanted.name)


def last_claim(sink: Sink, partition: Partition) -> Claim | None:
    """Read the last claim of a partition's chain; None where nothing has been landed."""
    folder = _folder(partition)
    names = [each for each in sink.list(folder) if each.endswith(".json")]
    return read_claim(sink, partition, f"{folder}/{names[-1]}") if names else None


def is_whole(sink: Sink, claim: Claim) -> bool:
    """Return whether all files of a claim were written; a reader may have removed them since."""
    return sink.exists(claim.done_file) or all(sink.exists(each) for each in claim.files)


def read_claim(sink: Sink, partition: Partition, name: str) -> Claim:
    """Read a claim.

    Raises:
        SinkError: CLAIM_INVALID where the file is not one of ours.
    """
    try:
        content = json.loads(sink.read(name))
        return _from_mapping(partition, content, Path(name))
    except (ValueError, KeyError, TypeError):
        raise SinkError(
            "CLAIM_INVALID",
            f"The sink's file {name} can't be parsed",
            hint="Another program wrote it: land into a separate folder.",
        ) from None


def _folder(partition: Partition) -> str:
    return f"_claims/{partition.topic}/{partition.number:05d}"


def _to_json(claim: Claim) -> bytes:
    content: dict[str, Any] = {
        "start": claim.start,
        "first": claim.first,
        "last": claim.last,
        "landed": claim.landed,
        "rejected": claim.rejected,
        "day": claim.day,
        "contract": claim.contract.to_mapping(),
        "topic_id": claim.topic_id,
    }
    return json.dumps(content).encode()


def _from_mapping(partition: Partition, content: Mapping[str, Any], name: Path) -> Claim:
    return Claim(
        partition,
        start=int(content["start"]),
        first=int(content["first"]),
        last=int(content["last"]),
        landed=int(content["landed"]),
        rejected=int(content["rejected"]),
        day=_day(content["day"]),
        contract=contract_of(content["contract"], name),
        topic_id=content.get("topic_id"),
    )


def _day(text: str) -> str:
    """Check a day, so that it can't change the path of a file."""
    return datetime.strptime(text, "%Y-%m-%d").date().isoformat()

"""What waits in the sources of a stream once a micro-batch has ended: bytes, files, events.

Read from what Spark's progress tells of each source, the commits of its Delta tables and the lists
of Auto Loader; starts no job. Source: "Monitor pipelines", metrics of `flow_progress`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater import autoloader
from headwater.state.waiting import AddedFile, added_files

_DELTA, _FILES, _KAFKA = "DeltaSource", "FileStreamSource", "KafkaV2"


@dataclass(frozen=True)
class Backlog:
    """What waits in one source; None for what can't be told of its kind."""

    source: str
    bytes: int | None = None
    files: int | None = None
    records: int | None = None

    def metrics(self) -> dict[str, int]:
        """Return what is known, under the names of the event log."""
        told = {"bytes": self.bytes, "files": self.files, "records": self.records}
        return {f"backlog_{key}": value for key, value in told.items() if value is not None}


@dataclass
class Backlogs:
    """Reads the backlog of the sources of one running query.

    Attributes:
        checkpoint: of the query.
        name: names a source by the folder that Spark reads.
    """

    checkpoint: Path
    name: Callable[[Path], str]
    _lists: dict[int, autoloader.FileBacklog] = field(default_factory=dict)

    def read(self, sources: Sequence[Mapping[str, Any]]) -> tuple[Backlog, ...]:
        """Return the backlog of each source that has one, as a progress report tells of them.

        What can't be read is left out: metrics never stop a flow.
        """
        found = []
        for number, source in enumerate(sources):
            try:
                each = self._of(number, source)
            except (OSError, ValueError, KeyError, DeltaError):
                continue
            if each is not None:
                found.append(each)
        return tuple(found)

    def _of(self, number: int, source: Mapping[str, Any]) -> Backlog | None:
        kind, _, place = str(source.get("description")).removesuffix("]").partition("[")
        end = source.get("endOffset")
        if kind == _KAFKA:
            return Backlog(place, records=kafka_backlog([source]))
        if kind not in (_DELTA, _FILES) or not isinstance(end, Mapping):
            return None
        path = Path(place.removeprefix("file:"))
        if kind == _DELTA:
            files = delta_backlog(path, end)
            return Backlog(self.name(path), sum(each.bytes for each in files), len(files))
        if path.name != "manifest":
            return None
        if number not in self._lists:
            folder = self.checkpoint / "sources" / str(number)
            self._lists[number] = autoloader.FileBacklog(path, folder)
        size, number_of_files = self._lists[number].after(int(end["logOffset"]))
        return Backlog(self.name(path), size, number_of_files)


def delta_backlog(path: Path, end: Mapping[str, Any]) -> list[AddedFile]:
    """List a table's files that a stream has still to read.

    Args:
        end: the offset where the stream is: a version of the table and the last file that it read
            of its commit, or of the whole table as of that version where the stream begins.

    Raises:
        OSError: commits that it has not read are gone.
    """
    version, index = int(end["reservoirVersion"]), int(end["index"])
    if not end["isStartingVersion"]:
        return added_files(path, version)[max(index + 1, 0) :]
    begun = files_of(DeltaTable(path, version=version))
    return begun[max(index + 1, 0) :] + added_files(path, version + 1)


def files_of(table: DeltaTable) -> list[AddedFile]:
    """List the files that hold a table's rows, in the order in which a stream reads them."""
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    files.sort(key=lambda each: (each["modification_time"], each["path"]))
    return [AddedFile(each["size_bytes"], each.get("num_records")) for each in files]


def kafka_backlog(sources: Iterable[Mapping[str, Any]]) -> int | None:
    """Count the events of topics that a micro-batch left; None if it read no topic.

    Args:
        sources: of the progress that Spark reports, with offsets by topic and partition.
    """
    topics = [each for each in sources if str(each.get("description")).startswith(_KAFKA)]
    if not topics:
        return None
    return sum(
        int(latest) - int(((each.get("endOffset") or {}).get(topic) or {}).get(partition, latest))
        for each in topics
        for topic, partitions in (each.get("latestOffset") or {}).items()
        for partition, latest in partitions.items()
    )

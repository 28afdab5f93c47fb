"""The list of files that Spark reads, as the log of a file sink, and the files left out.

Spark's file stream takes the files of a folder with a `_spark_metadata` log from that log and
lists nothing itself. So a file is read when, and only when, it was entered here. Entries are
ordered by their modification time, which is the time of discovery in a unit of its own: Spark
must see it grow, and it tells sources that read one file twice apart.
Decision 0006; contract test `test_autoloader_manifest_format`.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.autoloader.storage import SourceFile, address_of, origin, path_of
from headwater.files import write_atomic

COMPACT_INTERVAL = 10
"""Spark's `spark.sql.streaming.fileSink.log.compactInterval`, by which it names files."""

_HEADER = "v1"
_PER_MILLISECOND = 1_000_000


@dataclass(frozen=True)
class Entry:
    """A file in the manifest.

    Attributes:
        path: what Spark reads: the file itself or a rewritten copy.
        size: as entered; Spark counts batches by it.
        order: Spark's modification time: discovery in nanoseconds, the last six digits the source.
        version: of the source's file when it was entered, "" when it is not known.
    """

    path: str
    size: int
    order: int
    version: str = ""

    @property
    def origin(self) -> str:
        """Path of the file of the source."""
        return origin(self.path)

    @property
    def discovered(self) -> float:
        """Time of discovery in seconds."""
        return self.order / _PER_MILLISECOND / 1000

    def is_of(self, file: SourceFile) -> bool:
        """Whether the source's file is as it was entered; without a version, its time tells."""
        if self.version:
            return self.version == file.version
        return file.modified_ns / 1e9 <= self.discovered

    @property
    def key(self) -> tuple[str, int]:
        """What Spark's own log shows of the entry."""
        return self.path, self.order


class Manifest:
    """The manifest below one source's folder.

    `append` is atomic: a kill leaves all entries of a call or none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "manifest"
        self.log = self.folder / "_spark_metadata"
        self._salt = zlib.crc32(str(folder.absolute()).encode()) % _PER_MILLISECOND

    @property
    def started(self) -> bool:
        """Whether the source has ever been opened."""
        return self.log.is_dir()

    def start(self) -> None:
        """Create the empty manifest."""
        self.log.mkdir(parents=True, exist_ok=True)

    def entries(self) -> list[Entry]:
        """Read all entries, in the order they were made."""
        numbers = self._numbers()
        if not numbers:
            return []
        latest = max(numbers)
        first = max(0, (latest + 1) // COMPACT_INTERVAL * COMPACT_INTERVAL - 1)
        return [
            _entry(line)
            for number in range(first, latest + 1)
            for line in self._file(number).read_text(encoding="utf-8").splitlines()[1:]
        ]

    def newest(self) -> Entry | None:
        """Read the entry that was made last."""
        numbers = self._numbers()
        if not numbers:
            return None
        return _entry(self._file(max(numbers)).read_text(encoding="utf-8").splitlines()[-1])

    def append(
        self, files: Iterable[tuple[str, int]], versions: Mapping[str, str] | None = None
    ) -> None:
        """Enter files, given as path and size.

        Args:
            versions: of the source's files, by the path that is entered.
        """
        versions = versions or {}
        known = self.entries()
        moment = int(time.time() * 1000) * _PER_MILLISECOND + self._salt
        last = max((each.order for each in known), default=0)
        order = max(moment, last + _PER_MILLISECOND)
        new = [Entry(path, size, order, versions.get(path, "")) for path, size in files]
        if not new:
            return
        numbers = self._numbers()
        number = max(numbers, default=-1) + 1
        compacts = (number + 1) % COMPACT_INTERVAL == 0
        lines = [_HEADER, *map(_line, [*known, *new] if compacts else new)]
        write_atomic(self._file(number), "\n".join(lines))
        if compacts:
            self._clean(number)

    def _clean(self, number: int) -> None:
        """Delete what the last two compacted files hold; Spark tells the interval by two."""
        for each in self._numbers():
            if each < number - COMPACT_INTERVAL:
                self._file(each).unlink(missing_ok=True)

    def _numbers(self) -> list[int]:
        if not self.log.is_dir():
            return []
        names = [each.name.removesuffix(".compact") for each in self.log.iterdir()]
        return [int(name) for name in names if name.isdigit()]

    def _file(self, number: int) -> Path:
        suffix = ".compact" if (number + 1) % COMPACT_INTERVAL == 0 else ""
        return self.log / f"{number}{suffix}"


@dataclass(frozen=True)
class Skipped:
    """A file that was found and is not read.

    Attributes:
        state: EXISTING (there before the first start) or CORRUPT.
        reason: what is wrong with it.
    """

    file: SourceFile
    discovered: float
    state: str
    reason: str = ""


class SkippedFiles:
    """The files of a source that were left out, in `skipped.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "skipped.jsonl"

    def read(self) -> list[Skipped]:
        """Read all of them."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            file = SourceFile(told["path"], told["size"], told["modified_ns"])
            found.append(Skipped(file, told["discovered"], told["state"], told["reason"]))
        return found

    def add(self, files: Sequence[SourceFile], state: str, reasons: Sequence[str] = ()) -> None:
        """Leave files out; atomic."""
        if not files:
            return
        now = time.time()
        reasons = reasons or [""] * len(files)
        new = [Skipped(f, now, state, r) for f, r in zip(files, reasons, strict=True)]
        lines = [
            json.dumps(
                {
                    "path": each.file.path,
                    "size": each.file.size,
                    "modified_ns": each.file.modified_ns,
                    "discovered": each.discovered,
                    "state": each.state,
                    "reason": each.reason,
                }
            )
            for each in [*self.read(), *new]
        ]
        write_atomic(self.path, "\n".join(lines) + "\n")


def _entry(line: str) -> Entry:
    told = json.loads(line)
    path, version = path_of(told["path"]), told.get("version", "")
    return Entry(path, told["size"], told["modificationTime"], version)


def _line(entry: Entry) -> str:
    return json.dumps(
        {
            "path": address_of(entry.path),
            "size": entry.size,
            "isDir": False,
            "modificationTime": entry.order,
            "blockReplication": 1,
            "blockSize": max(entry.size, 1),
            "action": "add",
            "version": entry.version,  # Spark passes over it
        }
    )

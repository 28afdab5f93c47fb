"""The files of a landing folder: which are there, what their header is, whether they changed."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from claims_analytics.bronze import RESCUED, RUN_COLUMNS
from claims_analytics.sources import SOURCES, Source

ARCHIVE = "archive"
"""Folder below that of a file's kind: bronze looks at what is directly in the landing folder."""

_CHUNK = 1 << 20
_NAME = re.compile(r"[^ ,;{}()\n\t=]+")
_TAKEN = {*RUN_COLUMNS, RESCUED, "_metadata"}
_UNSEEN = (".", "_")
"""Spark reads no file whose name begins so: it is one that somebody still writes."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A file in the landing folder."""

    source: Source
    path: str

    def sha256(self) -> str:
        """Return the hash of its bytes, read in pieces."""
        digest = hashlib.sha256()
        with Path(self.path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def size(self) -> int:
        """Return its size in bytes."""
        return Path(self.path).stat().st_size

    def header(self) -> list[str]:
        """Return the names in its first line."""
        with Path(self.path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return next(csv.reader([file.readline()]), [])

    def archived_path(self, run_id: str) -> str:
        """Name where the file goes when its rows are in bronze."""
        folder, _, name = self.path.rpartition("/")
        return f"{folder}/{ARCHIVE}/{run_id}/{name}"

    def fault(self) -> str | None:
        """Say what is wrong with its name or header; None if bronze can take it."""
        if ":" in Path(self.path).name:
            return "has a name with ':', which Spark can't read"
        header = self.header()
        if not header:
            return "has no header"
        if len({name.lower() for name in header}) < len(header):
            return "has a column twice"
        if not all(map(_NAME.fullmatch, header)):
            return "has a column whose name no table can have"
        known = {name.lower() for name in header}
        if taken := known & _TAKEN:
            return f"has a column that bronze itself adds: {', '.join(sorted(taken))}"
        given = known | {
            own.lower() for other, own in self.source.renamed.items() if other.lower() in known
        }
        missing = [name for name in self.source.key if name.lower() not in given]
        return f"has no column {', '.join(missing)}" if missing else None


def landed(folder: str) -> Iterator[Landed]:
    """Return the files that are directly in the folders of a landing folder, by kind and name.

    Files under a hidden name are not there yet.
    """
    for source in SOURCES.values():
        inside = Path(folder) / source.name
        if inside.is_dir():
            files = sorted(each for each in inside.iterdir() if each.suffix == ".csv")
            seen = (each for each in files if not each.name.startswith(_UNSEEN))
            yield from (Landed(source, str(each)) for each in seen if each.is_file())


def move(path: str, destination: str) -> None:
    """Move a file; one that stands there with the same name is the same file, and is replaced."""
    Path(destination).parent.mkdir(parents=True, exist_ok=True)
    Path(path).replace(destination)

"""Move or delete the files of a source that were read long enough ago: `cleanSource`.

A file is touched only when its rows are committed in the target, no other reader still has to read
it, the retention has passed, and it is still as it was entered. What is going to be done is noted
before it is done, so that a kill between the two is gone on with. Source: "Clean up processed files
with Auto Loader" in Databricks' documentation.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import SparkSession

from headwater.autoloader.archive import Archive, Archived
from headwater.autoloader.commits import commit_times
from headwater.autoloader.discovery import base_folder
from headwater.autoloader.manifest import Entry, Manifest
from headwater.autoloader.options import read_options
from headwater.autoloader.readers import Reader, read_by_all
from headwater.autoloader.request import Cleaning, CloudFiles, SourceState
from headwater.autoloader.source import read_source
from headwater.autoloader.storage import Storage, is_remote
from headwater.errors import Location, SourceFileError

_ONE_AT_A_TIME = threading.Lock()
"""Held while a source is cleaned: two may move files to one folder, under the same name."""


def cleans_source(request: CloudFiles) -> bool:
    """Whether files of a source may have to be moved or deleted, even when none is new."""
    cleaning = read_options(request, java_charsets=True).cleaning
    return cleaning is not None and not request.is_batch


def written_folders(request: CloudFiles) -> list[str]:
    """Name the folders in which reading a source changes something, beside its own state."""
    options = read_options(request, java_charsets=True)
    cleaning = None if request.is_batch else options.cleaning
    cleaned = [base_folder(request), cleaning.destination] if cleaning else []
    bad = options.bad_records_path
    return [each for each in (*cleaned, str(bad) if bad else "") if each]


def clean_source(
    spark: SparkSession, request: CloudFiles, place: SourceState, readers: Sequence[Reader] = ()
) -> None:
    """Move or delete the files of a source that are due, as its option `cleanSource` says.

    Call it while no query of the source runs. A kill at any moment leaves each file where it was
    or where it belongs, and the next call goes on.

    Raises:
        SourceFileError: SOURCE_FILE_NOT_CLEANED, when the storage refuses it.
    """
    if not cleans_source(request):
        return
    source = read_source(spark, request, place)
    cleaning = source.options.cleaning
    if cleaning is not None:
        with _ONE_AT_A_TIME:
            Cleaner(cleaning, source.base, source.storage, place, request.where, readers).clean()


def due_entries(
    entries: Sequence[Entry],
    committed: Mapping[tuple[str, int], float],
    archived: Collection[tuple[str, int]],
    *,
    before: float,
) -> list[Entry]:
    """Return the entries whose files were committed before a time, and not yet archived."""
    return [
        entry
        for entry in entries
        if (entry.origin, entry.order) not in archived and committed.get(entry.key, before) < before
    ]


def destination_of(
    entry: Entry, base: str, destination: str, is_taken: Callable[[str], bool]
) -> str:
    """Name the place of a file below the destination: as it is below its source.

    Args:
        is_taken: whether there is a file; it is never replaced, the entry's order tells them apart.
    """
    inner = entry.origin.removeprefix(f"{base}/")
    if inner == entry.origin:  # the path is the file's own
        inner = entry.origin.rpartition("/")[2]
    target = f"{destination}/{inner}"
    if not is_taken(target):
        return target
    folder, _, name = target.rpartition("/")
    stem, dot, suffix = name.partition(".")
    return f"{folder}/{stem}-{entry.order}{dot}{suffix}"


@dataclass(frozen=True)
class Cleaner:
    """Cleans up one source.

    Attributes:
        base: the folder that its files are below.
        where: the user's line.
        readers: other streams that may read the same files.
    """

    cleaning: Cleaning
    base: str
    storage: Storage
    place: SourceState
    where: Location
    readers: Sequence[Reader] = ()

    def clean(self) -> None:
        """Go on with what was begun, then move or delete what is due.

        Raises:
            SourceFileError: SOURCE_FILE_NOT_CLEANED.
        """
        archive, entries = Archive(self.place.folder), Manifest(self.place.folder).entries()
        known = {(each.origin, each.order): each for each in entries}
        # what was begun and not done is decided anew: others may want the file, or its new name
        records = [
            each for each in archive.read() if each.time or not self._is_there(known.get(each.key))
        ]
        begun = [each for each in records if each.time is None]
        begun += self._due(entries, records)
        if not begun:
            return
        done = [each for each in records if each.time is not None]
        archive.write([*done, *begun])
        for record in begun:
            if self._is_there(known.get(record.key)):
                self._archive(record)
        archive.write([*done, *(replace(each, time=time.time()) for each in begun)])

    def _due(self, entries: Sequence[Entry], records: Sequence[Archived]) -> list[Archived]:
        """Decide on the files that are due, and where each goes."""
        before = time.time() - self.cleaning.retention_seconds
        committed = commit_times(self.place.checkpoint)
        taken = {each.destination for each in records if each.time is None}
        planned = []
        own = [each for each in entries if f"{each.origin}/".startswith(f"{self.base}/")]
        due = due_entries(own, committed, {each.key for each in records}, before=before)
        present = list(self._present(due))
        for entry in read_by_all(present, self.readers, self.base, self.storage):
            target = ""
            if self.cleaning.destination:
                target = destination_of(
                    entry,
                    self.base,
                    self.cleaning.destination,
                    lambda path: path in taken or self.storage.stat(path) is not None,
                )
                if target.startswith(f"{self.base}/"):  # it would be read again
                    continue
                taken.add(target)
            planned.append(Archived(entry.origin, entry.order, self.cleaning.mode, target))
        return planned

    def _present(self, due: Sequence[Entry]) -> Iterator[Entry]:
        """Leave out entries whose files are gone or changed: one listing of a remote source."""
        if not due or not is_remote(self.base):
            yield from filter(self._is_there, due)
            return
        listed = {file.path: file for file in self.storage.below(self.base)}
        for entry in due:
            if entry.origin in listed and entry.is_of(listed[entry.origin]):
                yield entry

    def _is_there(self, entry: Entry | None) -> bool:
        """Whether the file of an entry is still as it was entered."""
        file = self.storage.stat(entry.origin) if entry is not None else None
        return file is not None and entry is not None and entry.is_of(file)

    def _archive(self, record: Archived) -> None:
        try:
            if record.destination:
                self.storage.move(record.path, record.destination)
            else:
                self.storage.delete(record.path)
        except OSError as error:
            raise SourceFileError(
                "SOURCE_FILE_NOT_CLEANED",
                f"cleanSource can't {record.mode.lower()} {record.path} ({type(error).__name__})",
                where=self.where,
                hint="Its rows are committed. Allow writing there and to "
                "cleanSource.moveDestination, or set cloudFiles.cleanSource to OFF.",
                path=record.path,
            ) from error

"""Several readers: those that have to read a file before it goes, and those of one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from headwater.autoloader.commits import committed_files
from headwater.autoloader.discovery import base_folder, list_files
from headwater.autoloader.manifest import Entry, Manifest, SkippedFiles
from headwater.autoloader.options import read_options
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.autoloader.storage import Storage
from headwater.errors import UpdateError


@dataclass(frozen=True)
class Reader:
    """A stream that may read the same files.

    Attributes:
        lists: its lists of files, one for each time that a flow opens it; none before the first.
    """

    request: CloudFiles
    lists: Sequence[SourceState]


def read_by_all(
    entries: Sequence[Entry], readers: Sequence[Reader], base: str, storage: Storage
) -> list[Entry]:
    """Return the entries whose files no other reader still has to read; lists and reads only.

    What can't be told of a reader keeps all of them: its own flow says best what is wrong.

    Args:
        base: the folder that the files of all entries are below.
    """
    left = list(entries)
    for reader in readers:
        try:
            if left and _shares(base_folder(reader.request, storage), base):
                left = _read_by(left, reader, storage)
        except (OSError, ValueError):
            return []
    return left


def _shares(folder: str, base: str) -> bool:
    return f"{folder}/".startswith(f"{base}/") or f"{base}/".startswith(f"{folder}/")


def _read_by(entries: Sequence[Entry], reader: Reader, storage: Storage) -> list[Entry]:
    options = read_options(reader.request, java_charsets=True)  # encodings don't matter here
    listed = {each.path for each in list_files(reader.request, options, (), storage)}
    done = [_done(each) for each in reader.lists] or [set()]
    return [
        entry
        for entry in entries
        if entry.origin not in listed or all((entry.origin, entry.version) in each for each in done)
    ]


def _done(place: SourceState) -> set[tuple[str, str]]:
    """Name path and version of each file that a reader has behind it, or never wanted."""
    committed = committed_files(place.checkpoint)
    entries = Manifest(place.folder).entries()
    unwanted = (each.file for each in SkippedFiles(place.folder).read() if each.state == "EXISTING")
    return {(each.origin, each.version) for each in entries if each.key in committed} | {
        (file.path, file.version) for file in unwanted
    }


def check_order(opened: Sequence[tuple[CloudFiles, SourceState]]) -> None:
    """Refuse streams of one query that have changed places since it ran last.

    Spark knows the sources of a query by their order alone: after a swap each would read the other
    one's files once more. A stream that reads another path now is none of these.

    Args:
        opened: the streams as they are read now, and what each has entered.

    Raises:
        UpdateError: AUTOLOADER_SOURCES_CHANGED; no file was entered.
    """
    if not opened[1:]:
        return  # there is nothing to change places with
    known = [(request, Manifest(place.folder).newest()) for request, place in opened]
    read = [(base_folder(asked), asked, entry.origin) for asked, entry in known if entry]
    moved = [each for each in read if not _is_below(each[2], each[0])]
    for base, asked, before in moved:
        if any(_is_below(other, base) for _, request, other in moved if request is not asked):
            raise UpdateError(
                "AUTOLOADER_SOURCES_CHANGED",
                f"This reader takes the place of one that read {PurePosixPath(before).parent}",
                where=asked.where,
                hint="Spark knows the sources of a query by their order: put them back in it, or "
                "run once with --full-refresh for this table.",
            )


def _is_below(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")

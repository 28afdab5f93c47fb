"""The state of each file that a source has seen, and whether there may be others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headwater.autoloader.archive import Archive
from headwater.autoloader.commits import commit_times, committed_files
from headwater.autoloader.discovery import list_files
from headwater.autoloader.manifest import Manifest, SkippedFiles
from headwater.autoloader.options import read_options
from headwater.autoloader.request import CloudFiles, Options, SourceState
from headwater.autoloader.source_files import new_files
from headwater.autoloader.storage import SourceFile, storage_of


def file_states(place: SourceState) -> list[dict[str, Any]]:
    """List the files of a source: path, size, discovery_time, state and reason.

    States: COMMITTED, DISCOVERED (entered, not committed), EXISTING (there before the first start
    and not wanted), CORRUPT (set aside). Reads only.

    Example:
        >>> file_states(place)[0]["state"]
        'COMMITTED'
    """
    committed = committed_files(place.checkpoint)
    found = [
        _row(
            entry.origin,
            entry.size,
            entry.discovered,
            "COMMITTED" if entry.key in committed else "DISCOVERED",
        )
        for entry in Manifest(place.folder).entries()
    ]
    found += [
        _row(each.file.path, each.file.size, each.discovered, each.state, each.reason)
        for each in SkippedFiles(place.folder).read()
    ]
    return found


def ingestion_states(place: SourceState) -> list[dict[str, Any]]:
    """List the files of a source as `cloud_files_state` has them; None for what is not known.

    A file that was read is processed and committed at one time here. Files that were there before
    the first start and are not wanted are left out. Reads only.
    """
    committed = commit_times(place.checkpoint)
    archived = {each.key: each for each in Archive(place.folder).read()}
    found = []
    for entry in Manifest(place.folder).entries():
        modified, _, size = entry.version.partition("-")
        moment = _moment(committed.get(entry.key))
        gone = archived.get((entry.origin, entry.order))
        row = {
            "path": entry.origin,
            "size": int(size) if size else entry.size,
            "create_time": _moment(int(modified) / 1e9) if modified else None,
            "discovery_time": _moment(entry.discovered),
            "processed_time": moment,
            "commit_time": moment,
            "ingestion_state": "INGESTED" if moment else None,
        }
        if gone is not None and gone.time is not None:
            row["archive_time"] = _moment(gone.time)
            row["archive_mode"] = gone.mode
            row["move_location"] = gone.destination or None
        found.append(row)
    return found + [
        {
            "path": each.file.path,
            "size": each.file.size,
            "create_time": _moment(each.file.modified_ns / 1e9),
            "discovery_time": _moment(each.discovered),
            "ingestion_state": "SKIPPED_CORRUPTED",
        }
        for each in SkippedFiles(place.folder).read()
        if each.state == "CORRUPT"
    ]


def listing_digest(spark: SparkSession, request: CloudFiles) -> str:
    """Hash the paths, sizes and times of all files of a source, as they are now; lists only.

    Raises:
        DefinitionError: wrong options, SOURCE_PATH_NOT_FOUND.
    """
    found = _listed(spark, request, _options(request))
    lines = (f"{each.path}\0{each.size}\0{each.modified_ns}" for each in found)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def waiting_files(
    spark: SparkSession, request: CloudFiles, places: Sequence[SourceState]
) -> list[tuple[str, int]]:
    """List the files that a stream has still to read, as path and bytes; lists only.

    Args:
        places: where the stream keeps its state; none if it has never been opened. A view that
            is read twice has two lists of files, and each reads all of them.

    Raises:
        DefinitionError: wrong options, SOURCE_PATH_NOT_FOUND.
    """
    options = _options(request)
    listed = _listed(spark, request, options)
    if not places:
        return [(each.path, each.size) for each in listed if options.include_existing]
    return [file for place in places for file in _unread(listed, place, options)]


def _unread(
    listed: Sequence[SourceFile], place: SourceState, options: Options
) -> list[tuple[str, int]]:
    manifest = Manifest(place.folder)
    entries = manifest.entries()
    committed = committed_files(place.checkpoint)
    skipped = SkippedFiles(place.folder).read()
    new = new_files(listed, entries, skipped, again=options.allow_overwrites)
    if not (manifest.started or options.include_existing):
        new = []
    pending = [each for each in entries if each.key not in committed]
    return [(each.origin, each.size) for each in pending] + [(each.path, each.size) for each in new]


def _options(request: CloudFiles) -> Options:
    return read_options(request, java_charsets=True)  # encodings don't matter here


def _listed(spark: SparkSession, request: CloudFiles, options: Options) -> list[SourceFile]:
    own = [Path(options.schema_location)] if options.schema_location else []
    return list_files(request, options, own, storage_of(spark))


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


def _row(path: str, size: int, seconds: float, state: str, reason: str = "") -> dict[str, Any]:
    return {
        "path": path,
        "size": size,
        "discovery_time": _moment(seconds),
        "state": state,
        "reason": reason or None,
    }

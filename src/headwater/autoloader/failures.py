"""Say whether a failed query failed for a file of a source, and which."""

from __future__ import annotations

import re

from pyspark.sql import SparkSession

from headwater.autoloader.manifest import Manifest, path_of
from headwater.autoloader.plan import MALFORMED
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.errors import HeadwaterError, SourceFileError

_MALFORMED = re.compile(rf"\[{MALFORMED}\] (file:\S+)")
_UNREADABLE = re.compile(r"\[FAILED_READ_FILE\.([A-Z_]+)\][^\n]*?(file:/\S+?)[.,:]?\s")


def explain_failure(
    spark: SparkSession, error: BaseException, request: CloudFiles, place: SourceState
) -> HeadwaterError | None:
    """Give the error that names the file a query failed on; None when no file is to blame.

    Reads only. Values of records don't get into the error.
    """
    del spark
    if isinstance(error, HeadwaterError):
        return None
    text = str(error)
    found = _MALFORMED.search(text)
    if found:
        return _blame(
            place, request, found[1], "SOURCE_RECORD_MALFORMED", "holds a malformed record",
            "Correct the file, or set the option mode to PERMISSIVE.",
        )  # fmt: skip
    unreadable = _UNREADABLE.search(text)
    if not unreadable:
        return None
    if unreadable[1] == "FILE_NOT_EXIST":
        return _blame(
            place, request, unreadable[2], "SOURCE_FILE_MISSING", "vanished while it was read",
            "Put it back, or set the option ignoreMissingFiles to true.",
        )  # fmt: skip
    return _blame(
        place, request, unreadable[2], "SOURCE_FILE_CORRUPT", "can't be read to its end",
        "Replace the file, or set the option ignoreCorruptFiles to true.",
    )  # fmt: skip


def _blame(
    place: SourceState, request: CloudFiles, address: str, code: str, what: str, hint: str
) -> HeadwaterError | None:
    path = path_of(address)
    entered = {name for e in Manifest(place.folder).entries() for name in (e.path, e.origin)}
    if path not in entered:
        return None
    return SourceFileError(code, f"{path} {what}", where=request.where, hint=hint, path=path)

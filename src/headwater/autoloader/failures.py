"""Find the file that a failed query failed on."""

from __future__ import annotations

import re
from typing import NamedTuple

from headwater.autoloader.manifest import Manifest
from headwater.autoloader.plan import MALFORMED
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.autoloader.storage import origin, path_of
from headwater.errors import HeadwaterError, SourceFileError

_MALFORMED = re.compile(rf"\[{MALFORMED}\] ([a-z]+:/\S+)")
_UNREADABLE = re.compile(r"\[FAILED_READ_FILE\.([A-Z_]+)\][^\n]*?\b([a-z]+:/\S+?)[.,:]?(?:\s|$)")
"""What Spark says of a file; it writes addresses, so a name has no blanks in it."""

_FAILFAST = "MALFORMED_RECORD_IN_PARSING"


class _Fault(NamedTuple):
    code: str
    what: str
    hint: str


_RECORD = _Fault(
    "SOURCE_RECORD_MALFORMED",
    "holds a malformed record",
    "Correct the file, or set the option mode to PERMISSIVE.",
)
_MISSING = _Fault(
    "SOURCE_FILE_MISSING",
    "disappeared while it was being read",
    "Put it back, or set the option ignoreMissingFiles to true.",
)
_CORRUPT = _Fault(
    "SOURCE_FILE_CORRUPT",
    "can't be read completely",
    "Replace the file, or set the option ignoreCorruptFiles to true.",
)


def explain_failure(text: str, request: CloudFiles, place: SourceState) -> HeadwaterError | None:
    """Return the error that names the file a query failed on; None when no file is to blame.

    Reads only. Values of records don't get into the error.

    Args:
        text: all that Spark says of the failure and its causes.
    """
    found = _MALFORMED.search(text)
    if found:
        return _blame(place, request, found[1], _RECORD)
    unreadable = _UNREADABLE.search(text)
    if not unreadable:
        return None
    if unreadable[1] == "FILE_NOT_EXIST":
        return _blame(place, request, unreadable[2], _MISSING)
    return _blame(place, request, unreadable[2], _RECORD if _FAILFAST in text else _CORRUPT)


def unreadable_address(text: str) -> str | None:
    """Find the address of the file that Spark says it could not read."""
    found = _UNREADABLE.search(text)
    return found[2] if found else None


def _blame(
    place: SourceState, request: CloudFiles, address: str, fault: _Fault
) -> HeadwaterError | None:
    path = origin(path_of(address))
    if path not in {entry.origin for entry in Manifest(place.folder).entries()}:
        return None
    message = f"{path} {fault.what}"
    return SourceFileError(fault.code, message, where=request.where, hint=fault.hint, path=path)

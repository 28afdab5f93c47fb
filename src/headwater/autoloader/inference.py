"""Let Spark infer the columns of files, and name the file that it fails on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pyspark.sql.types import StructType

from headwater.autoloader.failures import unreadable_address
from headwater.autoloader.spark_paths import spark_paths
from headwater.autoloader.storage import LOCAL, SourceFile, path_of
from headwater.errors import SourceFileError

Read = Callable[[list[str]], StructType]
"""Infers the columns of the files at some paths."""

_REPEATED = re.compile(r"\[COLUMN_ALREADY_EXISTS\][^`]*`([^`]*)`")
_UNPARSED = "TextParsingException"


def infer_columns(files: Sequence[SourceFile], read: Read) -> StructType:
    """Infer the columns of local files together.

    Raises:
        SourceFileError: SOURCE_FILE_MISSING, SOURCE_FILE_CORRUPT, SOURCE_FIELD_REPEATED.
    """
    with spark_paths(files) as paths:
        try:
            return read(list(paths))
        except Exception as error:
            found = _explained(paths, read, str(error))
            raise found or error from error


def _explained(paths: Mapping[str, SourceFile], read: Read, text: str) -> SourceFileError | None:
    gone = next((file for file in paths.values() if LOCAL.stat(file.path) is None), None)
    if gone:
        return SourceFileError(
            "SOURCE_FILE_MISSING",
            f"{gone.path} disappeared while its columns were being inferred",
            hint="Put it back, or run the update again.",
            path=gone.path,
        )
    address = unreadable_address(text)
    if address and (file := paths.get(path_of(address))):
        return _corrupt(file)
    if _UNPARSED in text:
        return _corrupt(paths[_culprit(list(paths), read)])
    repeated = _REPEATED.search(text)
    if not repeated:
        return None
    path = paths[_culprit(list(paths), read)].path
    return SourceFileError(
        "SOURCE_FIELD_REPEATED",
        f"A record of {path} has the field '{repeated[1]}' twice",
        hint="Correct the file, move it out of the folder, or give a schema without a rescued "
        "data column.",
        path=path,
        field=repeated[1],
    )


def _corrupt(file: SourceFile) -> SourceFileError:
    return SourceFileError(
        "SOURCE_FILE_CORRUPT",
        f"{file.path} can't be read completely",
        hint="Replace the file, or set the option ignoreCorruptFiles to true.",
        path=file.path,
    )


def _culprit(paths: list[str], read: Read) -> str:
    """Find a file that can't be read, by bisection."""
    while len(paths) > 1:
        half = paths[: len(paths) // 2]
        try:
            read(half)
        except Exception:  # what is wrong is known; where is asked
            paths = half
        else:
            paths = paths[len(half) :]
    return paths[0]

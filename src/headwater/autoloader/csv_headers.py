"""Read the first record of a CSV file, as Spark would split it."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

from headwater.autoloader.request import Options

Header = tuple[str, ...]
"""The names of a file's columns, in order."""

_HEADER_CHARACTERS = 1_000_000
_BYTE_ORDER_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}
_EMPTY = "\r\n"  # with multiLine, Spark takes a line of blanks for a record
_CLOSED = (".zst", ".snappy", ".lz4", ".deflate")


class HeaderError(ValueError):
    """The first record can't be read; the text says why."""


def read_header(path: Path, options: Options) -> Header:
    """Return the names of a file's columns: from its header, or `_c0`, `_c1`, ... without one.

    An empty file has none.

    Raises:
        HeaderError: a wrong encoding, a damaged archive, a compression that is not supported.
    """
    if path.suffix.lower() in _CLOSED:
        raise HeaderError(f"the header of a {path.suffix} file can't be read here")
    try:
        with _opened(path, options) as file:
            tokens = next(_records(file, options), [])
            "".join(tokens).encode()  # what could not be decoded can't be encoded
    except (OSError, UnicodeError, EOFError, LookupError, csv.Error) as error:
        if isinstance(error, FileNotFoundError):
            return ()
        raise HeaderError(f"its first record can't be read ({type(error).__name__})") from None
    if not options.header:
        return tuple(f"_c{number}" for number in range(len(tokens)))
    return _safe_names(tokens, options)


def _opened(path: Path, options: Options) -> IO[str]:
    encoding = options.get("encoding") or options.get("charset") or "utf-8"
    if encoding.lower() in _BYTE_ORDER_MARKS:
        with _binary(path) as file:
            if not file.read(4).startswith(_BYTE_ORDER_MARKS[encoding.lower()]):
                encoding += "-be"  # Java's default; Python takes the machine's
    # only the first record counts: Spark accepts bytes that are not text in the others
    binary = _binary(path)
    return io.TextIOWrapper(binary, encoding=encoding, errors="surrogateescape", newline="")


def _binary(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if path.suffix.lower() == ".bz2":
        return bz2.open(path, "rb")
    return path.open("rb")


def _records(file: IO[str], options: Options) -> Iterator[list[str]]:
    separator = options.get("sep") or options.get("delimiter") or ","
    separator = {"\\t": "\t"}.get(separator, separator)
    quote = options.get("quote", '"')
    escape = options.get("escape", "\\")
    comment = options.get("comment")
    lines = (
        line.replace(separator, "\x1f") if len(separator) > 1 else line
        for line in _without_mark(_lines(file, options.get("linesep")))
        if (line.strip(_EMPTY if options.multi_line else None))
        and not (comment and line.startswith(comment))
    )
    return csv.reader(
        lines,
        delimiter=separator if len(separator) == 1 else "\x1f",
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        escapechar=escape if escape and escape != quote else None,
        doublequote=escape == quote,
    )


def _lines(file: IO[str], separator: str) -> Iterable[str]:
    if separator in ("", "\n", "\r", "\r\n"):
        return file
    return file.read(_HEADER_CHARACTERS).split(separator)


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    """Drop the byte order mark: it is not part of the first name, and hides its quotes."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix("\ufeff")


def _safe_names(tokens: list[str], options: Options) -> Header:
    """Name empty and repeated columns as Spark does: `_c2`, `id0`, `id2`."""
    if options.get("ignoreleadingwhitespace").lower() == "true":
        tokens = [token.lstrip() for token in tokens]
    if options.get("ignoretrailingwhitespace").lower() == "true":
        tokens = [token.rstrip() for token in tokens]
    lowered = [token.lower() for token in tokens]
    names = []
    for number, token in enumerate(tokens):
        if not token or token == options.get("nullvalue"):
            names.append(f"_c{number}")
        elif lowered.count(token.lower()) > 1:
            names.append(f"{token}{number}")
        else:
            names.append(token)
    return tuple(names)

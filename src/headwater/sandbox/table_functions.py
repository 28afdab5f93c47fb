"""The arguments of table-valued functions in SQL, and what those of some of them ask for.

`read_files` and `cloud_files` become a request of Auto Loader, `table_changes` the options of a
reader. Source: the functions' pages in the Databricks SQL reference. `read_files` infers types and
finds the format by the files' names; `cloud_files` is Auto Loader as in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from glob import glob
from pathlib import Path
from typing import Any

from headwater.autoloader.option_tables import KNOWN
from headwater.graph.arguments import fault
from headwater.sql.cursor import Cursor, SqlSyntaxError
from headwater.sql.tokens import string_value

FUNCTIONS = ("read_files", "cloud_files")

_PREFIX = "cloudFiles."
_RENAMED = {"filenamepattern": "pathGlobFilter"}
_FORMATS = {
    ".avro": "avro",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".orc": "orc",
    ".parquet": "parquet",
    ".tsv": "csv",
    ".txt": "text",
    ".xml": "xml",
}
_COMPRESSED = (".gz", ".bz2", ".zst", ".snappy", ".deflate", ".lz4")

CHANGES = "table_changes"
_EXAMPLES = {CHANGES: "table_changes('dim', 3)"}
_MOMENT = "yyyy-MM-dd HH:mm:ss.SSSSSSXXX"
_WHOLE_NUMBERS = ("tinyint", "smallint", "int", "bigint")

Constant = Callable[[str], Any]


def read_arguments(text: str, constant: Constant) -> tuple[str, str | None, dict[str, str]]:
    """Read the text of a call: path, schema and options under Auto Loader's names.

    Args:
        constant: returns the value of a constant expression.

    Raises:
        DefinitionError: READ_FILES_INVALID.
    """
    values, options = call_arguments(text, constant)
    if text.lower().startswith("cloud_files"):
        return _cloud_files(values, options)
    return _read_files(values, options)


def call_arguments(text: str, constant: Constant) -> tuple[list[Any], dict[str, Any]]:
    """Read the text of a call: the arguments by position, and those by name.

    Args:
        constant: returns the value of a constant expression.

    Raises:
        DefinitionError: READ_FILES_INVALID.
    """
    positional, named = _argument_texts(text)
    values = [_value(each, constant) for each in positional]
    return values, {key: _value(each, constant) for key, each in named.items()}


def changed_table(text: str) -> str:
    """Return the table that a call of `table_changes` names; "" if it names none as a string."""
    token = next(iter(Cursor(text).tokens[2:]), None)
    return string_value(token.text) if token is not None and token.kind == "text" else ""


def change_arguments(text: str, constant: Constant) -> tuple[str, dict[str, str]]:
    """Read a call of `table_changes`: the table, and the options that read its change feed.

    Source: "table_changes table-valued function": from a version or a timestamp on, up to one.

    Raises:
        DefinitionError: TABLE_CHANGES_INVALID.
    """
    bounds, named = _argument_texts(text)
    if named or not 2 <= len(bounds) <= 3:
        raise _invalid(CHANGES, "takes a table, a start and, if wanted, an end")
    options = {"readChangeFeed": "true"}
    for word, bound in zip(("starting", "ending"), bounds[1:], strict=False):
        kind = "Version" if constant(f"typeof({bound})") in _WHOLE_NUMBERS else "Timestamp"
        value = constant(f"CAST({bound} AS STRING)")
        if value is None:
            raise _invalid(CHANGES, f"the {word} version or timestamp is NULL")
        options[word + kind] = str(value)
    return changed_table(text), options


def format_of(path: str) -> str:
    """Find a format by the names of files at a local path or pattern; "" if no name tells.

    Example:
        >>> format_of("/in/2024-*.csv.gz")
        'csv'
    """
    told = _suffix_format(Path(path))
    if told:
        return told
    found = [path] if Path(path).exists() else sorted(glob(path))  # noqa: PTH207 - it is absolute
    for base in map(Path, found):
        for file in sorted(base.rglob("*")):
            hidden = any(part.startswith(("_", ".")) for part in file.relative_to(base).parts)
            if not hidden and file.is_file() and (told := _suffix_format(file)):
                return told
    return ""


def _suffix_format(file: Path) -> str:
    suffixes = [each.lower() for each in file.suffixes if each.lower() not in _COMPRESSED]
    return _FORMATS.get(suffixes[-1], "") if suffixes else ""


def _argument_texts(text: str) -> tuple[list[str], dict[str, str]]:
    cursor = Cursor(text)
    name = cursor.name("A function").lower()
    try:
        found = _arguments(cursor)
        cursor.end()
    except SqlSyntaxError as error:
        raise _invalid(name, error.message) from None
    return found


def _arguments(cursor: Cursor) -> tuple[list[str], dict[str, str]]:
    positional: list[str] = []
    named: dict[str, str] = {}
    cursor.expect("(")
    while not cursor.take(")"):
        key = cursor.until((",", ")", "=>"), required="An argument")
        if cursor.take("=>"):
            named[key.strip("`")] = cursor.until((",", ")"), required="A value")
        else:
            positional.append(key)
        if not cursor.sees(")"):
            cursor.expect(",")
    return positional, named


def _value(text: str, constant: Constant) -> Any:
    tokens = Cursor(text).tokens
    if len(tokens) == 1 and tokens[0].kind == "text":
        return string_value(tokens[0].text)
    if len(tokens) == 1 and tokens[0].word in ("TRUE", "FALSE"):
        return text.lower()
    if len(tokens) == 1 and tokens[0].kind == "number":
        return text
    value = constant(text)
    # a moment comes without a zone, in that of this machine
    return constant(f"date_format({text}, '{_MOMENT}')") if isinstance(value, datetime) else value


def _read_files(
    values: list[Any], named: Mapping[str, Any]
) -> tuple[str, str | None, dict[str, str]]:
    given = {key.lower(): (key, value) for key, value in named.items()}
    path = given.pop("path", ("path", None))[1] if not values else values[0]
    if len(values) > 1 or not isinstance(path, str):
        raise _invalid("read_files", "takes one path; options are written option => value")
    schema = given.pop("schema", ("schema", None))[1]
    options = {_PREFIX + "inferColumnTypes": "true", _PREFIX + "useStrictGlobber": "true"}
    mode = str(given.get("schemaevolutionmode", ("", ""))[1]).lower()
    if schema is None and mode == "none":  # what does not fit is not rescued, unless asked for
        options["rescuedDataColumn"] = ""
    for low, (key, value) in given.items():
        options[_option(low, key)] = _as_text(value)
    return path, None if schema is None else str(schema), options


def _cloud_files(
    values: list[Any], named: Mapping[str, Any]
) -> tuple[str, str | None, dict[str, str]]:
    if named or not 2 <= len(values) <= 3 or not all(isinstance(v, str) for v in values[:2]):
        raise _invalid("cloud_files", "takes a path, a format and a map of options")
    more = values[2] if len(values) > 2 else {}
    if not isinstance(more, Mapping):
        raise _invalid("cloud_files", "takes its options as map(key, value, ...)")
    options = {_option(str(key).lower(), str(key)): _as_text(value) for key, value in more.items()}
    schema = options.pop("schema", None)
    return values[0], schema, {**options, _PREFIX + "format": values[1]}


def _option(low: str, written: str) -> str:
    """Return an option under Auto Loader's name: `format` is `cloudFiles.format`."""
    if low in _RENAMED:
        return _RENAMED[low]
    return _PREFIX + written if _PREFIX.lower() + low in KNOWN else written


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _invalid(name: str, what: str) -> Exception:
    example = _EXAMPLES.get(name, "read_files('/Volumes/...', format => 'json')")
    code = "TABLE_CHANGES_INVALID" if name == CHANGES else "READ_FILES_INVALID"
    return fault(code, f"{name}: {what}", f"Write {example}.", function=name)

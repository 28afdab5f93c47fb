"""The contract of a topic: which columns an event has, of which type, and which may be missing.

A contract is a small YAML file. What does not live here: checking events against it (`rows`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from headwater.errors import ContractError, Location, nearest

TYPES: dict[str, pa.DataType] = {
    "STRING": pa.string(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "DATE": pa.date32(),
}
"""Names of types as in a table, and their types in a file."""

_KEYS = ("topic", "description", "columns")
_COLUMN_KEYS = ("name", "type", "nullable", "description")


@dataclass(frozen=True)
class Column:
    """One field of an event; `type` is a key of `TYPES`."""

    name: str
    type: str
    nullable: bool = True


@dataclass(frozen=True)
class Contract:
    """The columns of the events of one topic."""

    topic: str
    columns: tuple[Column, ...]

    @property
    def fields(self) -> list[pa.Field]:
        """Return the columns as Arrow fields; TIMESTAMP is in UTC."""
        return [pa.field(each.name, TYPES[each.type], each.nullable) for each in self.columns]

    def to_mapping(self) -> dict[str, Any]:
        """Return what `contract_of` reads back."""
        return {"topic": self.topic, "columns": [asdict(each) for each in self.columns]}


def read_contract(file: Path) -> Contract:
    """Read a contract from a YAML file.

    Raises:
        ContractError: CONTRACT_NOT_FOUND, CONTRACT_INVALID; with the file and what to change.

    Example:
        >>> read_contract(Path("resources/contracts/patient_events.yml")).topic
        'patient_events'
    """
    try:
        content = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise _invalid(file, "It is not UTF-8 text", "Save it as UTF-8.") from None
    except OSError as error:
        raise ContractError(
            "CONTRACT_NOT_FOUND",
            f"The contract can't be read: {type(error).__name__}",
            where=Location(str(file)),
            hint="Name a contract file with --contract FILE.",
        ) from None
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 0
        raise _invalid(file, "It is not YAML", "Correct the line.", line) from None
    return contract_of(content, file)


def contract_of(content: object, file: Path) -> Contract:
    """Build a contract from what a YAML file holds; `file` is named in errors.

    Raises:
        ContractError: CONTRACT_INVALID.
    """
    if not isinstance(content, Mapping):
        raise _invalid(file, "It has no keys", "Write topic: NAME and columns: [...].")
    _check_keys(content, _KEYS, file)
    topic, columns = content.get("topic"), content.get("columns")
    if not isinstance(topic, str) or not topic:
        raise _invalid(file, "It has no topic", "Write topic: NAME.")
    if not isinstance(columns, list) or not columns:
        raise _invalid(file, "It has no columns", "Write columns: [{name: id, type: STRING}].")
    read = tuple(_column(each, file) for each in columns)
    names = [each.name.lower() for each in read]  # Spark tells no case apart
    for column in read:
        if names.count(column.name.lower()) > 1:
            raise _invalid(file, f"Column '{column.name}' appears twice", "Keep one of them.")
    return Contract(topic, read)


def _column(content: object, file: Path) -> Column:
    name = content.get("name") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(name, str) or not name.strip():
        raise _invalid(file, "A column has no name", "Write {name: NAME, type: TYPE}.")
    _check_keys(content, _COLUMN_KEYS, file)
    kind = str(content.get("type", "")).upper()
    if name.startswith("_"):
        raise _invalid(
            file,
            f"Column '{name}' starts with _",
            "Such names are reserved for _offset and the like.",
        )
    if kind not in TYPES:
        hint = f"{nearest(kind, TYPES)} It is one of {', '.join(TYPES)}.".strip()
        raise _invalid(file, f"Column '{name}' has an unknown type", hint)
    nullable = content.get("nullable", True)
    if not isinstance(nullable, bool):
        raise _invalid(file, f"nullable of column '{name}' must be true or false", "Write true.")
    return Column(name, kind, nullable)


def _check_keys(content: Mapping[str, Any], known: tuple[str, ...], file: Path) -> None:
    for key in content:
        if key not in known:
            hint = nearest(str(key), known) or f"It can have {', '.join(known)}."
            raise _invalid(file, f"Key '{key}' is not known", hint)


def _invalid(file: Path, message: str, hint: str, line: int = 0) -> ContractError:
    return ContractError(
        "CONTRACT_INVALID",
        f"The contract is not valid. {message}",
        where=Location(str(file), line),
        hint=hint,
    )

"""Which snapshot of a flow was taken last: a small file beside the target.

The file names the snapshot that is about to be committed; whether it was is read from the target,
whose commit carries the snapshot's number. So a kill at any moment leaves no doubt.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from numbers import Integral
from pathlib import Path
from typing import Any, Union

from headwater.delta import committed_once, has_committed
from headwater.files import write_atomic

Version = Union[int, float, str, datetime, date, Decimal]  # noqa: UP007 - evaluated on Python 3.10

_TYPES: tuple[tuple[type, str], ...] = (
    (Integral, "bigint"),
    (float, "double"),
    (str, "string"),
    (datetime, "timestamp"),  # before date, which it is one of
    (date, "date"),
    (Decimal, "decimal(38,18)"),
)
_READERS: Mapping[str, Any] = {
    "bigint": int,
    "double": float,
    "string": str,
    "timestamp": datetime.fromisoformat,
    "date": date.fromisoformat,
    "decimal(38,18)": Decimal,
}


def version_type(version: object) -> str | None:
    """Return Spark's name for the type of a snapshot's version; None when it can't be one.

    Example:
        >>> version_type(3)
        'bigint'
    """
    if isinstance(version, bool) or (isinstance(version, float) and math.isnan(version)):
        return None
    return next((name for kind, name in _TYPES if isinstance(version, kind)), None)


@dataclass(frozen=True)
class Taken:
    """A snapshot that was taken: its number in the flow, from 0, and its version."""

    number: int
    version: Version


def is_next(version: Version, latest: Taken | None) -> bool:
    """Whether a version rises above that of the snapshot taken last.

    Raises:
        TypeError: it is of another type, or a time with a zone after one without.
    """
    if latest is None:
        return True
    if version_type(version) != version_type(latest.version):
        raise TypeError(version_type(version))
    return bool(latest.version < version)  # type: ignore[operator]


@dataclass(frozen=True)
class SnapshotMemory:
    """What is known of the snapshots of one flow in one generation of its target.

    Attributes:
        folder: of what AUTO CDC remembers beside the target.
        table: folder of the target.
    """

    folder: Path
    table: Path

    def latest(self) -> Taken | None:
        """Return the snapshot that was taken last; None before the first."""
        told = self._told()
        begun = _read(told["begun"])
        if begun is not None and has_committed(self.table, told["identity"], begun.number):
            return begun
        return _read(told["done"])

    def begin(self, taken: Taken) -> dict[str, str]:
        """Note which snapshot is about to be committed; durable when this returns.

        Returns:
            Settings of a session, which let it commit the snapshot under its number, and once.
        """
        return committed_once(self._write(begun=taken, done=self.latest()), taken.number)

    def finish(self, taken: Taken) -> None:
        """Note that a snapshot was taken, whether or not it changed a row."""
        self._write(begun=None, done=taken)

    def _told(self) -> dict[str, Any]:
        if not self._file.exists():
            return {"identity": str(uuid.uuid4()), "begun": None, "done": None}
        return dict(json.loads(self._file.read_text(encoding="utf-8")))

    def _write(self, *, begun: Taken | None, done: Taken | None) -> str:
        identity = str(self._told()["identity"])
        told = {"identity": identity, "begun": _shown(begun), "done": _shown(done)}
        write_atomic(self._file, json.dumps(told))
        return identity

    @property
    def _file(self) -> Path:
        return self.folder / "snapshots.json"


def _shown(taken: Taken | None) -> dict[str, Any] | None:
    if taken is None:
        return None
    version = taken.version
    text = version.isoformat() if isinstance(version, date) else str(version)
    return {"number": taken.number, "type": version_type(version), "version": text}


def _read(told: Mapping[str, Any] | None) -> Taken | None:
    return Taken(told["number"], _READERS[told["type"]](told["version"])) if told else None

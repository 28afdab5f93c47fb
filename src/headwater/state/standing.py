"""Where the inputs of a flow stood when it was last done with them: a small file for each flow."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from headwater.files import write_atomic

_COMMIT = re.compile(r"\d{20}\.json")


@dataclass(frozen=True)
class Standing:
    """Where the inputs of a flow stand.

    Attributes:
        digest: of everything that the flow's answer rests on; None when that can't be told.
        files: bytes below each path that Auto Loader reads.
        tables: newest commit of each table that the flow reads, by the table's folder.
        rereads: folders of tables that the flow reads or rewrites whole if anything is new.
        target: what the flow left: for a view the newest commit of its table, for a stream the
            newest batch of its checkpoint.
    """

    digest: str | None
    files: Mapping[str, int] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    rereads: tuple[str, ...] = ()
    target: str = ""


def read_standing(file: Path) -> Standing | None:
    """Read what was noted; None when nothing was, or by another version."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return Standing(**{**told, "rereads": tuple(told["rereads"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_standing(file: Path, standing: Standing) -> None:
    """Note where the inputs stood; durable when this returns."""
    write_atomic(file, json.dumps(asdict(standing)))


def last_commit(path: Path) -> str:
    """Identify the newest commit of a Delta table; the same only while nothing was committed.

    Version and content: a table that was dropped and made again has the same versions.

    Raises:
        OSError: the table is not there.
    """
    names = commits(path)
    if not names:
        raise FileNotFoundError(path / "_delta_log")
    newest = max(names)
    content = (path / "_delta_log" / newest).read_bytes()
    return f"{newest} {hashlib.sha256(content).hexdigest()}"


def commits(path: Path) -> list[str]:
    """List the files of a Delta table's commits, by name.

    Raises:
        OSError: the table is not there.
    """
    names = os.listdir(path / "_delta_log")  # noqa: PTH208 - names only
    return [each for each in names if _COMMIT.fullmatch(each)]

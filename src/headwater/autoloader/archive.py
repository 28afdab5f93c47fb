"""The files that `cleanSource` moved or deleted, in `archive.jsonl` beside the manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from headwater.files import write_atomic


@dataclass(frozen=True)
class Archived:
    """A file that is moved or deleted.

    Attributes:
        path: of the source's file.
        order: of its entry in the manifest.
        mode: MOVE or DELETE.
        destination: where it is moved to, "" when it is deleted.
        time: seconds when that was done; None while it is only intended.
    """

    path: str
    order: int
    mode: str
    destination: str = ""
    time: float | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What tells the entry of the manifest."""
        return self.path, self.order


class Archive:
    """The record of one source's cleaned files."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "archive.jsonl"

    def read(self) -> list[Archived]:
        """Read all of them."""
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [Archived(**json.loads(line)) for line in lines]

    def write(self, records: Sequence[Archived]) -> None:
        """Replace the record; durable and atomic."""
        lines = [json.dumps(asdict(each)) for each in records]
        write_atomic(self.path, "".join(f"{line}\n" for line in lines))

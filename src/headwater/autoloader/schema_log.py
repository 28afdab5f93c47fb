"""The schema of a source: versions below `_schemas` of its schema location.

A version is one file, written atomically and never changed; the highest number is current.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pyspark.sql.types import StructType

from headwater.files import write_atomic

_HEADER = "v1"


@dataclass(frozen=True)
class SourceSchema:
    """Columns of a source: in its files, and in the names of its folders."""

    data: StructType
    partitions: StructType


class SchemaLog:
    """The versions of one source's schema."""

    def __init__(self, location: Path) -> None:
        self.folder = location / "_schemas"

    def latest(self) -> SourceSchema | None:
        """Read the current schema; None before the first."""
        numbers = self._numbers()
        if not numbers:
            return None
        text = (self.folder / str(max(numbers))).read_text(encoding="utf-8")
        told = json.loads(text.split("\n", 1)[1])
        return SourceSchema(
            StructType.fromJson(json.loads(told["dataSchemaJson"])),
            StructType.fromJson(json.loads(told["partitionSchemaJson"])),
        )

    def save(self, schema: SourceSchema) -> None:
        """Add a version, unless the latest says the same. Durable and atomic."""
        if self.latest() == schema:
            return
        text = json.dumps(
            {
                "dataSchemaJson": schema.data.json(),
                "partitionSchemaJson": schema.partitions.json(),
            }
        )
        scratch = self.folder / f".{uuid4().hex}"
        write_atomic(scratch, f"{_HEADER}\n{text}")
        number = max(self._numbers(), default=-1) + 1
        while True:
            try:
                os.link(scratch, self.folder / str(number))
                break
            except FileExistsError:  # another flow with this location was faster
                number += 1
        scratch.unlink()

    def _numbers(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return [int(each.name) for each in self.folder.iterdir() if each.name.isdigit()]

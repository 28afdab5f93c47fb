"""`badRecordsPath`: records and files that can't be read are written there, as JSON lines.

Each file has the folder of its discovery: `<path>/20260131T120000/bad_records/part-...`. The rows
of a stream leave them out, and they are written before it starts: a kill between repeats nothing
and loses nothing. Source: "Handle bad records and files" in Databricks' documentation.
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from headwater.autoloader.findings import FileFormat
from headwater.autoloader.manifest import Entry
from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.storage import LOCAL, SourceFile, address_of
from headwater.files import write_atomic

_RECORD = "__headwater_bad"
_REASON = "The record is malformed, or does not fit the schema"


@dataclass(frozen=True)
class BadRecordsPlan(StreamPlan):
    """Builds a frame of the records that the stream leaves out."""

    def refuse_malformed(self, frame: DataFrame, malformed: Column) -> DataFrame:
        """Keep malformed records, and no others."""
        return frame.filter(malformed.isNotNull()).withColumn(_RECORD, malformed)

    def finish(
        self,
        frame: DataFrame,
        columns: Sequence[Column],
        fragments: Sequence[Column] = (),
        otherwise: Column | None = None,
    ) -> DataFrame:
        """Select what is written of each record."""
        del columns, fragments, otherwise
        address = self.file_address(frame).alias("path")
        reason = F.lit(_REASON).alias("reason")
        return frame.select(address, F.col(_RECORD).alias("record"), reason)


def write_bad_records(file_format: FileFormat, plan: StreamPlan, scratch: Path) -> None:
    """Write the bad records of the plan's pending files, once for each discovery.

    Args:
        scratch: folder of parts that are not whole yet.
    """
    folder = plan.options.bad_records_path
    if folder is None:
        return
    by_order: dict[int, list[Entry]] = {}
    for entry in plan.pending:
        by_order.setdefault(entry.order, []).append(entry)
    for order, entries in by_order.items():
        target = _folder(folder, entries[0].discovered, "bad_records") / f"part-{order}.json"
        if target.exists():
            continue
        parts = {**vars(plan), "pending": entries, "is_batch": True}
        frame = file_format.frame(BadRecordsPlan(**parts))
        frame.coalesce(1).write.mode("overwrite").json(str(scratch))
        written = next((each for each in scratch.glob("part-*.json") if each.stat().st_size), None)
        if written is not None:
            LOCAL.move(str(written), str(target))
        shutil.rmtree(scratch)


def write_bad_files(folder: Path, broken: Mapping[SourceFile, str], seconds: float) -> None:
    """Write down files that can't be read at all.

    Args:
        broken: what is wrong with each.
        seconds: when they were found.
    """
    for file, reason in broken.items():
        name = f"part-{zlib.crc32(f'{file.path} {file.version}'.encode()):08x}.json"
        address = address_of(file.path).replace("file://", "file:", 1)  # as Spark has it
        line = json.dumps({"path": address, "reason": reason})
        write_atomic(_folder(folder, seconds, "bad_files") / name, f"{line}\n")


def _folder(folder: Path, seconds: float, kind: str) -> Path:
    return folder / datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y%m%dT%H%M%S") / kind

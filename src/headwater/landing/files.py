"""Write what a claim says: Parquet files of one range of offsets.

What does not live here: which offsets (`tracks`), who may write them (`claims`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.landing.claims import Claim, make_claim
from headwater.landing.rows import REJECTED, Rows
from headwater.landing.sink import Sink


@dataclass(frozen=True)
class Cut:
    """Decoded events that are ready to be landed, and the claim under which they are.

    Attributes:
        is_claimed: the claim holds already; its files are to be completed.
        size: bytes in memory.
    """

    claim: Claim
    rows: Sequence[Rows]
    schema: pa.Schema
    is_claimed: bool
    size: int


def land(sink: Sink, cut: Cut) -> Claim:
    """Claim a cut's offsets and write their files; return the claim that holds.

    When that is another claim than the cut's, nothing was written: another writer has the offsets.
    Idempotent; may be killed at any moment: the claim tells the next writer what to complete.

    Raises:
        SinkError: as `Sink.create`.
    """
    claim = cut.claim
    files = {}
    if claim.rejected:
        files[claim.rejected_file] = _parquet([each.rejected for each in cut.rows], REJECTED)
    if claim.landed:
        files[claim.landed_file] = _parquet([each.landed for each in cut.rows], cut.schema)
    if not cut.is_claimed:
        held = make_claim(sink, claim)
        if held != claim:
            return held
    for name, content in files.items():
        sink.create(name, content)
    sink.create(claim.done_file, b"")
    return claim


def _parquet(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> bytes:
    table = pa.Table.from_batches(batches, schema)
    target = pa.BufferOutputStream()
    pq.write_table(table, target, compression="zstd", row_group_size=max(1, table.num_rows))
    content: bytes = target.getvalue().to_pybytes()
    return content

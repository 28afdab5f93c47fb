"""Delta tables without a JVM: those that this package appends to, and commits that count once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as fs
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater.files import write_atomic

KEPT_HOURS = 24
"""How long files stay after they were joined: longer than any reader has the table open."""


def read_delta(path: Path) -> pa.Table:
    """Return all rows of a table, read through Arrow's own file system.

    Left to itself delta-rs lets Arrow read through Python, in threads that outlive the call: every
    tenth process aborted when it ended, with another exit status than its own.

    Raises:
        DeltaError: there is no table, or one that can't be read.
    """
    folder = str(path.absolute())
    files = fs.SubTreeFileSystem(folder, fs.LocalFileSystem())
    return DeltaTable(folder).to_pyarrow_table(filesystem=files)


def join_small_files(table: DeltaTable, most: int) -> None:
    """Join the files of a table that has more than `most` of them, and delete old ones.

    Safe beside others who append.
    """
    if len(table.file_uris()) > most:
        table.optimize.compact()
        table.vacuum(retention_hours=KEPT_HOURS, dry_run=False, enforce_retention_duration=False)


def committed_once(identity: str, number: int) -> dict[str, str]:
    """Return settings of a session, which let it commit to a table under a number, and once.

    Args:
        identity: of what is numbered, from 0 on.
    """
    prefix = "spark.databricks.delta.write"
    return {f"{prefix}.txnAppId": identity, f"{prefix}.txnVersion": str(number)}


def has_committed(table: Path | str, identity: str, number: int) -> bool:
    """Whether what `committed_once` marks is in a table; reads its log only."""
    newest = DeltaTable(table).transaction_version(identity)
    return newest is not None and newest >= number


def write_checksum(path: Path) -> None:
    """Write the version checksum of a table that was just created: what Delta itself would write.

    Without it Delta works out the state of the table by Spark jobs when the first rows are
    written. The format is that of the Delta protocol, "Version Checksum File".
    """
    log = path / "_delta_log"
    actions: dict[str, Any] = {}
    for line in (log / f"{0:020}.json").read_text(encoding="utf-8").splitlines():
        actions |= json.loads(line)
    checksum = {
        "tableSizeBytes": 0,
        "numFiles": 0,
        "numMetadata": 1,
        "numProtocol": 1,
        "setTransactions": [],
        "domainMetadata": [],
        "metadata": actions["metaData"],
        "protocol": actions["protocol"],
        "allFiles": [],
    }
    write_atomic(log / f"{0:020}.crc", json.dumps(checksum))


@contextmanager
def whole_log(table: Path) -> Iterator[None]:
    """Remove the log of a new table that could not be made: nothing could read what is left."""
    log = table / "_delta_log"
    is_new = not log.exists()
    try:
        yield
    except DeltaError:
        if is_new:
            shutil.rmtree(log, ignore_errors=True)
        raise

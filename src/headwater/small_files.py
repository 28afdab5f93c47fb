"""Keep Delta tables readable that grow by many small commits; starts no JVM."""

from __future__ import annotations

from deltalake import DeltaTable

KEPT_HOURS = 24
"""How long files stay after they were joined: longer than any reader has the table open."""


def join_small_files(table: DeltaTable, most: int) -> None:
    """Join the files of a table that has more than `most` of them, and delete old ones.

    Safe beside others who append.
    """
    if len(table.file_uris()) > most:
        table.optimize.compact()
        table.vacuum(retention_hours=KEPT_HOURS, dry_run=False, enforce_retention_duration=False)

"""What would make a table faster to read, each with its reason in numbers. Pure.

What does not live here: looking at the table (`tables`), and doing it (`maintenance`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from headwater.operations.tables import ColumnRange, DataFile, TableFacts

MEGABYTE = 2**20
TARGET_FILE_BYTES = 128 * MEGABYTE
SMALL_SHARE = 4
"""A file is small below this part of the target size."""
MIN_SAVED_FILES = 5
SKEWED = 5.0
"""A partition, or a file, is skewed from so many times the median on."""
MIN_PARTITIONS = 3
CLUSTERED_SHARE = 0.5
"""A column is a candidate if a search opens at least this share of the files."""
MIN_FILES_TO_CLUSTER = 4
MAX_CANDIDATES = 3
_TIMES = ("timestamp", "date")


@dataclass(frozen=True)
class Advice:
    """One thing to do about a table.

    Attributes:
        reason: what was found, in numbers; no values of rows.
        action: what to do about it.
    """

    code: str
    table: str
    reason: str
    action: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as a row."""
        return {
            "table": self.table,
            "code": self.code,
            "reason": self.reason,
            "action": self.action,
        }


@dataclass(frozen=True)
class Joining:
    """What OPTIMIZE would do: how many small files there are, and how many they would become."""

    small_files: int
    small_bytes: int
    after: int

    @property
    def saved_files(self) -> int:
        """How many files there would be less."""
        return self.small_files - self.after


def joining_of(files: Sequence[DataFile], target_bytes: int = TARGET_FILE_BYTES) -> Joining:
    """Count the files that can be joined; files of several partitions stay apart."""
    by_partition: dict[int, list[int]] = defaultdict(list)
    for each in files:
        if each.bytes < target_bytes / SMALL_SHARE:
            by_partition[each.partition].append(each.bytes)
    several = [sizes for sizes in by_partition.values() if len(sizes) > 1]
    return Joining(
        sum(map(len, several)),
        sum(map(sum, several)),
        sum(math.ceil(max(sum(sizes), 1) / target_bytes) for sizes in several),
    )


def advice_of(facts: TableFacts, target_bytes: int = TARGET_FILE_BYTES) -> list[Advice]:
    """Return what would make a table faster to read, the most useful first."""
    found = [
        *_small_files(facts, target_bytes),
        *_large_files(facts, target_bytes),
        *_partitions(facts, target_bytes),
        *_deletion_vectors(facts),
        *_statistics(facts),
        *_clustering(facts, target_bytes),
    ]
    return [Advice(code, facts.name, reason, action) for code, reason, action in found]


Found = Iterator[tuple[str, str, str]]


def _small_files(facts: TableFacts, target_bytes: int) -> Found:
    joining = joining_of(facts.files, target_bytes)
    if joining.saved_files < MIN_SAVED_FILES:
        return
    reason = (
        f"{joining.small_files} of {len(facts.files)} files are below "
        f"{megabytes(target_bytes / SMALL_SHARE)}, {megabytes(joining.small_bytes)} in all: "
        f"joined they would be {joining.after}"
    )
    action = f"headwater ops maintain {facts.name} --apply"
    if facts.kind == "MATERIALIZED_VIEW":
        action = "None: an update that changes it writes it anew; lower its shuffle partitions."
    elif facts.spark_only:
        action = f'headwater sql "OPTIMIZE {facts.name}"'
    yield "SMALL_FILES", reason, action


def _large_files(facts: TableFacts, target_bytes: int) -> Found:
    sizes = [each.bytes for each in facts.files]
    if len(sizes) < MIN_FILES_TO_CLUSTER or max(sizes) < 2 * target_bytes:
        return
    times = max(sizes) / max(median(sizes), 1)
    if times >= SKEWED:
        reason = (
            f"The largest of {len(sizes)} files has {megabytes(max(sizes))}, "
            f"{times:.0f} times the median of {megabytes(median(sizes))}"
        )
        yield "FILE_SKEW", reason, "Write it again in more parts: OPTIMIZE does not split files."


def _partitions(facts: TableFacts, target_bytes: int) -> Found:
    sizes: dict[int, int] = defaultdict(int)
    for each in facts.files:
        sizes[each.partition] += each.bytes
    if not facts.partition_columns or len(sizes) < MIN_PARTITIONS:
        return
    largest, middle = max(sizes.values()), max(median(sizes.values()), 1)
    by = ", ".join(facts.partition_columns)
    if largest / middle >= SKEWED:
        reason = (
            f"One of {len(sizes)} partitions by {by} holds {largest / max(facts.bytes, 1):.0%} of "
            f"the bytes, {largest / middle:.0f} times the median"
        )
        yield "PARTITION_SKEW", reason, "Partition by a column that spreads rows, or cluster_by."
    if middle < target_bytes / SMALL_SHARE:
        reason = (
            f"{len(sizes)} partitions by {by} have a median of {megabytes(middle)}: each is "
            "smaller than a file should be"
        )
        yield "PARTITIONS_SMALL", reason, "Use cluster_by instead of partition_cols."


def _deletion_vectors(facts: TableFacts) -> Found:
    if facts.vector_files:
        reason = (
            f"{facts.vector_files} of {len(facts.files)} files have rows that are deleted and still"
            " read over"
        )
        yield "DELETION_VECTORS", reason, f'headwater sql "REORG TABLE {facts.name} APPLY (PURGE)"'


def _statistics(facts: TableFacts) -> Found:
    missing = sum(each.rows is None for each in facts.files)
    if missing:
        reason = f"{missing} of {len(facts.files)} files have no statistics: none can be skipped"
        yield "STATISTICS_MISSING", reason, "Write them again, with statistics switched on."


def _clustering(facts: TableFacts, target_bytes: int) -> Found:
    count = max(len(facts.files), 1)
    if count < MIN_FILES_TO_CLUSTER or facts.bytes < MIN_FILES_TO_CLUSTER * target_bytes:
        return  # joined it is a few files, of which each search opens most
    wide = [each for each in facts.ranges if each.opened_share >= CLUSTERED_SHARE]
    candidates = sorted(wide, key=lambda each: _rank(facts, each))[:MAX_CANDIDATES]
    for each in candidates:
        why = "it is a key that merges search for" if _is_key(facts, each) else ""
        why = why or ("the table is clustered by it" if each.column in facts.cluster_by else "")
        why = f"; {why}" if why else ""
        reason = (
            f"A search for one value of {each.column} opens {each.opened_share:.0%} of {count} "
            f"files, about {1 / count:.0%} if they were sorted by it{why}"
        )
        yield (
            "CLUSTERING_CANDIDATE",
            reason,
            f"If queries filter by it: cluster_by, or zorder_by: [{each.column}] of maintenance.",
        )


def _rank(facts: TableFacts, each: ColumnRange) -> tuple[bool, bool, bool, float, str]:
    is_time = each.kind.startswith(_TIMES)
    is_clustered = each.column in facts.cluster_by
    return not _is_key(facts, each), not is_clustered, not is_time, -each.opened_share, each.column


def _is_key(facts: TableFacts, each: ColumnRange) -> bool:
    return each.column.lower() in {key.lower() for key in facts.keys}


def megabytes(size: float) -> str:
    """Write a size in megabytes.

    Example:
        >>> megabytes(3 * 2**19)
        '1.5 MB'
    """
    return f"{size / MEGABYTE:.1f} MB"

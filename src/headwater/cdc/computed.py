"""Compute and keep the rows of a batch while they are used, and count what happens with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from headwater.observed import observed

Counted = tuple[DataFrame, Mapping[int | str, int]]
"""Rows, and how many of them meet each condition."""


@dataclass(frozen=True)
class ChangeCounts:
    """Rows of the target that a batch inserted or updated, and rows that it removed.

    A delete in SCD type 2 closes a row, which is an update.
    """

    upserted: int
    deleted: int


@contextmanager
def computed(
    decided: DataFrame,
    wanted: Mapping[int | str, Column],
    then: Callable[[DataFrame], DataFrame] | None = None,
) -> Iterator[Counted]:
    """Compute rows once, in one job, and count those that meet conditions.

    They are cut from the tables they come from, so that a commit to one of those drops nothing, and
    a MERGE need not keep them once more.

    Args:
        wanted: conditions to count by.
        then: what to make of the counted rows in the same job.
    """
    observation = Observation()
    numbers = [F.count_if(each).alias(str(name)) for name, each in wanted.items()]
    counted = decided.observe(observation, *numbers)
    made = counted if then is None else then(counted)
    rows = made.localCheckpoint(storageLevel=StorageLevel.MEMORY_AND_DISK)
    try:
        counted = rows if then is None else decided
        told = observed(observation) or counted.agg(*numbers).collect()[0].asDict()
        yield rows, {name: told[str(name)] or 0 for name in wanted}
    finally:
        rows._jdf.queryExecution().analyzed().rdd().unpersist(False)


@contextmanager
def kept(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep a frame's rows while they are used, so that its query runs once."""
    frame.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield frame
    finally:
        frame.unpersist()

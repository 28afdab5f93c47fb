"""Rules on the state of streams, which grows forever unless a watermark limits it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headwater.errors import Location
from headwater.finding import Finding


@dataclass(frozen=True)
class StatefulOperator:
    """An operator of a streaming query that keeps rows.

    Attributes:
        is_join: a join of two streams, else the removal of duplicates.
        has_watermark: its input, and both inputs of a join, have a watermark.
        has_watermark_in_keys: the column of the watermark is one that rows are compared by.
    """

    is_join: bool
    has_watermark: bool
    has_watermark_in_keys: bool


def check_state(
    operators: Iterable[StatefulOperator], dataset: str, where: Location
) -> list[Finding]:
    """Find the operators of one flow that keep every row forever."""
    found = [
        _join(dataset, where) if each.is_join else _duplicates(each, dataset, where)
        for each in operators
        if not each.has_watermark_in_keys and not (each.is_join and each.has_watermark)
    ]
    return list(dict.fromkeys(found))


def _join(dataset: str, where: Location) -> Finding:
    return Finding(
        "JOIN_WITHOUT_WATERMARK",
        f"The stream into '{dataset}' joins two streams without a watermark on both: its state "
        "grows forever",
        where,
        "Call withWatermark on both streams, and join on a range of their times.",
    )


def _duplicates(operator: StatefulOperator, dataset: str, where: Location) -> Finding:
    lacking = "the watermark's column among its keys" if operator.has_watermark else "a watermark"
    return Finding(
        "DEDUPLICATION_WITHOUT_WATERMARK",
        f"The stream into '{dataset}' drops duplicates without {lacking}: its state grows forever",
        where,
        "Call withWatermark, then dropDuplicatesWithinWatermark.",
    )

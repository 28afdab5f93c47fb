"""What a landing consumer counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from headwater.landing.files import Cut


class Notify(Protocol):
    """Receives what happens: a word, and counts and ids, never payloads or secrets."""

    def __call__(self, happening: str, **facts: int | float | str | None) -> None:
        """Receive an event of the loop; returns at once."""


@dataclass
class Counts:
    """Totals since the start; written by the loop's thread only.

    Attributes:
        landed: rows in files.
        rejected: events in files of rejected events.
        extras: landed rows with fields that the contract does not name.
        files: files written, or found written.
        commits: times that offsets were committed to the group.
        claims_lost: ranges that another consumer had claimed first.
        expired: offsets that the broker deleted before they were landed.
    """

    landed: int = 0
    rejected: int = 0
    extras: int = 0
    files: int = 0
    commits: int = 0
    claims_lost: int = 0
    expired: int = 0

    def add(self, cut: Cut) -> None:
        """Count a cut that is durable."""
        # of a claim that others left open, some events may be gone
        self.landed += sum(each.landed.num_rows for each in cut.rows)
        self.rejected += sum(each.rejected.num_rows for each in cut.rows)
        self.extras += sum(each.extras for each in cut.rows)
        self.files += len(cut.claim.files)

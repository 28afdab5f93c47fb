"""Decide whether a consumer that lands nothing has a reason for it; pure.

What does not live here: what is done about it (`consumer`), and reporting it (`report`).
"""

from __future__ import annotations

from dataclasses import dataclass

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Standing:
    """The state of a member in its group.

    Attributes:
        is_settled: the group has said which partitions are this member's, even if none are.
        partitions: how many it holds.
        since: when that began, on the monotonic clock.
    """

    is_settled: bool
    partitions: int
    since: float

    @property
    def word(self) -> str:
        """Name it: landing, spare (the group has more members than partitions), or waiting."""
        if self.partitions:
            return "landing"
        return "spare" if self.is_settled else "waiting"

    def fault(self, now: float) -> str:
        """Return what is wrong with it; nothing while it may still change by itself."""
        waited = now - self.since
        if self.word != "waiting" or waited <= PATIENCE_SECONDS:
            return ""
        return f"the group has assigned no partition for {waited:.0f} s"


class Movement:
    """Notices when nothing moves.

    Args:
        patience_seconds: how long that is nothing to worry about.
    """

    def __init__(self, patience_seconds: float, now: float) -> None:
        self._patience_seconds = patience_seconds
        self._since = now
        self._mark: object = None

    def has_ended(self, mark: object, now: float) -> bool:
        """Return whether `mark` has been the same for longer than the patience."""
        if mark != self._mark:
            self._mark, self._since = mark, now
        return now - self._since > self._patience_seconds

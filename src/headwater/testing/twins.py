"""What was sent and run, and the same disturbed: repeated, reversed, killed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from headwater.errors import UsageError
from headwater.testing.sources import Batch
from headwater.testing.updates import Request

Sent = tuple[str, Batch]


@dataclass(frozen=True)
class Step:
    """One update and what was sent before it.

    Attributes:
        sent: name of the source, and the batch, in order.
        time: at which the clock stood, if it did.
    """

    sent: tuple[Sent, ...]
    request: Request
    time: datetime | None = None


Disturbed = Callable[[Sequence[Step]], list[Step]]


def last_sent(steps: Sequence[Step]) -> tuple[Sent, ...]:
    """Return what was sent last."""
    return next((step.sent for step in reversed(steps) if step.sent), ())


def unharmed(steps: Sequence[Step]) -> list[Step]:
    """Return the steps without the kills that the test asked for itself."""
    return [
        replace(step, request=replace(step.request, dies_after=None, loses_commit=False))
        for step in steps
    ]


def started_over(steps: Sequence[Step]) -> list[Step]:
    """Return the steps, and one more that sends everything again."""
    again = tuple(each for step in steps for each in step.sent)
    return [*steps, Step(again, Request(), steps[-1].time)] if steps else []


def backwards(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that sent anything in reverse order, and within each what was sent.

    Raises:
        UsageError: BATCHES_TOO_FEW.
    """
    if sum(len(step.sent) for step in steps) < 2:
        raise UsageError(
            "BATCHES_TOO_FEW",
            "Fewer than two batches were sent, which have no other order",
            hint="Send the rows in two batches or more.",
        )
    return [replace(step, sent=step.sent[::-1]) for step in reversed(steps) if step.sent]


def with_kills(steps: Sequence[Step], after: str) -> list[Step]:
    """Return the steps with each update killed after a table; one at the end goes through."""
    killed = [replace(step, request=replace(step.request, dies_after=after)) for step in steps]
    return [*killed, Step((), Request(), steps[-1].time)] if steps else []

"""What to generate: the options of the command and of the function, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

VERSIONS = ("real", "old", "new")
MOST_PATIENTS = 100_000
MOST_DELIVERIES = 12
MOST_SKEW = 5.0

_EXPORTED = timedelta(days=365)
_EARLIEST, _LATEST = date(1900, 1, 1), date(2200, 1, 1)


class OptionError(ValueError):
    """An option that can't be met.

    Args:
        message: what is wrong.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} - {hint}")


@dataclass(frozen=True)
class Options:
    """Settings of generated claims; equal options give equal bytes.

    Attributes:
        patients: how many people, 1 to 100,000; a person's rows depend on the seed, the dates, the
            skew and the person's number alone.
        start_date: nothing happens before it, though people are born earlier.
        end_date: nothing happens after it, though plans are booked beyond it.
        version: layout of the columns: `real` as the files that the specification counts, `old` as
            Synthea 2, `new` as newer ones.
        anomalies: adds what rules warn of or drop; without it no rule counts anything.
        skew: 0 when people fall ill equally often. Otherwise the visits beyond the check-ups are
            multiplied by a factor of a Pareto distribution with the shape 2 / skew, at most 100;
            a patient has at most 500 visits.
        deliveries: how many folders the same rows come in.

    Raises:
        OptionError: a number out of its range, an unknown version, or dates that do not follow.
    """

    patients: int = 100
    seed: int = 7
    start_date: date = date(2014, 1, 1)
    end_date: date = date(2024, 1, 31)
    version: str = "real"
    anomalies: bool = False
    skew: float = 0.0
    deliveries: int = 1

    def __post_init__(self) -> None:
        _check_range("patients", self.patients, 1, MOST_PATIENTS)
        _check_range("deliveries", self.deliveries, 1, MOST_DELIVERIES)
        _check_range("skew", self.skew, 0, MOST_SKEW)
        _check_range("start date", self.start_date, _EARLIEST, _LATEST)
        _check_range("end date", self.end_date, _EARLIEST, _LATEST)
        if self.version not in VERSIONS:
            raise OptionError(
                f"The version {self.version!r} is not known", f"Use one of: {', '.join(VERSIONS)}."
            )
        if self.end_date - self.start_date < timedelta(days=30):
            raise OptionError(
                "The end date is not 30 days after the start date",
                "Give a start date at least 30 days before the end date.",
            )

    @property
    def complete_from(self) -> date:
        """The day from which the lines of all encounters are exported: a year before the end."""
        return self.end_date - _EXPORTED


def _check_range(name: str, value: Any, low: Any, high: Any) -> None:
    if not low <= value <= high:
        raise OptionError(
            f"The {name} is {value}, and must lie between {low} and {high}",
            f"Give a {name} within these bounds.",
        )

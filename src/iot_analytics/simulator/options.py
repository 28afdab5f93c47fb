"""What to simulate: the options of the command and functions, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from iot_analytics.simulator import moments
from iot_analytics.simulator.moments import DAY

LEAST_DEVICES = 8
MOST_DEVICES = 100_000
MOST_DAYS = 366
WAVES_A_DAY = 4
EARLIEST, LATEST = datetime(2000, 1, 1), datetime(2100, 1, 1)
"""When devices may begin to report; orders and other things are years older."""


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
    """Settings of a simulated fleet; equal options give equal bytes.

    Attributes:
        devices: how many; each role, such as a silent device, is there from 8 on.
        days: how long they report.
        waves: in how many parts of equal length their files land, at most 4 a day.
        seed: other seeds, other fleets.
        start: when they begin to report (UTC where it has no offset). Devices, orders and other
            things are older.

    Raises:
        OptionError: a number out of its range.
    """

    devices: int = 50
    days: int = 3
    waves: int = 3
    seed: int = 7
    start: datetime = datetime(2025, 1, 6)

    def __post_init__(self) -> None:
        _check_range("number of devices", self.devices, LEAST_DEVICES, MOST_DEVICES)
        _check_range("number of days", self.days, 1, MOST_DAYS)
        _check_range("number of waves", self.waves, 1, WAVES_A_DAY * self.days)
        _check_range("start", self.start.replace(tzinfo=None), EARLIEST, LATEST)

    @property
    def starts_at(self) -> int:
        """When devices begin to report."""
        return moments.at(self.start)

    @property
    def ends_at(self) -> int:
        """Nothing lands from here on."""
        return self.starts_at + self.days * DAY

    def wave_bounds(self, number: int) -> tuple[int, int]:
        """Return when a wave begins, and when the next one does; the first wave is 1.

        Raises:
            OptionError: there is no such wave.
        """
        _check_range("wave", number, 1, self.waves)
        length = self.days * DAY
        before, after = ((length * each) // self.waves for each in (number - 1, number))
        return self.starts_at + before, self.starts_at + after


def _check_range(name: str, value: Any, low: Any, high: Any) -> None:
    if not low <= value <= high:
        raise OptionError(
            f"The {name} is {value}, and must lie between {low} and {high}",
            f"Give a {name} within these bounds.",
        )

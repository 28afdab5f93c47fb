"""What a month costs, from volume, compute, duration, frequency and prices. Pure arithmetic.

A month has 730 hours. What does not live here: reading the figures (`costs_file`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MONTH_DAYS = 365 / 12
HOUR_MINUTES = 60
DAY_HOURS = 24


@dataclass(frozen=True)
class Figure:
    """A number of the file, and what it rests on.

    Attributes:
        path: where it stands, such as `workloads[ingest].nodes`, or the price that it names.
        basis: assumed, measured or quoted.
        source: who says so; may be empty.
    """

    path: str
    value: float
    basis: str = "assumed"
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as a row."""
        return {
            "figure": self.path,
            "value": self.value,
            "basis": self.basis,
            "source": self.source,
        }


@dataclass(frozen=True)
class Workload:
    """What runs on one cluster, which is started for each run and ends with it."""

    name: str
    runs_per_month: float
    nodes: float
    start_minutes: float
    work_minutes: float
    vm_price_per_hour: float
    dbu_per_node_hour: float
    dbu_price: float
    every_minutes: float | None = None


@dataclass(frozen=True)
class Storage:
    """What is stored, once as much goes as comes."""

    name: str
    gigabytes_per_month: float
    kept_months: float
    price_per_gigabyte_month: float


@dataclass(frozen=True)
class CostLine:
    """One line of an estimate; None where a column means nothing."""

    name: str
    runs_per_month: float | None
    minutes_per_run: float | None
    cost_per_run: float | None
    cost_per_month: float

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return dict(vars(self))


@dataclass(frozen=True)
class Estimate:
    """What a month costs.

    Attributes:
        figures: all numbers that it rests on.
        warnings: what can't be as the file says.
    """

    currency: str
    lines: Sequence[CostLine]
    figures: Sequence[Figure]
    warnings: Sequence[str] = ()

    @property
    def cost_per_month(self) -> float:
        """The sum of all lines."""
        return sum(each.cost_per_month for each in self.lines)

    @property
    def assumptions(self) -> list[Figure]:
        """The figures that nobody measured or quoted."""
        return [each for each in self.figures if each.basis == "assumed"]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "currency": self.currency,
            "cost_per_month": self.cost_per_month,
            "lines": [each.as_dict() for each in self.lines],
            "figures": [each.as_dict() for each in self.figures],
            "warnings": list(self.warnings),
        }


def runs_in_month(
    every_minutes: float, hours_per_day: float = DAY_HOURS, days_per_month: float = MONTH_DAYS
) -> float:
    """Return how often something runs in a month.

    Example:
        >>> runs_in_month(60)
        730.0
    """
    return hours_per_day * HOUR_MINUTES / every_minutes * days_per_month


def work_minutes_of(
    gigabytes_per_run: float, gigabytes_per_node_hour: float, nodes: float
) -> float:
    """Return how long a run takes for its volume.

    Example:
        >>> work_minutes_of(0.5, 15, 1)
        2.0
    """
    return gigabytes_per_run / (gigabytes_per_node_hour * nodes) * HOUR_MINUTES


def cost_per_run(workload: Workload) -> float:
    """Return what one run costs: machines all the time, DBUs while they work."""
    work_price_per_hour = workload.dbu_per_node_hour * workload.dbu_price
    vm_minutes = workload.start_minutes + workload.work_minutes
    per_node = vm_minutes * workload.vm_price_per_hour + workload.work_minutes * work_price_per_hour
    return per_node / HOUR_MINUTES * workload.nodes


def storage_cost_per_month(storage: Storage) -> float:
    """Return what a month of storage costs once as much goes as comes."""
    stored_gigabytes = storage.gigabytes_per_month * storage.kept_months
    return stored_gigabytes * storage.price_per_gigabyte_month


def lines_of(workloads: Sequence[Workload], storage: Sequence[Storage]) -> list[CostLine]:
    """Return what each workload and each storage costs in a month."""
    computed = [
        CostLine(
            each.name,
            each.runs_per_month,
            each.start_minutes + each.work_minutes,
            cost_per_run(each),
            each.runs_per_month * cost_per_run(each),
        )
        for each in workloads
    ]
    stored = [
        CostLine(each.name, None, None, None, storage_cost_per_month(each)) for each in storage
    ]
    return [*computed, *stored]


def warnings_of(workloads: Sequence[Workload]) -> list[str]:
    """Name the workloads whose runs would still go on when the next one starts."""
    return [
        f"A run of '{each.name}' takes {each.start_minutes + each.work_minutes:.0f} minutes and "
        f"starts every {each.every_minutes:g}: use a continuous update or fewer runs"
        for each in workloads
        if each.every_minutes and each.start_minutes + each.work_minutes > each.every_minutes
    ]

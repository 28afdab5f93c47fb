"""Sums over all people that are written at the end: what insurers paid and how busy places were.

Everything is a whole number, so that no order of adding matters. What does not live here: a single
person's sums (`ledger`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from claims_analytics.generator.coverage import Span, months_covered
from claims_analytics.generator.ledger import Ledger, money
from claims_analytics.generator.moments import at, month
from claims_analytics.generator.payers import PAYERS
from claims_analytics.generator.places import Place, provider_rows

SERVICES = ("encounters", "medications", "procedures", "immunizations")


@dataclass
class Totals:
    """Sums by payer, and visits by provider.

    Attributes:
        covered: what payers paid, in 1/100 of a cent.
        uncovered: what their members paid, in cents.
        services: how often a service was paid for, or not, by (payer, service, is paid).
        months: members by (payer, month).
        quality: quality of life scores in tenths, summed by payer.
        last_visit: when the last visit began.
    """

    covered: Counter[int] = field(default_factory=Counter)
    uncovered: Counter[int] = field(default_factory=Counter)
    services: Counter[tuple[int, str, bool]] = field(default_factory=Counter)
    customers: Counter[int] = field(default_factory=Counter)
    months: Counter[tuple[int, int]] = field(default_factory=Counter)
    quality: Counter[int] = field(default_factory=Counter)
    visits: Counter[str] = field(default_factory=Counter)
    last_visit: int = at(date.min)

    def add_person(self, spans: list[Span], last: int, ledger: Ledger, quality: int) -> None:
        """Add what one person's insurers paid, and the months that they had the person."""
        self.covered.update(ledger.covered)
        for payer in {span.payer for span in spans}:
            self.customers[payer] += 1
            self.quality[payer] += quality
        self.months.update((payer, when) for when, payer in months_covered(spans, last).items())

    def visit(self, provider: str, start: int) -> None:
        """Count a visit to a provider."""
        self.visits[provider] += 1
        self.last_visit = max(self.last_visit, start)

    def serve(self, payer: int, service: str, cents: int, paid: int) -> None:
        """Count a service and what the payer left to others."""
        self.services[payer, service, paid > 0] += 1
        self.uncovered[payer] += cents - paid

    def payer_rows(self) -> list[str]:
        """Return the rows of payers.csv."""
        return [self._payer_row(number) for number in range(len(PAYERS))]

    def organization_rows(self, places: list[Place]) -> list[str]:
        """Return the rows of organizations.csv."""
        return [place.row(self.visits[place.providers[0]]) for place in places]

    def provider_rows(self, places: list[Place], seed: int) -> list[str]:
        """Return the rows of providers.csv."""
        return provider_rows(places, seed, self.visits)

    def _months(self, payer: int) -> int:
        """Count the months of a payer's members until the month of the last visit."""
        last = month(self.last_visit)
        return sum(
            count for (of, when), count in self.months.items() if of == payer and when <= last
        )

    def _payer_row(self, number: int) -> str:
        payer, customers = PAYERS[number], self.customers[number]
        counts = ",".join(
            str(self.services[number, service, is_paid])
            for service in SERVICES
            for is_paid in (True, False)
        )
        months = _booked(self._months(number))
        covered = money((self.covered[number] + 50) // 100)
        quality = repr(self.quality[number] / customers / 10) if customers else "NaN"
        return (
            f"{payer.id},{payer.name},{payer.facts},{covered},{money(self.uncovered[number])},"
            f"{money(payer.premium * months)},{counts},{customers},{quality},{months}"
        )


def _booked(months: int) -> int:
    """Return the months that are booked: whole years ahead, so a few more than have passed."""
    return months + (months + 6) // 13

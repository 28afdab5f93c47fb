"""Claims and their transactions: who pays how much of what was charged, line by line.

A line is a CHARGE and what follows it: the copay, the insurer's share, a transfer of the rest to a
second insurer or to the patient, and that one's payment. Money is in whole cents. What does not
live here: what was done at a visit (`visits`) and the sums over all people (`totals`).
"""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

from claims_analytics.generator.codes import DEATH
from claims_analytics.generator.moments import NEVER, text
from claims_analytics.generator.payers import NO_INSURANCE, PAYERS, Payer
from claims_analytics.generator.people import Ids
from claims_analytics.generator.places import Place
from claims_analytics.generator.visits import Visit

_METHODS = ("CASH", "CC", "CHECK")
_REFS = ("1,,,", "1,2,,", "1,2,3,", "1,2,3,4")
_REFUNDS = 20  # one in so many copays above the charge is paid back in part


def money(cents: int) -> str:
    """Return an amount of cents as Synthea writes it.

    Example:
        >>> money(7749), money(-5)
        ('77.49', '-0.05')
    """
    if cents < 0:
        return f"-{money(-cents)}"
    return f"{cents // 100}.{cents % 100:02d}"


class Item(NamedTuple):
    """What is charged: a code with its text, when, for how many cents, and the copay due."""

    code: str
    text: str
    start: str
    stop: str
    cents: int
    copay: int = 0


class Account(NamedTuple):
    """A claim while its lines are posted: the insurers, and columns that all lines share.

    Attributes:
        payer: the first insurer; NO_INSURANCE for a patient who pays alone.
        secondary: the second insurer's number, 0 for none or where it pays nothing.
    """

    claim: str
    payer: Payer
    payer_number: int
    secondary: int
    place: str
    references: str
    department: str
    tail: str


class Share(NamedTuple):
    """How a charge is divided, in cents; `exact` is the insurer's share in 1/100 of a cent."""

    payer: int
    rest: int
    exact: int


class Ledger:
    """The claims and transactions of one patient.

    Attributes:
        expenses: what the patient paid, in cents.
        covered: what each insurer paid, in 1/100 of a cent, by its number.
    """

    def __init__(
        self, patient: str, number: int, dice: random.Random, new_id: Ids, *, odd: bool
    ) -> None:
        self.claims: list[str] = []
        self.transactions: list[str] = []
        self.counts: Counter[str] = Counter()
        self.expenses = 0
        self.covered: Counter[int] = Counter()
        self.patient, self.dice, self.new_id, self.odd = patient, dice, new_id, odd
        self._sequence = number * CHARGES_PER_PATIENT
        self._last_number = self._sequence + CHARGES_PER_PATIENT

    def open(self, visit: Visit, place: Place, *, has_secondary: bool = True) -> Account:
        """Write the header of a claim for a visit.

        Args:
            has_secondary: the second insurer, if there is one, pays what is left.
        """
        span, claim = visit.span, self.new_id()
        number = span.payer if span is not None else NO_INSURANCE
        secondary = span.secondary if span is not None else 0
        self._write_header(visit, claim, number, secondary, place.providers[0])
        insured = self.patient if number != NO_INSURANCE else ""
        provider = place.providers[0]
        return Account(
            claim,
            PAYERS[number],
            number,
            secondary if has_secondary else 0,
            place.id,
            _REFS[min(len(visit.diagnoses), 4) - 1],
            visit.kind.department,
            f"{visit.id},,{insured},1,{provider},{provider}",
        )

    def _write_header(
        self, visit: Visit, claim: str, payer: int, secondary: int, provider: str
    ) -> None:
        diagnoses = visit.diagnoses
        first = PAYERS[payer].id if payer != NO_INSURANCE else "0"
        second = PAYERS[secondary].id if secondary else "0"
        start, stop, department = text(visit.start), text(visit.stop), visit.kind.department
        status, left, billed = "CLOSED", "0", stop
        if visit.kind is DEATH:
            status, left, billed = "BILLED", "0.00", start
        form = "1" if visit.kind.name == "wellness" else "2"
        again = (status, left, billed, form) if secondary else ("", "", "", "0")
        self.claims.append(
            f"{claim},{self.patient},{provider},{first},{second},{department},{department},"
            f"{','.join(diagnoses)}{',' * (8 - len(diagnoses))},,{visit.id},{start},{start},"
            f"{provider},{status},{again[0]},{status},{left},{again[1]},{left},{billed},"
            f"{again[2]},{billed},{form},{again[3]}"
        )
        self.counts["diagnosis_is_diagnosis"] += diagnoses[0] == visit.kind.code
        self.counts["diagnosis_not_repeated"] += len(diagnoses) > 1 and diagnoses[0] == diagnoses[1]

    def divide(self, payer: Payer, cents: int, copay: int) -> Share:
        """Divide a charge: the copay first, then the insurer's share, then the rest."""
        rest = max(0, cents - copay)
        exact = rest * payer.percent
        share = (exact + 50) // 100
        return Share(share, rest - share, exact)

    def hide(self, account: Account, cents: int) -> int:
        """Book a charge whose line is not exported; return what the first insurer paid."""
        share = self.divide(account.payer, cents, 0)
        self._book(account, share, cents)
        return share.payer

    def post(self, account: Account, item: Item) -> int:
        """Write the line of a charge; return what the first insurer paid, in cents."""
        before, cents = len(self.transactions), item.cents
        copay = item.copay if self.odd else min(item.copay, cents)
        share = self.divide(account.payer, cents, copay if cents else 0)
        _Line(self, account, item).write(copay, share)
        self._book(account, share, cents)
        if item.stop == NEVER:
            self.counts["service_to_valid"] += len(self.transactions) - before
        self._sequence += 1
        return share.payer

    def _book(self, account: Account, share: Share, cents: int) -> None:
        self.covered[account.payer_number] += share.exact
        if account.secondary and share.rest:
            self.covered[account.secondary] += 100 * share.rest
            self.expenses += cents - share.payer - share.rest
        else:
            self.expenses += cents - share.payer

    def take_number(self) -> int:
        """Return the next CHARGEID.

        Raises:
            OverflowError: all of the patient's numbers are taken; fewer visits are allowed than
                that (`histories.MOST_VISITS`).
        """
        self._sequence += 1
        if self._sequence > self._last_number:
            raise OverflowError("A patient has more transactions than there are numbers for")
        return self._sequence - 1


CHARGES_PER_PATIENT = 20_000
"""CHARGEIDs of a patient: 100,000 people's fit into an integer of 32 bits."""


class _Line:
    """Writes the transactions of one charge."""

    def __init__(self, ledger: Ledger, account: Account, item: Item) -> None:
        self._ledger, self._account, self._item = ledger, account, item
        self._add = ledger.transactions.append
        self._new_id, self._take = ledger.new_id, ledger.take_number
        self._patient = ledger.patient
        self._middle = (
            f"{item.start},{item.stop},{account.place},{item.code},,,{account.references},1,"
            f"{account.department},{item.text}"
        )

    def write(self, copay: int, share: Share) -> None:
        """Write CHARGE, payments and transfers."""
        cents, account = self._item.cents, self._account
        is_alone = account.payer_number == NO_INSURANCE
        self._charge(money(cents), "p" if is_alone else "1")
        if not cents:
            return
        method = _METHODS[int(self._ledger.dice.random() * 3)]
        if is_alone:
            self._pay(method, cents, 0)
            return
        if copay:
            self._copay(copay, max(0, cents - copay))
        if share.payer:
            self._pay("ECHECK", share.payer, share.rest)
        if share.rest:
            self._transfer(money(share.rest), "2" if account.secondary else "p")
            self._pay("ECHECK" if account.secondary else method, share.rest, 0)

    def _copay(self, copay: int, left: int) -> None:
        self._pay("COPAY", copay, left)
        over = copay - self._item.cents
        if over > 0:
            counts = self._ledger.counts
            counts["copay_within_charge"] += 1
            if counts["copay_within_charge"] % _REFUNDS == 1:
                counts["amount_not_negative"] += 1
                self._pay("CHECK", -over, 0)
            else:
                counts["line_balances"] += over > 1

    def _charge(self, amount: str, kind: str) -> None:
        self._add(
            f"{self._new_id()},{self._account.claim},{self._take()},{self._patient},CHARGE,"
            f"{amount},,{self._middle},{amount},,{kind},,,,,{self._account.tail}"
        )

    def _pay(self, method: str, cents: int, left: int) -> None:
        self._add(
            f"{self._new_id()},{self._account.claim},{self._take()},{self._patient},PAYMENT,,"
            f"{method},{self._middle},,,,{money(cents)},,,{money(left)},{self._account.tail}"
        )

    def _transfer(self, rest: str, kind: str) -> None:
        """Move what is left: out of the first account, into the next one's."""
        account, middle, out = self._account, self._middle, self._take()
        head = f",{account.claim},{out},{self._patient},TRANSFEROUT,,,"
        self._add(f"{self._new_id()}{head}{middle},,,,,,{rest},{rest},{account.tail}")
        head = f",{account.claim},{self._take()},{self._patient},TRANSFERIN,{rest},,"
        tail = f",,{out},{kind},,,{rest},{rest},{account.tail}"
        self._add(f"{self._new_id()}{head}{middle}{tail}")

"""The rows of one person in the files that are about people; made from seed and number alone.

What does not live here: what happens (`histories`), money (`ledger`), files (`files`).
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from claims_analytics.generator import codes
from claims_analytics.generator.coverage import spans_of
from claims_analytics.generator.histories import History
from claims_analytics.generator.ledger import Account, Item, Ledger, money
from claims_analytics.generator.moments import NEVER, day, text
from claims_analytics.generator.observations import observe, observe_death, quality_of_life
from claims_analytics.generator.options import Options
from claims_analytics.generator.payers import NO_INSURANCE, PAYERS
from claims_analytics.generator.people import Ids, Person, person
from claims_analytics.generator.places import Place
from claims_analytics.generator.totals import Totals
from claims_analytics.generator.versions import HEADERS
from claims_analytics.generator.visits import Prescription, Visit


@dataclass(frozen=True)
class Chart:
    """A person's rows by file, and what the rules would count in them."""

    rows: dict[str, list[str]]
    counts: Counter[str]


def chart(options: Options, number: int, places: list[Place], totals: Totals) -> Chart:
    """Make the rows of a person and add the person's sums to `totals`."""
    dice = random.Random(f"{options.seed}/{number}")  # noqa: S311 - no secret
    new_id = Ids(dice)
    who = person(options, number, dice, new_id)
    spans = spans_of(who, dice, new_id, odd=options.anomalies)
    history = History(options, who, spans, dice, new_id)
    visits = history.visits()
    ledger = Ledger(who.id, number, dice, new_id, odd=options.anomalies)
    writer = _Writer(who, ledger, dice, new_id)
    for visit in visits:
        writer.write(visit, places[visit.place], totals)
    rows = writer.rows
    quality, scores = quality_of_life(who, history.end, dice)
    rows["observations"] += scores
    rows["payer_transitions"] = [span.row(who.id) for span in spans]
    coverage = sum((paid / 10_000 for paid in ledger.covered.values()), 0.0)
    rows["patients"] = [who.row(ledger.expenses / 100, coverage)]
    rows["claims"], rows["claims_transactions"] = ledger.claims, ledger.transactions
    totals.add_person(spans, who.last, ledger, quality)
    return Chart(rows, +(history.counts + ledger.counts))


class _Writer:
    """Writes the rows of visits."""

    def __init__(self, who: Person, ledger: Ledger, dice: random.Random, new_id: Ids) -> None:
        self.rows: dict[str, list[str]] = {table: [] for table in HEADERS}
        self._ledger = ledger
        self._who, self._dice, self._new_id = who, dice, new_id

    def write(self, visit: Visit, place: Place, totals: Totals) -> None:
        """Write all rows of a visit."""
        number = visit.span.payer if visit.span is not None else NO_INSURANCE
        account = self._ledger.open(visit, place)
        covered, total = self._bill(visit, account, totals)
        totals.visit(place.providers[0], visit.start)
        base, reason = money(visit.kind.cents), _reason(visit.reason)
        self.rows["encounters"].append(
            f"{visit.id},{text(visit.start)},{text(visit.stop)},{self._who.id},{place.id},"
            f"{place.providers[0]},{PAYERS[number].id},{visit.kind.name},{visit.kind.code},"
            f"{visit.kind.text},{base},{money(total)},{money(covered)},{reason}"
        )
        for drug in visit.drugs:
            self._prescribe(visit, drug, place, number, totals)
        self._describe(visit)
        if visit.is_exported:
            self._observe(visit)

    def _bill(self, visit: Visit, account: Account, totals: Totals) -> tuple[int, int]:
        """Post the lines of a visit; return what the insurer paid and what it cost, in cents."""
        kind, number = visit.kind, account.payer_number
        start, stop = text(visit.start), text(visit.stop)
        charge = kind.cents if kind is not codes.DEATH else 0
        copay = account.payer.copay if kind.name != "wellness" else 0
        covered = self._ledger.post(account, Item(kind.code, kind.text, start, stop, charge, copay))
        totals.serve(number, "encounters", charge, covered)
        until = NEVER if self._ledger.odd else start
        for shot in visit.shots:
            charge += codes.SHOT_CENTS
            item = Item(shot.code, shot.text, start, until, codes.SHOT_CENTS)
            paid = self._post(visit, account, item)
            covered += paid
            totals.serve(number, "immunizations", codes.SHOT_CENTS, paid)
        for each in visit.procedures:
            begin, end = text(each.start), text(each.start + 60 * each.procedure.minutes)
            item = Item(each.procedure.code, each.procedure.text, begin, end, each.charge)
            paid = self._post(visit, account, item)
            charge += each.charge
            covered += paid
            totals.serve(number, "procedures", each.charge, paid)
        return covered, charge

    def _post(self, visit: Visit, account: Account, item: Item) -> int:
        if visit.is_exported:
            return self._ledger.post(account, item)
        return self._ledger.hide(account, item.cents)

    def _prescribe(
        self, visit: Visit, made: Prescription, place: Place, number: int, totals: Totals
    ) -> None:
        account = self._ledger.open(visit, place, has_secondary=False)
        start, drug = text(made.start), made.drug
        stop = text(made.stop) if made.stop is not None else ""
        charge = made.cents if made.stop is not None else 0
        copay = account.payer.copay if account.payer.is_asking_at_pharmacies else 0
        until = stop or (NEVER if self._ledger.odd else start)
        paid = self._ledger.post(account, Item(drug.code, drug.text, start, until, charge, copay))
        totals.serve(number, "medications", charge, paid)
        self.rows["medications"].append(
            f"{start},{stop},{self._who.id},{PAYERS[number].id},{visit.id},{drug.code},{drug.text},"
            f"{money(made.cents)},{money(paid)},{made.fills},{money(made.cents * made.fills)},"
            f"{_reason(made.reason)}"
        )

    def _describe(self, visit: Visit) -> None:
        """Write what is kept of a visit for ever: conditions, plans, allergies, devices."""
        start, keys = day(visit.start), f"{self._who.id},{visit.id}"
        for found in visit.conditions:
            stop = day(found.stop) if found.stop is not None else ""
            self.rows["conditions"].append(f"{start},{stop},{keys},{','.join(found.code)}")
        for plan in visit.plans:
            stop = day(plan.stop) if plan.stop is not None else ""
            facts = f"{','.join(plan.code)},{_reason(plan.reason)}"
            self.rows["careplans"].append(f"{self._new_id()},{start},{stop},{keys},{facts}")
        for allergy in visit.allergies:
            self.rows["allergies"].append(f"{start},,{keys},{allergy}")
        if visit.has_stent:
            device = ",".join(codes.STENT_DEVICE)
            udi = f"(01){self._dice.randrange(10**13, 10**14)}(21){self._who.number}"
            self.rows["devices"].append(f"{text(visit.start)},,{keys},{device},{udi}")
        if visit.kind is codes.INPATIENT:
            for code, name, quantity in codes.SUPPLIES:
                self.rows["supplies"].append(f"{start},{keys},{code},{name},{quantity}")

    def _observe(self, visit: Visit) -> None:
        """Write what is exported for the last year only."""
        start, keys = text(visit.start), f"{self._who.id},{visit.id}"
        for shot in visit.shots:
            cost = money(codes.SHOT_CENTS)
            self.rows["immunizations"].append(f"{start},{keys},{shot.code},{shot.text},{cost}")
        for each in visit.procedures:
            begin, end = text(each.start), text(each.start + 60 * each.procedure.minutes)
            procedure = f"{each.procedure.code},{each.procedure.text},{money(each.cents)}"
            row = f"{begin},{end},{keys},{procedure},{_reason(each.reason)}"
            self.rows["procedures"].append(row)
            if each.procedure is codes.CHEST_X_RAY:
                self._image(begin, keys)
        if visit.kind.name == "wellness":
            if visit.kind is codes.DEATH:
                self.rows["observations"].append(observe_death(start, keys))
            else:
                self.rows["observations"] += observe(start, keys, self._dice)

    def _image(self, begin: str, keys: str) -> None:
        series = f"1.2.840.99999999.1.{self._dice.randrange(10**7, 10**8)}.{self._who.number}"
        self.rows["imaging_studies"].append(
            f"{self._new_id()},{begin},{keys},{series},51185008,Chest,DX,Digital Radiography,"
            f"{series}.1.{self._dice.randrange(10**9)},1.2.840.10008.5.1.4.1.1.1.1,"
            f"Digital X-Ray Image Storage,{codes.CHEST_X_RAY.code}"
        )


def _reason(code: codes.Code | None) -> str:
    return f"{code.code},{code.text}" if code is not None else ","

"""Which visits a person makes in the course of the years, and what happens at each.

Check-ups come yearly; illnesses come at random, and chronic conditions are found at check-ups.
What does not live here: rows (`charts`), and which of the odd things are on (`Options.anomalies`).
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import Counter
from typing import NamedTuple

from claims_analytics.generator import codes, oddities
from claims_analytics.generator.codes import Code, Drug, Kind, Procedure
from claims_analytics.generator.coverage import Span
from claims_analytics.generator.illnesses import ACUTE, CHRONIC, Acute, Chronic
from claims_analytics.generator.moments import DAY, WEEK, YEAR, at
from claims_analytics.generator.options import Options
from claims_analytics.generator.people import Ids, Person
from claims_analytics.generator.places import HOSPITALS, ORGANIZATIONS, URGENT_CARE
from claims_analytics.generator.visits import Condition, Performed, Plan, Prescription, Visit

MOST_VISITS = 500
_ILLNESSES_PER_YEAR = 1.0
_LARGEST_FACTOR = 100.0
_LONGEST_STAY = 6 * DAY
_WEIGHTS = [each.weight for each in ACUTE]


class _Event(NamedTuple):
    """Something that makes a person come: an illness, None for a check-up."""

    start: int
    illness: Acute | None
    is_first: bool = True


class History:
    """The visits of one person, in the order of time."""

    def __init__(
        self,
        options: Options,
        person: Person,
        spans: list[Span],
        dice: random.Random,
        new_id: Ids,
    ) -> None:
        self.person, self.dice, self.counts = person, dice, Counter[str]()
        self.odd = options.anomalies
        self.end, self.spans = at(options.end_date), spans
        self._starts = [span.start for span in spans]
        self._new_id = new_id
        self._exported_from = person.last - 365 * DAY
        self._pending = self._chronic()
        self._active: list[Chronic] = []
        self._is_allergic = False
        self._practice = _drawn(dice, HOSPITALS + URGENT_CARE, ORGANIZATIONS)
        self._factor = _factor(options.skew, dice)

    def visits(self) -> list[Visit]:
        """Return all visits; on an odd person's day of birth and after death there may be one."""
        found = [self._visit(event) for event in self._events()]
        found += self._last_hour()
        if found:
            _have_a_finding(found[0])
        if self.odd:
            oddities.disturb(self, found)
        self._diagnose(found)
        return found

    def open_visit(self, kind: Kind, start: int, place: int | None = None) -> Visit:
        """Make a visit with nothing in it, at the insurance of its time."""
        where = self._place(kind) if place is None else place
        at_span = bisect_right(self._starts, start) - 1
        span = self.spans[at_span] if at_span >= 0 else None
        if span is not None and start >= span.end:
            span = None
        minutes = kind.minutes
        if kind.name == "inpatient":
            minutes *= 1 + int(self.dice.random() * 5)
        stop = start + 60 * minutes
        return Visit(self._new_id(), kind, start, stop, where, span, start >= self._exported_from)

    def _chronic(self) -> list[tuple[int, Chronic]]:
        """Draw chronic conditions with the moments from which a check-up finds them."""
        dice, person, found = self.dice, self.person, []
        for each in CHRONIC:
            if dice.random() < each.share:
                onset = person.birth + int((each.onset + 12 * dice.random()) * 365.25) * DAY
                if onset < person.last:
                    found.append((onset, each))
        return sorted(found, key=lambda pair: pair[0])

    def _events(self) -> list[_Event]:
        person, dice = self.person, self.dice
        events = []
        start = person.first_day
        if person.age(start) > 1:
            later = start + WEEK * int(dice.random() * 53)
            start = later if later < person.last else start  # everyone comes once
        while start < person.last:
            events.append(_Event(start, None))
            start += YEAR if person.age(start) >= 3 else 26 * WEEK
        room = person.last - _LONGEST_STAY - person.first_day
        if room > 0:
            mean = _ILLNESSES_PER_YEAR * self._factor * room / (365 * DAY)
            for _ in range(min(int(mean + dice.random()), MOST_VISITS - len(events))):
                events += self._episode(person.first_day + int(dice.random() * room))
        events.sort(key=lambda event: event.start)
        return events[:MOST_VISITS]

    def _episode(self, start: int) -> list[_Event]:
        """Draw an illness for a moment; a pregnancy brings several visits."""
        illness = self.dice.choices(ACUTE, _WEIGHTS)[0]
        age = self.person.age(start)
        if not illness.ages[0] <= age <= illness.ages[1]:
            illness = ACUTE[0]
        if illness.sex == "F" and not self.person.is_female:
            illness = ACUTE[1]
        if illness.kinds[0] is not codes.PRENATAL:
            return [_Event(start, illness)]
        limit = self.person.last - _LONGEST_STAY
        starts = range(start, min(limit, start + 30 * WEEK), 6 * WEEK)
        return [_Event(each, illness, each == start) for each in starts]

    def _visit(self, event: _Event) -> Visit:
        if event.illness is None:
            return self._check_up(event.start)
        if self._active and self.dice.random() < 0.3:
            return self._follow_up(event.start)
        return self._treat(event.illness, event.start, is_first=event.is_first)

    def _check_up(self, start: int) -> Visit:
        dice, age = self.dice, self.person.age(start)
        visit = self.open_visit(codes.CHECK_UP if age >= 18 else codes.WELL_CHILD, start)
        while self._pending and self._pending[0][0] <= start:
            self._find(visit, self._pending.pop(0)[1])
        if age >= 18 and dice.random() < 0.6:
            until = start + WEEK * (1 + int(dice.random() * 60))
            finding = codes.FINDINGS[int(dice.random() * len(codes.FINDINGS))]
            visit.conditions.append(Condition(finding, self._until(until)))
        reasons = {drug: chronic for chronic in self._active for drug in chronic.drugs}
        for drug, chronic in reasons.items():
            self.prescribe(visit, drug, Code(chronic.code, chronic.text), YEAR)
        if visit.drugs or dice.random() < 0.4:
            self.perform(visit, codes.RECONCILIATION)
        for number in range(int(dice.random() * 3) if age >= 12 else 0):
            self.perform(visit, codes.ASSESSMENTS[number])
        self._vaccinate(visit, age)
        return visit

    def _find(self, visit: Visit, chronic: Chronic) -> None:
        code = Code(chronic.code, chronic.text)
        self._active.append(chronic)
        visit.conditions.append(Condition(code, None))
        if chronic.plan is not None:
            visit.plans.append(Plan(chronic.plan, code))

    def _vaccinate(self, visit: Visit, age: int) -> None:
        drawn = self.dice.random()
        if drawn < 0.7:
            visit.shots.append(codes.INFLUENZA)
        if drawn < 0.1:
            shots = codes.SHOTS_OF_ADULTS if age >= 18 else codes.SHOTS_OF_CHILDREN
            visit.shots.append(shots[int(drawn * 20)])
        if drawn > 0.985 and not self._is_allergic:
            self._is_allergic = True
            visit.allergies.extend(codes.ALLERGIES[: 1 + int(self.dice.random() * 6)])

    def _follow_up(self, start: int) -> Visit:
        kind = codes.FOLLOW_UPS[int(self.dice.random() * len(codes.FOLLOW_UPS))]
        visit = self.open_visit(kind, start)
        chronic = self._active[int(self.dice.random() * len(self._active))]
        visit.reason = Code(chronic.code, chronic.text)
        return visit

    def _treat(self, illness: Acute, start: int, *, is_first: bool) -> Visit:
        dice = self.dice
        if dice.random() < 0.08:
            return self.open_visit(codes.CONTROL, start)
        visit = self.open_visit(illness.kinds[int(dice.random() * len(illness.kinds))], start)
        code = visit.reason = Code(illness.code, illness.text)
        if is_first:
            until = self._until(start + illness.days * DAY)
            visit.conditions.append(Condition(code, until))
            if illness.plan is not None:
                visit.plans.append(Plan(illness.plan, None, until))
        for drug in illness.drugs:
            reason = code if dice.random() < 0.7 else None
            self.prescribe(visit, drug, reason, WEEK * (2 + int(dice.random() * 4)))
        for procedure in illness.procedures:
            self.perform(visit, procedure, code)
        return visit

    def _last_hour(self) -> list[Visit]:
        """Return the emergency in which a person dies."""
        death = self.person.death
        if death is None:
            return []
        visit = self.open_visit(codes.EMERGENCY, death - DAY // 8)
        visit.reason = codes.INFARCTION
        visit.conditions.append(Condition(codes.INFARCTION, None))
        self.perform(visit, codes.STENT, codes.INFARCTION)
        visit.has_stent = True
        return [visit]

    def _diagnose(self, visits: list[Visit]) -> None:
        """Put the diagnoses of claims together; without one, the encounter's code or the last."""
        latest = codes.FIRST_FINDING.code
        for visit in visits:
            found = [each.code.code for each in visit.conditions]
            latest = found[-1] if found else latest
            if visit.reason is not None:
                others = [code for code in found if self.odd or code != visit.reason.code]
                found = [visit.reason.code, *others]
            visit.diagnoses = found[:5] or [visit.kind.code if self.odd else latest]

    def prescribe(self, visit: Visit, drug: Drug, reason: Code | None, length: int) -> Prescription:
        """Add a prescription to a visit: open if it outlasts the end, cut short by death."""
        stop = self._until(visit.start + length)
        days = ((self.end if stop is None else stop) - visit.start) // DAY
        fills = max(1, min(drug.fills, days)) if stop is not None else max(1, days // 30)
        price = drug.cents * (100 + int((2 * self.dice.random() - 1) * drug.spread)) // 100
        made = Prescription(drug, reason, price, fills, visit.start, stop)
        visit.drugs.append(made)
        return made

    def perform(self, visit: Visit, procedure: Procedure, reason: Code | None = None) -> Performed:
        """Add a procedure to a visit, at a price between its lowest and highest."""
        spread = procedure.high - procedure.low
        price = procedure.low + int(self.dice.random() * spread)
        made = Performed(procedure, reason, price, price, visit.start)
        visit.procedures.append(made)
        return made

    def _until(self, moment: int) -> int | None:
        if self.person.death is not None:
            return min(moment, self.person.death)
        return moment if moment < self.end else None

    def _place(self, kind: Kind) -> int:
        if kind.name in ("wellness", "ambulatory"):
            return self._practice
        if kind.name == "urgentcare":
            return _drawn(self.dice, HOSPITALS, HOSPITALS + URGENT_CARE)
        return _drawn(self.dice, 0, HOSPITALS)


def _have_a_finding(visit: Visit) -> None:
    """Give the first visit a condition, so that there is a diagnosis to fall back on."""
    if not visit.conditions:
        visit.conditions.append(Condition(codes.FIRST_FINDING, None))


def _drawn(dice: random.Random, low: int, high: int) -> int:
    return low + int(dice.random() * (high - low))


def _factor(skew: float, dice: random.Random) -> float:
    """Draw by how much a person is more often ill than others."""
    drawn = 1.0 - dice.random()
    return min(_LARGEST_FACTOR, float(drawn ** (-skew / 2)))

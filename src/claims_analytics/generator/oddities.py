"""What is odd in Synthea's own files and trips a rule that warns: added to a person's visits.

Which person gets what follows from the person's number, so that few people suffice to have all.
Everything is counted in the history by the name of the rule. What does not live here: spoilt
bytes (`spoilage`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from claims_analytics.generator import codes
from claims_analytics.generator.moments import DAY, WEEK
from claims_analytics.generator.visits import Performed, Prescription, Visit

if TYPE_CHECKING:
    from claims_analytics.generator.histories import History

_MINUTE = 60
_NEGATIVE = -51665
_SOON = 60 * DAY


def disturb(history: History, visits: list[Visit]) -> None:
    """Add to the visits of a person what the person's number asks for."""
    for visit in visits:
        if visit.kind.name == "wellness":
            _delay(history, visit)
    number = history.person.number
    if number % 3 == 1:
        _repeat_prescription(visits)
    if number % 5 == 2:
        _dispense_too_often(history, visits)
    if number % 4 == 3:
        _overfill(history, visits)
    if number % 6 == 5:
        _outlast_plan(history, visits)
    _be_born(history, visits)
    _certify_death(history, visits)
    _count(history, visits)


def _delay(history: History, visit: Visit) -> None:
    """Let assessments follow each other past the end of the visit, and charge nothing for them."""
    moment = visit.start
    for number, each in enumerate(visit.procedures):
        if each.procedure in codes.ASSESSMENTS:
            each.start = moment
            moment += _MINUTE * each.procedure.minutes
            if each.start > visit.stop:
                each.charge = 0
                if (history.person.number + number) % 12 == 0:
                    each.cents = _NEGATIVE


def _repeat_prescription(visits: list[Visit]) -> None:
    """Prescribe a drug twice at one visit: one for the day, one for the year."""
    for visit in visits:
        for drug in visit.drugs[:1]:
            if drug.stop is not None and drug.stop > drug.start:
                twin = Prescription(drug.drug, drug.reason, drug.cents, 1, drug.start, drug.start)
                visit.drugs.append(twin)
                return


def _dispense_too_often(history: History, visits: list[Visit]) -> None:
    """Let an open prescription have been dispensed 1,218 times."""
    visit = visits[-1] if visits else None
    if visit is not None and history.person.death is None:
        made = history.prescribe(visit, codes.ALBUTEROL, None, 100_000 * DAY)
        made.fills = 1218
        history.counts["dispenses_plausible"] += 1


def _overfill(history: History, visits: list[Visit]) -> None:
    """Dispense three fills of a prescription that ends on the day it began."""
    if visits:
        visit = visits[0]
        made = Prescription(codes.AMOXICILLIN, None, 1140, 3, visit.start, visit.start)
        visit.drugs.append(made)
        history.counts["dispenses_fit_span"] += 1


def _outlast_plan(history: History, visits: list[Visit]) -> None:
    """Fetch a drug when another insurer has taken over; its row names the one of the visit."""
    payer_from = {span.start: span.payer for span in history.spans}
    for visit in visits:
        span = visit.span
        if span is None or not 0 < span.end - visit.start < _SOON:
            continue
        is_other = payer_from.get(span.end, span.payer) != span.payer
        for drug in visit.drugs if is_other else ():
            if drug.stop is not None and drug.stop > span.end + 12 * DAY and drug.fills <= 12:
                drug.start = span.end
                history.counts["medication_payer_matches_enrolment"] += 1
                return


def _be_born(history: History, visits: list[Visit]) -> None:
    """Let a newborn come a week before its first enrolment."""
    person = history.person
    if person.first_day == person.birth + WEEK and person.birth < history.end:
        visit = history.open_visit(codes.WELL_CHILD, person.birth)
        visit.shots.append(codes.SHOTS_OF_CHILDREN[0])
        visits.insert(0, visit)


def _certify_death(history: History, visits: list[Visit]) -> None:
    """Certify death a week later: billed, and for nothing."""
    death = history.person.death
    if death is not None:
        visit = history.open_visit(codes.DEATH, death + WEEK)
        visit.reason = codes.INFARCTION
        visits.append(visit)


def _count(history: History, visits: list[Visit]) -> None:
    counts, death = history.counts, history.person.death
    for visit in visits:
        keys = Counter((drug.drug.code, drug.start) for drug in visit.drugs)
        counts["unique_prescription"] += sum(count > 1 for count in keys.values())
        counts["covered_by_enrolment"] += visit.span is None
        counts["not_after_death"] += death is not None and visit.start >= death + DAY
        counts["status_closed"] += visit.kind is codes.DEATH
        if visit.is_exported:
            counts["within_encounter"] += sum(_is_late(visit, each) for each in visit.procedures)
            counts["cost_not_negative"] += sum(each.cents < 0 for each in visit.procedures)
            counts["zero_charge_procedures"] += sum(not each.charge for each in visit.procedures)


def _is_late(visit: Visit, performed: Performed) -> bool:
    return performed.start > visit.stop

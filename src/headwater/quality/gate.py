"""Compare what was measured with the limits of a pipeline. Pure.

What could not be measured is a breach: a gate that passes for want of data is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from headwater.events.report import RuleTotals
from headwater.quality.limits import ALL_RULES, Limits, RuleLimit, TableLimit
from headwater.quality.measures import MeasuredUpdate

OK, BREACH = "ok", "BREACH"

_SKEW_HOURS = 1 / 60
"""By how much clocks of two machines may differ."""

Rows = Callable[[str, datetime | None], int | None]
"""Count the rows of a table, now or as they were at a time; None if there is no such table."""


@dataclass(frozen=True)
class Verdict:
    """One limit, and what was measured.

    Attributes:
        subject: the update, a rule with its table, or a table.
        measure: what is limited, as in the file of limits.
        measured: None if it could not be measured.
        note: why not, or what it was compared with.
    """

    subject: str
    measure: str
    measured: float | str | None
    allowed: str
    holds: bool
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as a row."""
        return {
            "subject": self.subject,
            "measure": self.measure,
            "measured": self.measured,
            "allowed": self.allowed,
            "verdict": OK if self.holds else BREACH,
            "note": self.note,
        }


def judge(
    limits: Limits, updates: Sequence[MeasuredUpdate], rows: Rows, now: datetime
) -> list[Verdict]:
    """Judge the last update of a pipeline, and its tables as they are.

    The baseline is the last update before it that succeeded.

    Args:
        updates: the last one first.
        now: in UTC.
    """
    last = updates[0] if updates else None
    if last is None:
        return [Verdict("update", "state", None, "COMPLETED", False, "no update has run")]
    baseline = next((each for each in updates[1:] if each.succeeded), None)
    return [
        *_of_update(limits, last, now),
        *_of_rules(limits, updates, baseline),
        *_of_tables(limits.tables, baseline, rows),
    ]


def _of_update(limits: Limits, last: MeasuredUpdate, now: datetime) -> Iterator[Verdict]:
    yield of_state("update", "state", last)
    if limits.max_minutes is not None:
        yield _at_most("update", "max_minutes", last.minutes, limits.max_minutes, "it has no end")
    if limits.max_age_hours is not None:
        age = None if last.ended is None else (now - last.ended) / timedelta(hours=1)
        yield of_age("update", age, limits.max_age_hours, "it has no end")


def of_state(subject: str, measure: str, update: MeasuredUpdate) -> Verdict:
    """Judge how an update ended."""
    is_stopped = update.succeeded and update.state != "COMPLETED"
    note = "a continuous update that was stopped" if is_stopped else ""
    return Verdict(subject, measure, update.state, "COMPLETED", update.succeeded, note)


def of_age(subject: str, hours: float | None, allowed: float, missing: str) -> Verdict:
    """Judge an age; one below zero is none, for a clock was set back.

    Args:
        missing: why there is no age, if there is none.
    """
    if hours is not None and hours < -_SKEW_HOURS:
        hours, missing = None, "it ended in the future: a clock was set back"
    return _at_most(subject, "max_age_hours", hours, allowed, missing)


def _of_rules(
    limits: Limits, updates: Sequence[MeasuredUpdate], baseline: MeasuredUpdate | None
) -> Iterator[Verdict]:
    named = {(each.name, each.dataset): each for each in updates[0].rules_since}
    before = {(each.name, each.dataset): each for each in baseline.rules_since} if baseline else {}
    judged = {key for key, each in named.items() if each.failed_share is not None}
    rules = sorted(limits.rules, key=lambda each: each.rule == ALL_RULES)
    own = {key for key in judged for each in rules if each.rule == key[0] and _meant(each, key)}
    for limit in rules:
        meant = [key for key in named if key in judged and _meant(limit, key)]
        found = [key for key in meant if limit.rule != ALL_RULES or key not in own]
        if not meant:
            subject = f"{limit.rule} of {limit.table}" if limit.table else limit.rule
            measure = "max_failed_share" if limit.max_failed_share is not None else "max_increase"
            allowed = getattr(limit, measure)
            rests = limits.allow_no_new_rows and _has_measured(limit, updates)
            note = "no new rows" if rests else "it saw no rows"
            yield Verdict(subject, measure, None, f"<= {allowed:g}", rests, note)
        for key in found:
            yield from _of_rule(limit, key, named, before)


def _has_measured(limit: RuleLimit, updates: Sequence[MeasuredUpdate]) -> bool:
    """Whether a rule has ever seen rows: one that is misspelt has not."""
    return any(
        rule.failed_share is not None and _meant(limit, (rule.name, rule.dataset))
        for update in updates
        for rule in update.rules
    )


def _of_rule(
    limit: RuleLimit,
    key: tuple[str, str],
    now: Mapping[tuple[str, str], RuleTotals],
    before: Mapping[tuple[str, str], RuleTotals],
) -> Iterator[Verdict]:
    subject = f"{key[0]} of {key[1]}"
    share = now[key].failed_share
    if limit.max_failed_share is not None:
        yield _at_most(subject, "max_failed_share", share, limit.max_failed_share, "")
    if limit.max_increase is not None:
        was = before[key].failed_share if key in before else None
        more = None if was is None or share is None else share - was
        yield _at_most(subject, "max_increase", more, limit.max_increase, "there is no baseline")


def _of_tables(
    limits: Sequence[TableLimit], baseline: MeasuredUpdate | None, rows: Rows
) -> Iterator[Verdict]:
    for limit in limits:
        count = rows(limit.table, None)
        missing = "there is no one table of this name, or its files are gone"
        if limit.min_rows is not None:
            holds = count is not None and count >= limit.min_rows
            note = missing if count is None else ""
            yield Verdict(limit.table, "min_rows", count, f">= {limit.min_rows}", holds, note)
        if limit.max_change is not None:
            was = rows(limit.table, baseline.ended) if baseline else None
            change = None if count is None or was is None else abs(count - was) / max(was, 1)
            note = missing if count is None else "there is no baseline"
            yield _at_most(limit.table, "max_change", change, limit.max_change, note)


def _at_most(
    subject: str, measure: str, measured: float | None, allowed: float, missing: str
) -> Verdict:
    shown = None if measured is None else round(measured, 9)
    holds = measured is not None and (
        measured <= allowed or math.isclose(measured, allowed)  # 0.4 - 0.1 is a bit above 0.3
    )
    note = missing if measured is None else ""
    return Verdict(subject, measure, shown, f"<= {allowed:g}", holds, note)


def _meant(limit: RuleLimit, key: tuple[str, str]) -> bool:
    name, dataset = key
    if limit.rule not in (ALL_RULES, name):
        return False
    parts = limit.table.lower().split(".") if limit.table else []
    return not parts or dataset.lower().split(".")[-len(parts) :] == parts

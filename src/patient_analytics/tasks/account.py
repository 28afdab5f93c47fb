"""Hold what the last update counted against what was sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.errors import UpdateError
from headwater.quality.session import updates_in_session
from patient_analytics.tasks.parameters import LANDING, RUN, TABLE
from patient_analytics.tasks.simulate import read_truth

PARAMETERS = (LANDING, TABLE, RUN)

COUNTED_BY = {
    "invalid_age": "valid_age",
    "future_admission": "admission_not_in_future",
    "missing_key": "patient_id_present",
    "department_typo": "known_department",
}
"""Kinds of faults, and the rule that counts each."""


def account_for(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Check that each rule of silver counted just the faults that were sent; only reads.

    Raises:
        UpdateError: ACCOUNT_WRONG, with the counts of each rule that differs.
        UsageError: TRUTH_MISSING.
    """
    truth = read_truth(parameters["landing_path"], parameters["run_id"])
    updates = updates_in_session(spark, parameters["table"])
    rules = {each.name: each for each in updates[0].rules} if updates else {}
    wrong = []
    for kind, rule in COUNTED_BY.items():
        told, sent = rules.get(rule), truth.get(kind, 0)
        counted = None if told is None else told.failed_records
        if counted != sent:
            wrong.append(f"{rule}: {counted} counted, {sent} sent")
        elif told is not None and told.passed_records + told.failed_records != truth["events"]:
            seen = told.passed_records + told.failed_records
            wrong.append(f"{rule}: saw {seen} events, {truth['events']} sent")
    if wrong:
        raise UpdateError(
            "ACCOUNT_WRONG",
            "The update did not count what was sent: " + "; ".join(wrong),
            hint="Events of others may have landed with these: run the job again.",
        )
    return {"rules": len(COUNTED_BY), "events": truth["events"]}

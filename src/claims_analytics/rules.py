"""The rules of each fact: a row passes only when the condition IS TRUE.

`warn` counts. `drop` counts and withholds the row. `fail` stops the load, and nothing is written.
A rule about a line or a claim asks one of its rows, so that it counts lines or claims. A row that
is dropped counts there alone: `warn` and `fail` of a fact ask those that stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of a dataset: name -> SQL condition."""

    warn: Mapping[str, str]
    drop: Mapping[str, str]
    fail: Mapping[str, str]

    @property
    def sound(self) -> str:
        """SQL condition of the rows that no rule drops: a fact has it as column `is_sound`."""
        return " AND ".join(f"coalesce({condition}, false)" for condition in self.drop.values())


def _of_fact(*, warn: Mapping[str, str], drop: Mapping[str, str], fail: Mapping[str, str]) -> Rules:
    """Make rules of which `warn` and `fail` pass what a rule drops."""
    return Rules(warn=_of_sound(warn), drop=drop, fail=_of_sound(fail))


def _of_sound(rules: Mapping[str, str]) -> Mapping[str, str]:
    return {name: f"NOT is_sound OR ({condition})" for name, condition in rules.items()}


def _of_line(condition: str) -> str:
    return f"NOT starts_line OR ({condition})"


def _of_claim(condition: str) -> str:
    return f"NOT starts_claim OR has_header IS NULL OR ({condition})"


CLAIMS = _of_fact(
    warn={
        "service_to_valid": "service_to IS NOT NULL",
        "copay_within_charge": _of_line("line_copay_amount <= line_claim_amount"),
        "line_balances": _of_line("line_balance BETWEEN -0.01 AND 0.01"),
        "diagnosis_is_diagnosis": _of_claim("first_is_diagnosis"),
        "diagnosis_not_repeated": _of_claim("NOT first_is_repeated"),
        "status_closed": _of_claim(
            "claim_status_primary = 'CLOSED' AND claim_status_patient = 'CLOSED'"
        ),
        "category_known": _of_line("claim_category <> 'other'"),
        "claim_header_exists": "has_header",
        "patient_exists": "has_patient",
        "encounter_exists": "has_encounter",
        "amount_not_negative": "claim_amount >= 0 AND least_amount >= 0",
        "charge_is_units_times_price": "NOT starts_line OR charged_as_priced",
        "line_has_charge": "line_charges = 1",
        "incurred_date_known": "incurred_date IS NOT NULL",
        "transfers_balance": _of_line("line_transfer_in_amount = line_transfer_out_amount"),
    },
    drop={
        "transaction_id_present": "transaction_id IS NOT NULL",
        "claim_id_present": "claim_id IS NOT NULL",
        "patient_id_present": "patient_id IS NOT NULL",
        "type_known": "transaction_type IN"
        " ('CHARGE', 'PAYMENT', 'ADJUSTMENT', 'TRANSFERIN', 'TRANSFEROUT')",
        "money_parses": "money_parses",
    },
    fail={
        # without a charge that a rule has dropped, a claim that begins with another row is broken
        "one_charge_per_line": "line_charges = 1 OR (line_charges = 0 AND claim_has_unsound)",
    },
)

_CLASSES = (
    "ambulatory",
    "outpatient",
    "inpatient",
    "emergency",
    "urgentcare",
    "wellness",
    "home",
    "hospice",
    "snf",
    "virtual",
)

ENCOUNTERS = _of_fact(
    warn={
        "class_known": f"encounter_class IN ({', '.join(map(repr, _CLASSES))})",
        "not_after_death": "died_on IS NULL OR service_date <= died_on",
        "covered_by_enrolment": "size(payers) > 0",
        "payer_matches_enrolment": "size(payers) = 0 OR array_contains(payers, payer_id)",
        "coverage_within_cost": "payer_coverage <= encounter_cost",
        "stop_parses": "stop_parses",
        "stop_not_before_start": "stop_ts IS NULL OR stop_ts >= start_ts",
    },
    drop={
        "encounter_id_present": "encounter_id IS NOT NULL",
        "patient_id_present": "patient_id IS NOT NULL",
        "start_parses": "start_ts IS NOT NULL",
    },
    fail={},
)

MEDICATIONS = _of_fact(
    warn={
        "unique_prescription": "NOT is_first OR occurrence = 1",
        "natural_key_in_two_files": "NOT is_first OR occurrence > 1 OR in_one_file",
        "dispenses_present": "NOT is_first OR dispenses >= 1",
        "dispenses_plausible": "NOT is_first OR dispenses IS NULL OR dispenses <= 1000",
        "dispenses_fit_span": "NOT is_first OR is_open OR dispenses IS NULL"
        " OR dispenses <= greatest(span_days, 1)",
        "total_is_base_times_dispenses": "NOT is_first OR total_cost = base_cost * dispenses",
        "stop_parses": "NOT is_first OR stop_parses",
        "stop_not_before_start": "NOT is_first OR stopped_on IS NULL OR stopped_on >= started_on",
        "payer_matches_enrolment": "NOT is_first OR size(payers) = 0"
        " OR array_contains(payers, payer_id)",
    },
    drop={
        "patient_id_present": "patient_id IS NOT NULL",
        "code_present": "drug_code IS NOT NULL",
        "start_parses": "start_ts IS NOT NULL",
        "cost_parses": "cost_parses",
    },
    fail={},
)

PROCEDURES = _of_fact(
    warn={
        "cost_not_negative": "procedure_cost >= 0",
        "stop_parses": "stop_parses",
        "encounter_exists": "has_encounter",
        "within_encounter": "has_encounter IS NULL OR encounter_stop IS NULL"
        " OR start_ts BETWEEN encounter_start AND encounter_stop",
        "natural_key_unique": "occurrence = 1",
        "natural_key_in_two_files": "occurrence > 1 OR in_one_file",
    },
    drop={
        "patient_id_present": "patient_id IS NOT NULL",
        "code_present": "procedure_code IS NOT NULL",
        "start_parses": "start_ts IS NOT NULL",
    },
    fail={},
)

BRONZE = Rules(
    warn={
        "row_fits_header": "_rescued_data IS NULL",
    },
    drop={},
    fail={},
)

DIAGNOSES = Rules(
    warn={
        "diagnosis_mapped": "icd10cm_code IS NOT NULL",
    },
    drop={},
    fail={},
)

LANDED_FILES = Rules(
    warn={
        "file_missing": "last_ingest_run_id = newest_ingest_run_id",
    },
    drop={},
    fail={},
)

PAYER_MEMBER_MONTHS = Rules(
    warn={
        "member_months_plausible": "member_months BETWEEN 0.85 * delivered_member_months"
        " AND delivered_member_months",
    },
    drop={},
    fail={},
)

MEMBER_MONTHS = Rules(
    warn={
        "insured_claim_without_enrolment": "total_cost = 0 OR member_months = 1",
        "not_overpaid": "patient_overpaid <= 0.01",
    },
    drop={},
    fail={
        "key_unique": "rows_of_key = 1",
        "months_contiguous": "months_since_last IS NULL OR months_since_last = 1",
        "row_money_adds_up": "total_cost + self_pay_cost = gross_cost"
        " AND medical_cost + pharmacy_cost = gross_cost"
        " AND gross_cost = payer_paid + patient_responsibility + adjusted"
        " AND patient_paid = patient_responsibility + patient_overpaid",
        "no_raw_identifier": "member_key RLIKE '^[0-9a-f]{64}$' AND NOT patient_id <=> payer_id"
        " AND NOT patient_id <=> age_band AND patient_id NOT IN (member_key, zip3)",
    },
)

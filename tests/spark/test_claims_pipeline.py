"""The pipeline `claims` on generated files in three deliveries: nothing is lost, nothing doubled.

Materialized views are computed anew by each update, so counts of their rules are those of the last
one; counts of bronze are those of the rows that an update read. Deliveries 2 and 3 come in one
update: the run that brings a correction also brings what is newer than it.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from claims_analytics.anonymisation import member_key
from claims_analytics.bronze import RESCUED, RUN_COLUMNS
from claims_analytics.generator import Options, Report, generate
from claims_analytics.gold import history
from claims_analytics.silver.facts import FACTS, Fact
from claims_analytics.sources import SOURCES, Source
from claims_layers import EQUATIONS
from claims_reconciliation import (
    Ledger,
    Row,
    drop_counts,
    months_of_members,
    read_folder,
    warn_counts,
)
from claims_run import SECRET, Made, made_once, make, total

OPTIONS = Options(patients=20, seed=11, start_date=date(2022, 6, 1), anomalies=True, deliveries=3)

GOLD = "member_monthly_snapshot_gold"
NAMED_OTHERWISE = {
    "encounter_payer_matches_enrolment": ("encounters", "payer_matches_enrolment"),
    "medication_payer_matches_enrolment": ("medications", "payer_matches_enrolment"),
}
"""Rules of the report that two facts have."""

READ_FROM = {"claims": "claims_transactions"}
"""Fact -> its file, where that has another name."""


class Delivery(NamedTuple):
    """What was sent: three folders of files, and the same rows in a single one."""

    files: list[dict[str, list[Row]]]
    report: Report
    whole: Ledger


@pytest.fixture(scope="module")
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Made, Delivery]:
    """Run the pipeline on delivery 1, then on deliveries 2 and 3."""

    def run_pipeline() -> tuple[Made, Delivery]:
        sent, whole = tmp_path_factory.mktemp("sent"), tmp_path_factory.mktemp("whole")
        report = generate(OPTIONS, sent)
        generate(dataclasses.replace(OPTIONS, deliveries=1), whole)
        folders: list[Path] = sorted(sent.iterdir())
        spark = request.getfixturevalue("spark")
        made = make(spark, tmp_path_factory.mktemp("claims"), [folders[:1], folders[1:]])
        files = [read_folder(each) for each in folders]
        return made, Delivery(files, report, Ledger(read_folder(whole)))

    return made_once(tmp_path_factory, "claims", run_pipeline)


@pytest.fixture(scope="module")
def made(run: tuple[Made, Delivery]) -> Made:
    return run[0]


@pytest.fixture(scope="module")
def sent(run: tuple[Made, Delivery]) -> Delivery:
    return run[1]


# bronze


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_bronze_has_the_rows_of_its_files(made: Made, sent: Delivery, source: Source) -> None:
    lines = sum(len(files.get(source.name, [])) for files in sent.files)
    assert len(made.rows(source.table)) == lines


def test_bronze_is_text(made: Made) -> None:
    types = {
        kind
        for columns in made.types.values()
        for name, kind in columns.items()
        if name not in RUN_COLUMNS
    }
    assert types == {"string"}


@pytest.mark.parametrize("name", sorted(SOURCES.keys() - {"observations", "providers"}))
def test_bronze_has_the_values_of_its_files(made: Made, sent: Delivery, name: str) -> None:
    columns = SOURCES[name].columns
    lines = (row for files in sent.files for row in files.get(name, []))
    wanted = Counter(tuple(row.get(each) or None for each in columns) for row in lines)
    found = Counter(
        tuple(row.get(each) for each in columns) for row in made.rows(SOURCES[name].table)
    )
    assert found == wanted


def test_bronze_has_a_column_that_came_later(made: Made) -> None:
    known = Counter(each["STATUS"] for each in made.rows("bronze_observations"))
    assert known["final"] > 0 < known[None]


def test_bronze_has_one_run_for_each_update(made: Made) -> None:
    runs = {each["ingest_run_id"] for s in SOURCES.values() for each in made.rows(s.table)}
    assert len(runs) == 2


def test_bronze_tells_of_fields_too_many_and_of_other_encodings(made: Made, sent: Delivery) -> None:
    counts: Counter[str] = Counter()
    for broken in made.broken:
        counts.update({name: n for (name, rule), n in broken.items() if rule == "row_fits_header"})
    assert counts == {
        "bronze_observations": sent.report.damaged["ragged_long"],
        "bronze_providers": sent.report.damaged["wrong_encoding"],
    }


def test_bronze_keeps_what_does_not_fit(made: Made, sent: Delivery) -> None:
    rescued = [each[RESCUED] for each in made.rows("bronze_observations") if each[RESCUED]]
    assert len(rescued) == sent.report.damaged["ragged_long"]
    assert all('"_c10"' in each for each in rescued)


# rules


def test_rules_warn_as_the_report_says(made: Made, sent: Delivery) -> None:
    warned = {
        (fact.name, rule): made.broken[-1][f"{fact.name}_checked", rule]
        for fact in FACTS
        for rule in fact.rules.warn
        if (f"{fact.name}_checked", rule) in made.broken[-1]
    }
    told = dict(sent.report.counts)
    del told["zero_charge_procedures"]
    fact_of = {rule: fact.name for fact in FACTS for rule in fact.rules.warn}
    assert warned == {
        NAMED_OTHERWISE.get(rule) or (fact_of[rule], rule): count for rule, count in told.items()
    }


def test_rules_drop_as_the_report_says(made: Made, sent: Delivery) -> None:
    dropped = {
        f"{READ_FROM.get(fact.name, fact.name)}.{rule}": made.broken[-1][
            f"{fact.name}_checked", rule
        ]
        for fact in FACTS
        for rule in fact.rules.drop
        if (f"{fact.name}_checked", rule) in made.broken[-1]
    }
    assert dropped == sent.report.dropped


def test_report_says_what_the_reconciliation_counts(sent: Delivery) -> None:
    told = {n: c for n, c in sent.report.counts.items() if n != "zero_charge_procedures"}
    assert told == warn_counts(sent.whole)
    assert sent.report.dropped == drop_counts(sent.whole.raw)


def test_late_headers_are_missed_until_they_come(made: Made, sent: Delivery) -> None:
    first, last = made.broken
    rule = ("claims_checked", "claim_header_exists")
    assert first[rule] >= sent.report.delivered["late_claims"] > 0
    assert rule not in last


def test_months_of_members_break_one_rule_at_most(made: Made) -> None:
    broken = {rule for name, rule in made.broken[-1] if name == "member_months_checked"}
    assert broken == {"not_overpaid"}


def test_kinds_that_a_run_does_without_are_counted(made: Made, sent: Delivery) -> None:
    for broken, files in zip(made.broken, (sent.files[:1], sent.files[1:]), strict=True):
        brought = {kind for each in files for kind, rows in each.items() if rows}
        missing = len(SOURCES.keys() - brought)
        assert broken.get(("landed_files", "file_missing"), 0) == missing


def test_insurers_count_as_many_months(made: Made) -> None:
    assert ("payer_member_months", "member_months_plausible") not in made.broken[-1]
    counted = sum(each["member_months"] for each in made.rows("payer_member_months"))
    assert counted == made.total(GOLD, "member_months") > 0


def test_snapshot_tells_the_month_under_way(made: Made) -> None:
    last = max(each["service_date"] for each in made.rows(FACTS[1].table))
    months = made.rows("member_monthly_snapshot")
    assert len(months) == len(made.rows(GOLD))
    for each in months:
        is_over = (last.year, last.month) > (each["year"], each["month"])
        assert each["is_partial_month"] is not is_over


# rows and money


@pytest.mark.parametrize("name", EQUATIONS)
def test_equation_holds(made: Made, sent: Delivery, name: str) -> None:
    left, right = EQUATIONS[name](made, sent.whole)
    assert left == right


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.name)
def test_fact_has_one_row_for_each_key(made: Made, fact: Fact) -> None:
    keys = [tuple(each[name] for name in fact.key) for each in made.rows(fact.table)]
    assert len(set(keys)) == len(keys) > 0


def test_corrected_encounters_cost_what_came_last(made: Made, sent: Delivery) -> None:
    first, second = ({e["Id"]: e for e in files["encounters"]} for files in sent.files[:2])
    again = first.keys() & second.keys() - {""}
    cost = {each["encounter_id"]: each["encounter_cost"] for each in made.rows(FACTS[1].table)}
    assert len(again) == sent.report.delivered["corrected_encounters"] > 0
    for key in again:
        assert first[key]["TOTAL_CLAIM_COST"] != second[key]["TOTAL_CLAIM_COST"]
        assert cost[key] == Decimal(second[key]["TOTAL_CLAIM_COST"])


def test_corrected_prescriptions_have_no_surplus_fill(made: Made, sent: Delivery) -> None:
    found = Counter((e["encounter_id"], e["drug_code"]) for e in made.rows(FACTS[2].table))
    wanted: Counter[tuple[str, str]] = Counter()
    for each in sent.whole.tables["medications"]:
        wanted[each["ENCOUNTER"], each["CODE"]] += int(each["DISPENSES"])
    assert sent.report.delivered["corrected_prescriptions"] > 0
    assert found == wanted


def test_member_months_are_those_of_enrolments(made: Made, sent: Delivery) -> None:
    found = {
        (each["member_key"], f"{each['snapshot_month']:%Y-%m}"): each["payer_id"]
        for each in made.rows(GOLD)
        if each["member_months"]
    }
    wanted = months_of_members(sent.whole).items()
    assert found == {(key_of(patient), month): payer for (patient, month), payer in wanted}


def test_procedures_stand_in_their_own_month(made: Made, sent: Delivery) -> None:
    found: Counter[str] = Counter()
    for each in made.rows(GOLD):
        found[f"{each['snapshot_month']:%Y-%m}"] += each["procedures"]
    assert +found == Counter(each["START"][:7] for each in sent.whole.tables["procedures"])


def test_members_have_one_row_a_month_without_gap(made: Made) -> None:
    months: dict[str, list[int]] = {}
    for each in made.rows(GOLD):
        months.setdefault(each["member_key"], []).append(each["year"] * 12 + each["month"])
    for each in map(sorted, months.values()):
        assert each == list(range(each[0], each[0] + len(each)))


def test_members_are_all_patients(made: Made, sent: Delivery) -> None:
    patients = {each["Id"] for each in sent.whole.tables["patients"]}
    assert {each["member_key"] for each in made.rows(GOLD)} == set(map(key_of, patients))


def test_gold_notes_the_newest_run(made: Made) -> None:
    newest = max(each["ingest_run_id"] for each in made.rows("bronze_encounters"))
    assert {each["max_ingest_run_id"] for each in made.rows(GOLD)} == {newest}


# dimensions


def test_redelivered_file_makes_no_version(made: Made, sent: Delivery) -> None:
    moved = {each["Id"] for each in sent.files[2]["patients"]}
    versions = Counter(each["patient_id"] for each in made.rows("dim_patient"))
    rows = Counter(each["Id"] for each in made.rows("bronze_patients"))
    assert len(moved) == sent.report.delivered["moved_patients"] > 0
    assert set(rows.values()) == {2, 3}
    assert {each: versions[each] for each in rows} == {
        each: 2 if each in moved else 1 for each in rows
    }


def test_moved_patients_have_versions_that_follow_each_other(made: Made, sent: Delivery) -> None:
    for row in sent.files[2]["patients"]:
        found = [each for each in made.rows("dim_patient") if each["patient_id"] == row["Id"]]
        before, now = sorted(found, key=lambda each: each["effective_from"])
        assert before["effective_from"] == datetime(1900, 1, 1)
        assert before["effective_to"] == now["effective_from"]
        assert (now["effective_to"], now["is_current"], before["is_current"]) == (None, True, False)
        assert now["address"] == row["ADDRESS"] != before["address"]


@pytest.mark.parametrize("prefix", ["patient", "provider"])
def test_versions_of_auto_cdc_are_those_of_the_batch(made: Made, prefix: str) -> None:
    kept, batch = made.versions[prefix]
    assert sorted(kept, key=repr) == sorted(batch, key=repr)
    assert kept


@pytest.mark.parametrize("prefix", ["patient", "provider"])
def test_dimension_has_one_row_for_what_is_unknown(made: Made, prefix: str) -> None:
    keys = [each[f"{prefix}_sk"] for each in made.rows(f"dim_{prefix}")]
    assert keys.count(history.UNKNOWN) == 1
    assert len(set(keys)) == len(keys)


def test_patients_come_without_numbers_of_documents(made: Made) -> None:
    assert made.rows("dim_patient")[0].keys().isdisjoint({"ssn", "drivers", "passport"})


def test_dates_have_no_gap(made: Made) -> None:
    days = sorted(each["date"] for each in made.rows("dim_date"))
    assert all((after - day).days == 1 for day, after in itertools.pairwise(days))
    assert (days[0].month, days[0].day, days[-1].month, days[-1].day) == (1, 1, 12, 31)


def test_diagnoses_are_there_once(made: Made, sent: Delivery) -> None:
    codes = [each["code"] for each in made.rows("dim_diagnosis")]
    assert len(set(codes)) == len(codes)
    assert sent.whole.diagnoses <= set(codes)


# who is who


def key_of(patient: str) -> str:
    return member_key(SECRET.encode(), patient)


@pytest.mark.parametrize("table", [GOLD, "member_yearly_public"])
def test_gold_holds_no_id_of_a_patient(made: Made, sent: Delivery, table: str) -> None:
    ids = {each["Id"] for each in sent.whole.tables["patients"]}
    ids |= {each["MEMBERID"] for each in sent.whole.tables["payer_transitions"]} - {""}
    held = {str(value) for each in made.rows(table) for value in each.values()}
    assert held.isdisjoint(ids)


def test_public_groups_have_11_members_at_least(made: Made) -> None:
    assert all(each["members"] >= 11 for each in made.rows("member_yearly_public"))


def test_secret_is_in_no_file_of_the_state(made: Made) -> None:
    assert any("member_keys" in each for each in made.files)
    assert made.telling == []


def test_secret_is_in_no_event(made: Made) -> None:
    assert "member_keys" in str(made.events)
    assert SECRET not in str(made.events)


def test_secret_is_in_no_plan(made: Made) -> None:
    assert "MapInArrow" in made.plan
    assert SECRET not in made.plan


def test_dashboard_tells_what_gold_holds(made: Made) -> None:
    assert set(made.dashboard) == {"pmpm_trend", "risk_tiers", "utilisation"}
    months = made.rows("member_monthly_snapshot")
    whole = sorted({row["snapshot_month"] for row in months if not row["is_partial_month"]})
    # Lines are there for one year: what a trend shows before it are gaps of the export.
    recent = [row for row in months if row["snapshot_month"] in whole[-12:]]
    trend = made.dashboard["pmpm_trend"]
    assert [row["snapshot_month"] for row in trend] == whole[-12:]
    assert total(trend, "insured_cost") == total(recent, "total_cost")
    assert total(made.dashboard["risk_tiers"], "members") == total(months, "member_months")
    assert total(made.dashboard["utilisation"], "fills") == total(recent, "fills")

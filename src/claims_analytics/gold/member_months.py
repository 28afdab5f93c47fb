"""member_monthly_snapshot_gold: what a member cost and needed in a month, and the risk of more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from claims_analytics.bronze import current, delivered
from claims_analytics.enrolment import without_insurance
from claims_analytics.gold import monthly_facts as monthly
from claims_analytics.gold.history import UNKNOWN, in_force
from claims_analytics.gold.member_grid import insured_months, last_year, member_grid
from claims_analytics.gold.reference import RESTRICTED_ZIP3, chronic_category
from claims_analytics.gold.risk import age_band, age_in_years, risk_score, risk_tier
from claims_analytics.silver.encounters import deaths
from claims_analytics.sources import SOURCES
from claims_analytics.values import MONEY, day, names

READS = ("payer_transitions", "payers", "patients", "conditions")
"""Bronze tables that gold reads beside silver."""

MEMBERS_IN = {
    "patients": "Id",
    "payer_transitions": "PATIENT",
    "encounters": "PATIENT",
    "claims_transactions": "PATIENTID",
    "medications": "PATIENT",
    "procedures": "PATIENT",
}
"""File -> its column that names a patient who may be a member."""

COLUMNS = names(
    "member_key anon_key_version snapshot_month year month payer_id member_months visit_cost"
    " procedure_cost immunization_cost other_cost pharmacy_cost medical_cost gross_cost total_cost"
    " self_pay_cost payer_paid secondary_paid patient_responsibility patient_paid patient_overpaid"
    " pmpm_cost pmpm_rolling_12m encounter_list_cost unitemised_cost pharmacy_list_cost encounters"
    " ambulatory_visits outpatient_visits wellness_visits urgentcare_visits other_visits er_visits"
    " inpatient_admissions inpatient_days procedures fills days_supply distinct_drugs_90d"
    " chronic_condition_count chronic_conditions risk_score risk_tier age_band gender zip3 state"
    " max_ingest_run_id gold_updated_at"
)

_MONEY = (
    *monthly.CATEGORIES,
    *names("total_cost self_pay_cost adjusted payer_paid secondary_paid patient_paid"),
    "encounter_list_cost",
    "pharmacy_list_cost",
)
_COUNTS = names(
    "encounters ambulatory_visits outpatient_visits wellness_visits urgentcare_visits other_visits"
    " er_visits inpatient_admissions inpatient_days procedures fills days_supply distinct_drugs_90d"
)


@dataclass(frozen=True, slots=True)
class Silver:
    """The four facts."""

    claims: DataFrame
    encounters: DataFrame
    medications: DataFrame
    procedures: DataFrame


def known_as_of(silver: Silver) -> DataFrame:
    """Return one row: `as_of_date`, the greatest day on which an encounter starts."""
    return silver.encounters.agg(F.max("service_date").alias("as_of_date"))


def member_ids(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return the ids of patients who may have months, as often as rows name them.

    Args:
        bronze: the tables of `MEMBERS_IN`, or streams of them.

    Returns:
        `patient_id`, `ingest_run_id`.
    """
    parts = [
        delivered(bronze[name], SOURCES[name]).select(
            F.col(column).alias("patient_id"), "ingest_run_id"
        )
        for name, column in MEMBERS_IN.items()
    ]
    return reduce(DataFrame.union, parts).where("patient_id IS NOT NULL")


def member_months(
    silver: Silver,
    bronze: Mapping[str, DataFrame],
    patients: DataFrame,
    *,
    keys: DataFrame,
    as_of: DataFrame,
    updated_at: Column | None = None,
) -> DataFrame:
    """Make one row per member and month.

    Args:
        silver: the facts.
        bronze: the tables of `READS`.
        patients: dim_patient.
        keys: `patient_id`, `member_key`, `anon_key_version`.
        as_of: one row: `as_of_date`.
        updated_at: when the rows are written; the last change of silver when not given.

    Returns:
        `COLUMNS`, none of which holds an id of a patient, and what `rules.MEMBER_MONTHS` asks
        about.
    """
    due = silver.medications.join(F.broadcast(as_of)).where("fill_date <= as_of_date")
    happened = {
        "ledger": monthly.ledger_by_month(silver.claims, without_insurance(bronze)),
        "encounters": monthly.encounters_by_month(silver.encounters),
        "procedures": monthly.procedures_by_month(silver.procedures),
        "fills": monthly.fills_by_month(due),
    }
    grid = member_grid(monthly.months_of(happened), insured_months(bronze), deaths(bronze), as_of)
    facts = monthly.beside(grid, happened | {"drugs": monthly.drugs_by_month(due)})
    counted = _with_costs(_zeroed(facts))
    described = _with_person(_with_conditions(counted, bronze), patients)
    newest = _newest(silver, updated_at)
    keyed = _with_risk(described).join(keys, "patient_id").join(F.broadcast(newest))
    return _placed(keyed)


def member_monthly_snapshot(months: DataFrame, as_of: DataFrame) -> DataFrame:
    """Add to each month whether it was over on the last day that is known.

    Args:
        months: member_monthly_snapshot_gold.
        as_of: one row: `as_of_date`.

    Returns:
        `COLUMNS` and `is_partial_month`: what happens later in the month is still to come.
    """
    is_partial = F.col("as_of_date") < F.last_day("snapshot_month")
    joined = months.join(F.broadcast(as_of))
    return joined.select(*COLUMNS, is_partial.alias("is_partial_month"))


def _placed(rows: DataFrame) -> DataFrame:
    """Add how often a key is there, and how far the month before is."""
    by_member = Window.partitionBy("patient_id").orderBy("snapshot_month")
    before = F.lag("snapshot_month").over(by_member)
    return rows.withColumns(
        {
            "rows_of_key": F.count("*").over(Window.partitionBy("patient_id", "snapshot_month")),
            "months_since_last": F.months_between("snapshot_month", before),
        }
    )


def _zeroed(facts: DataFrame) -> DataFrame:
    """Return 0 where nothing happened."""
    zeros = {name: F.coalesce(name, F.lit(0).cast(MONEY)) for name in _MONEY}
    return facts.withColumns(zeros | {name: F.coalesce(name, F.lit(0)) for name in _COUNTS})


def _with_costs(facts: DataFrame) -> DataFrame:
    """Add sums of sums, and what follows from them for each member and month."""
    col = F.col
    medical = (
        col("visit_cost") + col("procedure_cost") + col("immunization_cost") + col("other_cost")
    )
    costs = facts.withColumn("medical_cost", medical.cast(MONEY)).withColumn(
        "gross_cost", (col("medical_cost") + col("pharmacy_cost")).cast(MONEY)
    )
    owed = col("gross_cost") - col("adjusted") - col("payer_paid")
    year = last_year()
    year_cost, year_months = (
        F.sum("total_cost").over(year),
        F.sum("member_months").over(year),
    )
    return costs.withColumns(
        {
            "patient_responsibility": owed.cast(MONEY),
            "patient_overpaid": (col("patient_paid") - owed).cast(MONEY),
            "unitemised_cost": (col("encounter_list_cost") - col("medical_cost")).cast(MONEY),
            "pmpm_cost": F.when(col("member_months") > 0, col("total_cost")),
            "pmpm_rolling_12m": F.when(year_months > 0, year_cost / year_months).cast(MONEY),
            "year_gross": F.sum("gross_cost").over(year),
            "year_admissions": F.sum("inpatient_admissions").over(year),
            "year_er_visits": F.sum("er_visits").over(year),
            "year": F.year("snapshot_month"),
            "month": F.month("snapshot_month"),
        }
    )


def _with_conditions(rows: DataFrame, bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Add the chronic conditions that a member had in a month."""
    conditions = current(bronze["conditions"], SOURCES["conditions"]).select(
        F.col("PATIENT").alias("patient_id"),
        chronic_category(F.col("CODE")).alias("category"),
        day("START").alias("since"),
        day("STOP").alias("until"),
    )
    chronic = conditions.where("category IS NOT NULL AND since IS NOT NULL")
    by_patient = chronic.groupBy("patient_id").agg(
        F.collect_set(F.struct("category", "since", "until")).alias("chronic")
    )
    first_day, next_month = F.col("snapshot_month"), F.add_months("snapshot_month", 1)
    had = F.filter(
        F.coalesce("chronic", F.array()),
        lambda each: (each.since < next_month) & (each.until.isNull() | (each.until >= first_day)),
    )
    names = F.array_sort(F.array_distinct(F.transform(had, lambda each: each.category)))
    joined = rows.join(by_patient, "patient_id", "left").withColumn("chronic_conditions", names)
    return joined.withColumn("chronic_condition_count", F.size("chronic_conditions"))


def _with_person(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """Add what was known of the person at the end of the month: coarse, no birth date."""
    version = patients.where(F.col("patient_id") != UNKNOWN).select(
        "patient_id",
        "gender",
        "state",
        F.lpad(F.substring_index("zip", "-", 1), 5, "0").alias("zip"),  # 2155-1234 is of 02155
        F.to_date("birthdate").alias("born_on"),
        "effective_from",
        "effective_to",
    )
    end = F.to_timestamp(F.add_months("snapshot_month", 1)) - F.expr("INTERVAL 1 MICROSECOND")
    rows, version = rows.alias("m"), version.alias("p")
    held = (F.col("m.patient_id") == F.col("p.patient_id")) & in_force("p", end)
    zip3 = F.substring("zip", 1, 3)
    known = zip3.isNotNull() & ~zip3.isin(*RESTRICTED_ZIP3)
    age = age_in_years(F.col("born_on"), F.least(F.last_day("snapshot_month"), F.col("died_on")))
    return rows.join(version, held, "left").select(
        "m.*",
        "gender",
        "state",
        F.when(known, zip3).otherwise("000").alias("zip3"),
        age.alias("age"),
    )


def _with_risk(rows: DataFrame) -> DataFrame:
    scored = rows.withColumns({"risk_score": risk_score(), "age_band": age_band(F.col("age"))})
    return scored.withColumn("risk_tier", risk_tier(F.col("risk_score")))


def _newest(silver: Silver, updated_at: Column | None) -> DataFrame:
    """Return one row: the newest run that silver holds, and when gold was written."""
    facts = (silver.claims, silver.encounters, silver.medications, silver.procedures)
    runs = [each.select("ingest_run_id", "silver_updated_at") for each in facts]
    rows = runs[0].union(runs[1]).union(runs[2]).union(runs[3])
    last = F.max("silver_updated_at")
    return rows.agg(
        F.max("ingest_run_id").alias("max_ingest_run_id"),
        (last if updated_at is None else updated_at).alias("gold_updated_at"),
    )

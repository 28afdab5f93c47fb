"""claims_silver: one row per transaction, the one ledger of money."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from claims_analytics.bronze import current, delivered, narrowed
from claims_analytics.diagnoses import DIAGNOSED_IN, diagnosis_codes
from claims_analytics.enrolment import without_insurance
from claims_analytics.rules import CLAIMS
from claims_analytics.sources import SOURCES
from claims_analytics.values import (
    EPOCH,
    MONEY,
    all_of,
    money,
    month,
    names,
    no_money,
    number,
    reads,
    time,
)

READS = (
    "claims_transactions",
    "claims",
    "encounters",
    "medications",
    "immunizations",
    "procedures",
    "patients",
    "payers",
    *(name for name in DIAGNOSED_IN if name not in ("encounters", "medications", "procedures")),
)
"""Bronze tables that this fact reads."""

COLUMNS = names(
    "transaction_id claim_id patient_id encounter_id provider_id organization_id"
    " charge_sequence line_number transaction_type payment_method transfer_type"
    " claim_amount payment_amount payer_payment_amount secondary_payment_amount"
    " patient_payment_amount copay_amount adjustment_amount transfer_in_amount"
    " transfer_out_amount units unit_amount outstanding_after service_from service_to"
    " incurred_date incurred_month service_code service_description service_code_system"
    " claim_category claim_kind claim_form payer_id secondary_payer_id diagnosis_codes"
    " primary_diagnosis_code claim_status_primary claim_status_patient ingest_run_id source_file"
    " silver_updated_at"
)
"""Of the table; what the rules ask about comes beside them and is left out of it."""

_DIAGNOSES = tuple(f"DIAGNOSIS{place}" for place in range(1, 9))
_REFERENCES = tuple(f"DIAGNOSISREF{place}" for place in range(1, 5))
AMOUNTS = (
    "AMOUNT",
    "UNITAMOUNT",
    "PAYMENTS",
    "ADJUSTMENTS",
    "TRANSFERS",
    "OUTSTANDING",
)
"""Columns of a transaction that hold money."""

_NARROWED = {
    # all versions of an id: an older one must not come back for an affected claim
    "claims_transactions": {"ID": "transaction_id"},
    "claims": {"Id": "claim_id"},
    "encounters": {"Id": "encounter_id"},
    "medications": {"ENCOUNTER": "encounter_id"},
    "immunizations": {"ENCOUNTER": "encounter_id"},
    "procedures": {"ENCOUNTER": "encounter_id"},
    "patients": {"Id": "patient_id"},
}
"""File -> its column, and that of the keys which says what rows of some claims are made from."""


def claim_lines(
    bronze: Mapping[str, DataFrame], updated_at: Column, keys: DataFrame | None = None
) -> DataFrame:
    """Make the ledger: each transaction with its claim, its line and what the line is for.

    Args:
        bronze: the tables of `READS`.
        updated_at: when the rows are written.
        keys: of the claims to make, as `touched.claims` finds them; None makes all.

    Returns:
        `COLUMNS`, and what `rules.CLAIMS` asks about. Joins never multiply rows. With keys, rows
        of other claims may be there, unfinished.
    """
    codes = diagnosis_codes(bronze)
    bronze = narrowed(bronze, keys, _NARROWED)
    rows = _placed(_transactions(bronze))
    joined = (
        rows.join(_headers(bronze, codes), "claim_id", "left")
        .join(_encounters(bronze), "encounter_id", "left")
        .join(_patients(bronze), "patient_id", "left")
        .join(F.broadcast(without_insurance(bronze)))
    )
    for name in ("medications", "immunizations", "procedures"):
        joined = joined.join(_services(bronze, name), ["encounter_id", "line_code"], "left")
    return _described(joined).withColumn("silver_updated_at", updated_at)


def _when(kind: str, amount: Column) -> Column:
    """Return an amount of a type of transaction; others have none."""
    return F.when(F.col("transaction_type") == kind, amount).otherwise(no_money())


def _transactions(bronze: Mapping[str, DataFrame]) -> DataFrame:
    """Return the current transactions, typed."""
    rows = current(bronze["claims_transactions"], SOURCES["claims_transactions"])
    parses = [reads(name, money(name)) for name in AMOUNTS]
    typed = rows.select(
        F.col("ID").alias("transaction_id"),
        F.col("CLAIMID").alias("claim_id"),
        F.col("PATIENTID").alias("patient_id"),
        F.col("APPOINTMENTID").alias("encounter_id"),
        F.col("PROVIDERID").alias("provider_id"),
        F.col("PLACEOFSERVICE").alias("organization_id"),
        number("CHARGEID").alias("charge_sequence"),
        F.col("TYPE").alias("transaction_type"),
        F.col("METHOD").alias("payment_method"),
        F.col("TRANSFERTYPE").alias("transfer_type"),
        F.col("PROCEDURECODE").alias("service_code"),
        F.col("NOTES").alias("service_description"),
        *(money(name).alias(name.lower()) for name in AMOUNTS),
        number("UNITS").alias("units_delivered"),
        time("FROMDATE").alias("service_from"),
        time("TODATE").alias("to_date"),
        (F.col("TODATE") == EPOCH).alias("ends_at_epoch"),
        F.array(*map(number, _REFERENCES)).alias("references"),
        all_of(*parses).alias("money_parses"),
        "ingest_run_id",
        "source_file",
        "ingest_timestamp",
    )
    is_charge = F.col("transaction_type") == "CHARGE"
    return typed.withColumns(
        {
            "least_amount": F.least(*(F.col(name.lower()) for name in AMOUNTS)),
            "is_sound": F.expr(CLAIMS.sound),
            "is_charge": F.coalesce(is_charge, F.lit(False)),
            "claim_amount": _when("CHARGE", F.col("amount")),
            "payment_amount": _when("PAYMENT", F.col("payments")),
            "adjustment_amount": _when("ADJUSTMENT", F.col("adjustments")),
            "transfer_in_amount": _when("TRANSFERIN", F.col("transfers")),
            "transfer_out_amount": _when("TRANSFEROUT", F.col("transfers")),
            "units": F.when(is_charge, F.col("units_delivered")).otherwise(0),
            "unit_amount": F.col("unitamount"),
            "outstanding_after": F.col("outstanding"),
        }
    )


def _placed(rows: DataFrame) -> DataFrame:
    """Add the place of each transaction in its claim, and the sums of its line."""
    # a row that a rule drops must not move the lines of those that stay
    by_claim = Window.partitionBy("claim_id", "is_sound").orderBy(
        "charge_sequence", "transaction_id"
    )
    up_to_here = by_claim.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    by_line = Window.partitionBy("claim_id", "is_sound", "line_number")
    line = F.sum(F.col("is_charge").cast("int")).over(up_to_here).cast("int")
    before = F.lag(F.struct("transaction_type", "transfer_type")).over(by_claim)
    after_secondary = (before["transaction_type"] == "TRANSFERIN") & (
        before["transfer_type"] == "2"
    )
    paid, method = F.col("payment_amount"), F.col("payment_method")
    placed = rows.withColumns(
        {
            "line_number": line,
            "starts_claim": F.row_number().over(by_claim) == 1,
            "claim_from": F.first("service_from").over(up_to_here),
            "payer_payment_amount": F.when(method == "ECHECK", paid).otherwise(no_money()),
            "patient_payment_amount": F.when(method.eqNullSafe("ECHECK"), no_money()).otherwise(
                paid
            ),
            "copay_amount": F.when(method == "COPAY", paid).otherwise(no_money()),
            "secondary_payment_amount": F.when(
                (method == "ECHECK") & after_secondary, paid
            ).otherwise(no_money()),
        }
    )
    sums = (
        "claim_amount payment_amount adjustment_amount copay_amount transfer_in_amount"
        " transfer_out_amount"
    )
    return placed.withColumns(
        {
            "line_code": F.max(F.when(F.col("is_charge"), F.col("service_code"))).over(by_line),
            "line_charges": F.sum(F.col("is_charge").cast("int")).over(by_line),
            "claim_has_unsound": F.bool_or(~F.col("is_sound")).over(Window.partitionBy("claim_id")),
            **{f"line_{name}": F.sum(name).over(by_line) for name in names(sums)},
        }
    )


def _headers(bronze: Mapping[str, DataFrame], codes: DataFrame) -> DataFrame:
    """Return the current claims, and which of their codes are diagnoses."""
    claims = current(bronze["claims"], SOURCES["claims"]).where("Id IS NOT NULL")
    given = F.transform(F.array(*map(F.col, _DIAGNOSES)), lambda code: F.trim(code))
    claims = claims.withColumn("diagnoses", given)
    known = (
        claims.select("Id", F.explode("diagnoses").alias("code"))
        .join(F.broadcast(codes), "code", "left_semi")
        .groupBy("Id")
        .agg(F.collect_set("code").alias("known"))
    )
    return claims.join(known, "Id", "left").select(
        F.col("Id").alias("claim_id"),
        F.lit(True).alias("has_header"),
        time("SERVICEDATE").alias("incurred_at"),
        F.when(F.col("HEALTHCARECLAIMTYPEID1") == "1", "professional")
        .when(F.col("HEALTHCARECLAIMTYPEID1") == "2", "institutional")
        .alias("claim_form"),
        F.col("PRIMARYPATIENTINSURANCEID").alias("primary_insurance"),
        F.when(
            F.col("SECONDARYPATIENTINSURANCEID") != "0", F.col("SECONDARYPATIENTINSURANCEID")
        ).alias("secondary_payer_id"),
        F.col("STATUS1").alias("claim_status_primary"),
        F.col("STATUSP").alias("claim_status_patient"),
        "diagnoses",
        F.coalesce("known", F.array().cast("array<string>")).alias("known"),
    )


def _encounters(bronze: Mapping[str, DataFrame]) -> DataFrame:
    rows = current(bronze["encounters"], SOURCES["encounters"]).where("Id IS NOT NULL")
    return rows.select(
        F.col("Id").alias("encounter_id"),
        F.col("CODE").alias("encounter_code"),
        F.lit(True).alias("has_encounter"),
    )


def _patients(bronze: Mapping[str, DataFrame]) -> DataFrame:
    ids = bronze["patients"].select(F.col("Id").alias("patient_id")).where("Id IS NOT NULL")
    return ids.distinct().withColumn("has_patient", F.lit(True))


def _services(bronze: Mapping[str, DataFrame], name: str) -> DataFrame:
    """Return which codes a file has in which encounters, as `in_<name>`."""
    rows = delivered(bronze[name], SOURCES[name])
    pairs = rows.select(
        F.col("ENCOUNTER").alias("encounter_id"), F.col("CODE").alias("line_code")
    ).distinct()
    return pairs.withColumn(f"in_{name}", F.lit(True))


def _described(joined: DataFrame) -> DataFrame:
    """Add what the joined rows say about a line: category, payer, diagnoses, dates."""
    is_visit = (F.col("line_number") == 1) & (F.col("line_code") == F.col("encounter_code"))
    category = (
        F.when(F.col("in_medications"), "medication")
        .when(is_visit, "visit")
        .when(F.col("in_immunizations"), "immunization")
        .when(F.col("in_procedures"), "procedure")
        .otherwise("other")
    )
    referred = F.transform("references", lambda place: F.get("diagnoses", place - 1))
    diagnosed = F.array_distinct(F.filter(referred, lambda code: code.isNotNull()))
    known = F.filter("diagnosis_codes", lambda code: F.array_contains("known", code))
    incurred = F.to_date(F.coalesce("incurred_at", "claim_from"))
    first = F.get("diagnoses", 0)
    others = F.slice("diagnoses", 2, 7)
    named = joined.withColumns(
        {
            "claim_category": category,
            "diagnosis_codes": F.when(F.col("has_header"), diagnosed),
            "incurred_date": incurred,
            "incurred_month": month(incurred),
            "payer_id": F.when(
                F.col("primary_insurance") == "0", F.col("no_insurance_id")
            ).otherwise(F.col("primary_insurance")),
            "service_to": F.when(
                ~F.col("ends_at_epoch") & (F.col("to_date") >= F.col("service_from")),
                F.col("to_date"),
            ),
            "starts_line": F.col("is_charge"),
            "first_is_diagnosis": first.isNull() | F.array_contains("known", first),
            "first_is_repeated": F.exists(others, lambda code: code.eqNullSafe(first))
            & first.isNotNull(),
        }
    )
    return named.withColumns(
        {
            "primary_diagnosis_code": F.get(known, 0),
            "claim_kind": F.when(F.col("claim_category") == "medication", "pharmacy").otherwise(
                "medical"
            ),
            "service_code_system": F.when(F.col("claim_category") == "medication", "RXNORM")
            .when(F.col("claim_category") == "immunization", "CVX")
            .otherwise("SNOMED-CT"),
            "line_balance": F.col("line_claim_amount")
            - F.col("line_adjustment_amount")
            - F.col("line_payment_amount"),
            "charged_as_priced": F.col("claim_amount")
            == (F.col("units") * F.col("unit_amount")).cast(MONEY),
        }
    )

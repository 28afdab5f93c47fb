"""Load gold: dimensions, and the member's month with its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import functions as F

from claims_analytics import rules
from claims_analytics.anonymisation import SCOPE, key_name, with_member_keys
from claims_analytics.gold import history, member_months, public, reference
from claims_analytics.gold.payer_months import payer_member_months
from claims_analytics.silver import facts
from claims_analytics.sources import SOURCES
from claims_analytics.tasks.control import Control
from claims_analytics.tasks.parameters import AS_OF_DATE, KEY_VERSION, TABLES
from claims_analytics.tasks.places import Places, overwrite
from claims_analytics.tasks.staging import Staging, broken
from headwater.errors import UpdateError
from headwater.tasks.steps import Step, go_on

DIMENSION_PARAMETERS = TABLES
PARAMETERS = (*TABLES, AS_OF_DATE, KEY_VERSION)

MEMBER_MONTHS = "member_monthly_snapshot_gold"
PAYER_MONTHS = "payer_member_months"


def load_dimensions(
    spark: Any, parameters: Mapping[str, str], step: Step = go_on
) -> dict[str, Any]:
    """Overwrite the dimensions from all of bronze; each in one commit.

    Returns:
        The number of tables, and how many codes of diagnoses broke each rule.
    """
    places = Places.of(parameters)
    bronze = places.bronze(spark, SOURCES)
    made = {
        "dim_date": reference.dim_date(bronze),
        "dim_diagnosis": reference.dim_diagnosis(bronze),
    }
    for dimension in (history.PATIENT, history.PROVIDER):
        versions = history.versions(bronze[dimension.source.name], dimension)
        made[f"dim_{dimension.prefix}"] = history.dimension_table(versions, dimension)
    made["dim_provider"] = history.with_organization(made["dim_provider"], bronze["organizations"])
    for name, each in made.items():
        step(name)
        overwrite(each, places.table(name))
    diagnoses = spark.table(places.table("dim_diagnosis"))
    return {"tables": len(made), "rules": broken(diagnoses, rules.DIAGNOSES)}


def load_member_months(
    spark: Any, parameters: Mapping[str, str], secrets: Any, step: Step = go_on
) -> dict[str, Any]:
    """Overwrite the member's month, and what is made of it, each in one commit.

    Args:
        spark: the session.
        parameters: of `PARAMETERS`.
        secrets: `dbutils.secrets`: scope `claims` has the key of members.
        step: told of each step.

    Raises:
        UpdateError: SILVER_MISSING, SECRET_TOO_SHORT.
        Exception: what `secrets` raises without the secret. Nothing is written then.
    """
    places = Places.of(parameters)
    version = int(parameters["key_version"])
    secret = secrets.get(SCOPE, key_name(version))
    silver = _silver(spark, places)
    bronze = places.bronze(spark, {*member_months.READS, *member_months.MEMBERS_IN})
    ids = member_months.member_ids(bronze).select("patient_id").distinct()
    as_of = member_months.known_as_of(silver)
    if parameters["as_of_date"]:
        as_of = as_of.select(F.to_date(F.lit(parameters["as_of_date"])).alias("as_of_date"))
    try:
        keys = with_member_keys(ids, secret, version)
    except ValueError as error:
        raise UpdateError("SECRET_TOO_SHORT", str(error)) from None
    rows = member_months.member_months(
        silver,
        bronze,
        spark.table(places.table("dim_patient")),
        keys=keys,
        as_of=as_of,
        updated_at=F.current_timestamp(),
    )
    staging = Staging(spark, places, MEMBER_MONTHS, member_months.COLUMNS, rules.MEMBER_MONTHS)
    staging.stage(rows)
    step("write")
    overwrite(staging.kept(), places.table(MEMBER_MONTHS))
    step("summaries")
    months = spark.table(places.table(MEMBER_MONTHS))
    summaries = {
        "member_monthly_snapshot": member_months.member_monthly_snapshot(months, as_of),
        "member_yearly_public": public.member_yearly_public(months),
        PAYER_MONTHS: payer_member_months(months, bronze),
    }
    for name, summary in summaries.items():
        overwrite(summary, places.table(name))
    step("note")
    _note(Control(spark, places), as_of.collect()[0].as_of_date)
    told = staging.told()
    of_payers = broken(spark.table(places.table(PAYER_MONTHS)), rules.PAYER_MEMBER_MONTHS)
    staging.clear()
    return {**told, "rules": {**told["rules"], **of_payers}}


def _note(control: Control, as_of: Any) -> None:
    """Note as of which date the member's month is, which the checks go by."""
    loaded = {fact.table: control.loaded(fact.table) for fact in facts.FACTS}
    known = [run_id for run_id in loaded.values() if run_id]
    control.set_loaded(MEMBER_MONTHS, loaded, min(known, default=None), as_of)


def _silver(spark: Any, places: Places) -> member_months.Silver:
    tables = {fact.name: places.table(fact.table) for fact in facts.FACTS}
    missing = [name for name, table in tables.items() if not spark.catalog.tableExists(table)]
    if missing:
        raise UpdateError(
            "SILVER_MISSING",
            f"Facts were never loaded: {', '.join(missing)}",
            hint="Run the job daily_silver_load, which loads them first.",
        )
    return member_months.Silver(**{name: spark.table(table) for name, table in tables.items()})

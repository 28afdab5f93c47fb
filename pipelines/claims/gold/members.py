"""Gold: what a member cost and needed in each month."""

from pyspark import pipelines as dp

from claims_analytics import anonymisation, rules
from claims_analytics.bronze import tables
from claims_analytics.gold import member_months as gold
from claims_analytics.gold import payer_months, public
from claims_analytics.silver.facts import FACTS

KEY_VERSION = int(spark.conf.get("anon_key_version"))  # noqa: F821 - a global of pipeline source


def silver():
    """Return the four facts."""
    return gold.Silver(**{fact.name: spark.read.table(fact.table) for fact in FACTS})  # noqa: F821


@dp.temporary_view
def member_ids():
    """Hash each id that new rows name; the secret goes to the workers alone."""
    secret = dbutils.secrets.get(  # noqa: F821
        anonymisation.SCOPE, anonymisation.key_name(KEY_VERSION)
    )
    streams = tables(spark.readStream, gold.MEMBERS_IN)  # noqa: F821
    return anonymisation.with_member_keys(gold.member_ids(streams), secret, KEY_VERSION)


# kept by a stream: a function of ours in a view would have gold made anew in each update
dp.create_streaming_table(
    "member_keys", private=True, comment="Keys of members: only here beside the ids"
)

dp.create_auto_cdc_flow(
    target="member_keys",
    source="member_ids",
    keys=["patient_id"],
    sequence_by="ingest_run_id",
    except_column_list=["ingest_run_id"],
    stored_as_scd_type=1,
)


@dp.temporary_view
@dp.expect_all(rules.MEMBER_MONTHS.warn)
@dp.expect_all_or_fail(rules.MEMBER_MONTHS.fail)
def member_months_checked():
    """Put all that happened to a member beside each month of membership."""
    facts = silver()
    return gold.member_months(
        facts,
        tables(spark.read, gold.READS),  # noqa: F821
        spark.read.table("dim_patient"),  # noqa: F821
        keys=spark.read.table("member_keys"),  # noqa: F821
        as_of=gold.known_as_of(facts),
    )


@dp.materialized_view(
    comment="One row per member and month: cost, use, risk",
    table_properties={"quality": "gold"},
)
def member_monthly_snapshot_gold():
    """Leave out the ids, and what only the rules ask about."""
    return spark.read.table("member_months_checked").select(*gold.COLUMNS)  # noqa: F821


@dp.materialized_view(
    comment="The member's month, and whether it is over",
    table_properties={"quality": "gold"},
)
def member_monthly_snapshot():
    """Tell the month that is under way from those that are over."""
    months = spark.read.table("member_monthly_snapshot_gold")  # noqa: F821
    return gold.member_monthly_snapshot(months, gold.known_as_of(silver()))


@dp.materialized_view(
    comment="Months of members of each insurer, counted and as delivered",
    table_properties={"quality": "gold"},
)
@dp.expect_all(rules.PAYER_MEMBER_MONTHS.warn)
def payer_member_months():
    """Put what the insurers' file says beside what gold counts."""
    months = spark.read.table("member_monthly_snapshot_gold")  # noqa: F821
    return payer_months.payer_member_months(months, tables(spark.read, payer_months.READS))  # noqa: F821


@dp.materialized_view(
    comment="Members by year, age, gender and state; groups under 11 are left out",
    table_properties={"quality": "gold"},
)
def member_yearly_public():
    """Count members in groups that are large enough to tell."""
    return public.member_yearly_public(spark.read.table("member_monthly_snapshot_gold"))  # noqa: F821

"""Gold: patients and providers with their history, diagnoses, dates."""

from pyspark import pipelines as dp

from claims_analytics.bronze import tables
from claims_analytics.diagnoses import DIAGNOSED_IN
from claims_analytics.gold import history, reference
from claims_analytics.rules import DIAGNOSES


def declare(dimension):
    """Declare a dimension with history: AUTO CDC keeps the versions, a view dates them."""
    source, versions = dimension.source, f"{dimension.prefix}_versions"

    @dp.temporary_view(name=f"{dimension.prefix}_changes")
    def changes():
        return history.changes(spark.readStream.table(source.table), dimension)  # noqa: F821

    dp.create_streaming_table(
        versions, comment=f"What each delivery changed of a {dimension.prefix}"
    )
    dp.create_auto_cdc_flow(
        target=versions,
        source=f"{dimension.prefix}_changes",
        keys=[dimension.key],
        sequence_by="delivered_in",
        except_column_list=["delivered_in"],
        stored_as_scd_type=2,
        track_history_column_list=[name.lower() for name in dimension.tracked],
    )

    @dp.materialized_view(
        name=f"dim_{dimension.prefix}",
        comment=f"One row per {dimension.prefix} and version, and one for what is unknown",
        table_properties={"quality": "gold"},
    )
    def dated():
        rows = history.dimension_table(spark.read.table(versions), dimension)  # noqa: F821
        if dimension is history.PROVIDER:
            known = tables(spark.read, ["organizations"])  # noqa: F821
            return history.with_organization(rows, known["organizations"])
        return rows


for each in (history.PATIENT, history.PROVIDER):
    declare(each)


@dp.materialized_view(comment="Codes of diagnoses", table_properties={"quality": "gold"})
@dp.expect_all(DIAGNOSES.warn)
def dim_diagnosis():
    """Return each code once."""
    return reference.dim_diagnosis(tables(spark.read, ("claims", *DIAGNOSED_IN)))  # noqa: F821


@dp.materialized_view(comment="Days", table_properties={"quality": "gold"})
def dim_date():
    """Return each day once."""
    return reference.dim_date(tables(spark.read, ("patients", "payer_transitions")))  # noqa: F821

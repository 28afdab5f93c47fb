"""Habits of pipelines that were written for a workspace, and run here unchanged."""

import pytest
from pyspark.sql import functions as F

from harness import Project
from headwater.errors import GraphError
from headwater.graph.arguments import column_name


def test_helpers_modules_and_sources_are_used_as_in_a_workspace(project: Project) -> None:
    project.write("", "etl/utilities/__init__.py")
    project.write(
        """
        from pyspark.sql.functions import udf

        @udf("boolean")
        def is_mail(text):
            return "@" in text
        """,
        "etl/utilities/checks.py",
    )
    project.write("RULES = {'known': 'n > 0'}\n", "etl/transformations/rules.py")
    project.write(
        """
        import dlt
        from databricks.sdk.runtime import spark
        from pipeline.etl.utilities.checks import is_mail
        from rules import RULES

        def numbers():
            return dlt.read("first")

        @dlt.table
        @dlt.expect_all_or_drop(RULES)
        def total():
            return numbers().selectExpr("sum(id) AS n")

        @dlt.table
        def first():
            return spark.range(3)

        @dlt.table
        def mails():
            return spark.createDataFrame([("a@b.org",), ("nobody",)], "m STRING").select(
                "m", is_mail("m").alias("is_mail")
            )

        @dlt.table
        def ticks():
            return spark.readStream.format("rate").load()
        """,
        "etl/transformations/main.py",
    )
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT n FROM total") == [3]
    assert project.sql("SELECT * FROM mails ORDER BY m") == [
        {"m": "a@b.org", "is_mail": True},
        {"m": "nobody", "is_mail": False},
    ]
    assert [row["col_name"] for row in project.sql("DESCRIBE ticks")] == ["timestamp", "value"]


def test_stream_from_a_change_target_is_refused_where_it_is_read(project: Project) -> None:
    project.create("changes", "SELECT 1 AS id, 1 AS n")
    project.write("""
        import dlt

        dlt.create_streaming_table("current")
        dlt.create_auto_cdc_flow(target="current", source="changes", keys=["id"], sequence_by="n")
        dlt.create_streaming_table("history")
        dlt.create_auto_cdc_flow(target="history", source="current", keys=["id"], sequence_by="n")
    """)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    assert caught.value.code == "STREAM_FROM_CHANGING_TABLE"
    assert str(caught.value.where).endswith("main.py:7")


def test_keys_in_backticks_may_hold_any_character(project: Project) -> None:
    assert column_name(F.col("`cust id`"), "keys") == "cust id"
    assert column_name(F.col("id"), "keys") == "id"
    for expression in (F.col("a.b"), F.upper("a"), F.col("a") + 1):
        with pytest.raises(ValueError, match="COLUMN_NOT_PLAIN"):
            column_name(expression, "keys")

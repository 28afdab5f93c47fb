"""Settings of Spark that flows and views ask for, and what flows wait for."""

from __future__ import annotations

import pytest

from harness import Project
from headwater.errors import GraphError

LENIENT = '{"spark.sql.ansi.enabled": "false"}'


def test_columns_have_the_types_that_the_settings_of_their_flow_give(project: Project) -> None:
    project.create("source", "SELECT 1L AS id, '1.5' AS s")
    project.write(f"""
        from pyspark import pipelines as dp

        @dp.table(spark_conf={LENIENT})
        @dp.expect("known", "x IS NOT NULL")
        def out():
            return spark.readStream.table("source").selectExpr("s + id AS x")
    """)
    result = project.run()
    assert result.state == "COMPLETED"
    assert project.values("SELECT x FROM out") == [2.5]
    (flow,) = result.flows
    assert (flow.rows_in, flow.rows_written) == (1, 1)
    (rule,) = flow.rules.values()
    assert (rule.passed_records, rule.failed_records) == (1, 0)


def test_settings_do_not_reach_what_a_flow_reads(project: Project) -> None:
    project.create("source", "SELECT 1L AS id, '1' AS s")
    project.write(f"""
        from pyspark import pipelines as dp

        @dp.materialized_view(spark_conf={LENIENT})
        def out():
            return spark.read.table("strict").selectExpr("x", "s + id AS y")

        @dp.materialized_view
        def strict():
            return spark.read.table("source").selectExpr("s", "id", "s + id AS x")
    """)
    assert project.run().state == "COMPLETED"
    types = {row["col_name"]: row["data_type"] for row in project.sql("DESCRIBE SCHEMA.out")}
    assert types == {"x": "bigint", "y": "double"}


def test_view_takes_its_settings_along(project: Project) -> None:
    project.create("source", "SELECT 'x' AS s")
    project.write(f"""
        from pyspark import pipelines as dp

        @dp.temporary_view(spark_conf={LENIENT})
        def cast_view():
            return spark.read.table("source").selectExpr("cast(s AS int) AS n", "s")

        @dp.temporary_view
        def between():
            return spark.read.table("cast_view")

        @dp.materialized_view
        def out():
            return spark.read.table("between").selectExpr("coalesce(n, -1) AS n", "s + 1 AS m")
    """)
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT * FROM out") == [{"n": -1, "m": None}]


def test_views_that_want_different_settings_are_told(project: Project) -> None:
    project.write("""
        from pyspark import pipelines as dp

        @dp.temporary_view(spark_conf={"spark.sql.session.timeZone": "Asia/Tokyo"})
        def tokyo():
            return spark.sql("SELECT hour(timestamp'2026-01-01 00:00:00Z') AS h")

        @dp.temporary_view(spark_conf={"spark.sql.session.timeZone": "America/Lima"})
        def lima():
            return spark.sql("SELECT hour(timestamp'2026-01-01 00:00:00Z') AS h")

        @dp.materialized_view
        def out():
            return spark.read.table("tokyo").union(spark.read.table("lima"))
    """)
    with pytest.raises(GraphError) as caught:
        project.run()
    (error,) = caught.value.faults
    assert error.code == "SPARK_CONF_CONFLICT"
    assert "spark.sql.session.timeZone" in error.message


def test_flow_waits_for_the_tables_behind_a_view(project: Project) -> None:
    project.create("source", "SELECT 1 AS id")
    project.write("""
        from pyspark import pipelines as dp

        @dp.table
        def slow():
            return spark.readStream.table("source")

        @dp.temporary_view
        def behind():
            return spark.read.table("slow")

        dp.create_streaming_table("out")

        @dp.append_flow(target="out", depends_on="behind")
        def fill():
            return spark.readStream.table("source")
    """)
    graph = project.resolved()
    (fill,) = graph.flows_into(project.name("out"))
    assert graph.upstream(fill) == {project.name("slow")}
    assert project.run().state == "COMPLETED"


def test_cycle_through_depends_on_is_told(project: Project) -> None:
    project.create("source", "SELECT 1 AS id")
    project.write("""
        from pyspark import pipelines as dp

        dp.create_streaming_table("first")

        @dp.append_flow(target="first", depends_on="second")
        def fill():
            return spark.readStream.table("source")

        @dp.table
        def second():
            return spark.readStream.table("first")
    """)
    with pytest.raises(GraphError) as caught:
        project.run()
    (error,) = caught.value.faults
    assert error.code == "GRAPH_CYCLE"
    assert "first" in error.message
    assert "second" in error.message


def test_nested_values_that_are_never_null_fit_those_that_may_be(project: Project) -> None:
    project.create("source", "SELECT array('a', NULL) AS k")
    project.write("""
        from pyspark import pipelines as dp
        from pyspark.sql import functions as F

        dp.create_streaming_table("out")

        @dp.append_flow(target="out")
        def one():
            return spark.readStream.table("source")

        @dp.append_flow(target="out")
        def two():
            return spark.readStream.table("source").select(F.array(F.lit("z")).alias("k"))
    """)
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT to_json(named_struct('k', k)) FROM out") == [
        '{"k":["a",null]}',
        '{"k":["z"]}',
    ]


def test_layout_follows_the_spelling_of_the_columns(project: Project) -> None:
    project.create("source", "SELECT 1 AS id, 'a' AS day, named_struct('b', 1) AS a")
    project.write("""
        from pyspark import pipelines as dp

        @dp.table(partition_cols=["Day"])
        def parts():
            return spark.readStream.table("source").select("id", "day")

        @dp.materialized_view(cluster_by=["A.b"])
        def nested():
            return spark.read.table("source")
    """)
    assert project.run().state == "COMPLETED"
    assert project.run(full_refresh=("*",)).state == "COMPLETED"
    details = [project.sql(f"DESCRIBE DETAIL SCHEMA.{name}")[0] for name in ("parts", "nested")]
    assert details[0]["partitionColumns"] == ["day"]
    assert details[1]["clusteringColumns"] == ["a.b"]


def test_layout_of_a_view_changes_with_its_columns(project: Project) -> None:
    project.create("source", "SELECT 1 AS a, 'x' AS k")
    for column, layout, wanted in (
        ("a", 'cluster_by=["a"]', ["a"]),
        ("a AS b", 'cluster_by=["b"]', ["b"]),
        ("a AS b", "", []),
        ("a AS b", 'partition_cols=["k"]', []),
        ("a AS b", 'cluster_by=["k"]', ["k"]),
    ):
        project.write(f"""
            from pyspark import pipelines as dp

            @dp.materialized_view({layout})
            def out():
                return spark.read.table("source").selectExpr("{column}", "k")
        """)
        assert project.run().state == "COMPLETED", layout
        (detail,) = project.sql("DESCRIBE DETAIL SCHEMA.out")
        assert detail["clusteringColumns"] == wanted
        assert detail["partitionColumns"] == (["k"] if "partition" in layout else [])

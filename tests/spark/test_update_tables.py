"""Tables as the source declares them: schemas, features that come later, layout, names, places."""

import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from harness import Project
from headwater.errors import GraphError


def columns(project: Project, table: str) -> list[tuple[str, str, str | None]]:
    rows = project.sql(f"DESCRIBE SCHEMA.{table}")
    return [(row["col_name"], row["data_type"], row["comment"]) for row in rows]


def test_declared_schema_of_a_view_stays(project: Project) -> None:
    project.create("source", "SELECT 'ab' AS code, 1 AS id")
    project.write("""
        import dlt

        @dlt.table(schema="id BIGINT COMMENT 'the id', code VARCHAR(2), more STRING")
        def view():
            return dlt.read("source")

        @dlt.table(schema="id BIGINT COMMENT 'the id', code VARCHAR(2)")
        def stream():
            return dlt.read_stream("source")
    """)
    wanted = [("id", "bigint", "the id"), ("code", "string", None)]
    for _ in range(2):
        assert project.run().state == "COMPLETED"
        assert columns(project, "view") == [*wanted, ("more", "string", None)]
        assert columns(project, "stream") == wanted
    assert project.sql("SELECT * FROM view") == [{"id": 1, "code": "ab", "more": None}]
    project.sql("INSERT INTO source VALUES ('too long', 2)")
    failed = project.run().flows
    assert {flow.flow: flow.status for flow in failed} == {"view": "FAILED", "stream": "FAILED"}
    assert not any("too long" in str(flow.error) for flow in failed)


@pytest.mark.parametrize(
    ("schema", "code", "named"),
    [
        ("id BIGINT DEFAULT 3", "SCHEMA_NOT_BUILT", "DEFAULT in"),
        ("id BIGINT, d INT GENERATED ALWAYS AS (nope + 1)", "SCHEMA_INVALID", "'d'"),
        ("id BIGINT,, x", "SCHEMA_INVALID", "not DDL"),
        ("id ARRAY<INT>", "SCHEMA_MISMATCH", "array<int>"),
        ("other INT", "SCHEMA_MISMATCH", "id"),
        ("id BIGINT', partition_cols=['idd'], comment='x", "LAYOUT_COLUMN_UNKNOWN", "idd"),
    ],
)
def test_schema_that_can_not_be_is_refused_by_what_it_holds(
    project: Project, schema: str, code: str, named: str
) -> None:
    project.write(f"""
        import dlt

        @dlt.table(schema='{schema}')
        def out():
            return spark.range(1)
    """)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    assert caught.value.code == code
    assert named in caught.value.message


def test_generated_columns_are_computed_and_keys_are_informational(project: Project) -> None:
    project.create("source", "SELECT 1L AS id, TIMESTAMP'2024-01-05 10:00:00' AS at")
    schema = """id BIGINT NOT NULL PRIMARY KEY, at TIMESTAMP,
        day INT GENERATED ALWAYS AS (dayofweek(at)) COMMENT 'of the week',
        CONSTRAINT pk FOREIGN KEY (id) REFERENCES other (id)"""
    project.write(f"""
        import dlt

        @dlt.table(schema=\"\"\"{schema}\"\"\", partition_cols=["day"])
        def stream():
            return spark.readStream.table("source")
    """)
    project.write(
        f"CREATE MATERIALIZED VIEW view ({schema}) AS SELECT at, id FROM source", "view.sql"
    )
    for _ in range(2):
        assert project.run().state == "COMPLETED"
        for table in ("stream", "view"):
            assert project.sql(f"SELECT id, day FROM {table}") == [{"id": 1, "day": 6}]
            assert columns(project, table)[2] == ("day", "int", "of the week")


def test_row_filters_and_masks_have_no_effect_and_are_named(project: Project) -> None:
    project.write(
        """
        CREATE MATERIALIZED VIEW t (
          id BIGINT, name STRING MASK main.sec.hidden USING COLUMNS (id) COMMENT 'of a person'
        ) WITH ROW FILTER main.sec.own ON (id) AS SELECT 1 AS id, 'a' AS name
        """,
        "main.sql",
    )
    result = project.run()
    assert (result.state, result.graph.no_effect) == ("COMPLETED", ("row_filter", "MASK"))
    assert project.sql("SELECT * FROM t") == [{"id": 1, "name": "a"}]
    assert columns(project, "t")[1] == ("name", "string", "of a person")


def test_timestamp_without_zone_may_come_later(project: Project) -> None:
    def land(name: str, **values: object) -> None:
        pq.write_table(
            pa.table({key: [each] for key, each in values.items()}), project.landing / name
        )

    project.write("""
        import dlt

        @dlt.table
        def stream():
            reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            return reader.load("VOLUME")

        @dlt.table
        def view():
            return dlt.read("stream").drop("_rescued_data")
    """)
    land("a.parquet", id=1)
    project.run()
    land("b.parquet", id=2, at=datetime(2024, 3, 1, 12))
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT id, CAST(at AS STRING) AS at FROM view ORDER BY id") == [
        {"id": 1, "at": None},
        {"id": 2, "at": "2024-03-01 12:00:00"},
    ]


def test_properties_of_databricks_and_nested_values_are_taken(project: Project) -> None:
    project.write("""
        import dlt
        from pyspark.sql import functions as F

        @dlt.table(table_properties={
            "delta.enableChangeDataFeed": "true", "delta.targetFileSize": "1mb",
        })
        def nested():
            items = F.collect_list(F.struct("id", F.lit("x").alias("kind"))).alias("items")
            return spark.range(3).groupBy(F.expr("id % 2 AS k")).agg(items)
    """)
    assert project.run().state == "COMPLETED"
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT size(items) FROM nested") == [1, 2]


@pytest.mark.parametrize(
    ("given", "commits"),
    [
        ({"delta.feature.allowColumnDefaults": "supported"}, 0),
        ({"delta.feature.appendOnly": "supported"}, 0),
        ({"delta.feature.catalogManaged": "supported"}, 0),
        ({"delta.minReaderVersion": "2", "delta.minWriterVersion": "5"}, 0),
        ({"delta.minReaderVersion": "2", "delta.minWriterVersion": "4"}, 0),
        ({"delta.minReaderVersion": "3", "delta.minWriterVersion": "7"}, 0),
        ({"delta.enableChangeDatafeed": "true"}, 0),
        ({"delta.feature.deletionVectors": "enabled", "other": "x"}, 1),
    ],
)
def test_features_and_versions_of_the_protocol_are_set_once(
    project: Project, given: dict[str, str], commits: int
) -> None:
    project.create("source", "SELECT 1 AS id")
    source = """
        import dlt

        @dlt.table(table_properties=GIVEN)
        def out():
            return dlt.read_stream("source")
    """
    project.write(source.replace("GIVEN", repr(given if not commits else {})))
    project.run()
    first = len(project.sql("DESCRIBE HISTORY SCHEMA.out"))
    project.write(source.replace("GIVEN", repr(given)))
    assert [project.run().state for _ in range(2)] == ["COMPLETED", "COMPLETED"]
    assert len(project.sql("DESCRIBE HISTORY SCHEMA.out")) == first + commits
    (detail,) = project.sql("DESCRIBE DETAIL SCHEMA.out")
    named = [key.rpartition(".")[2] for key in given if "feature" in key]
    assert {*named} - {"catalogManaged"} <= {*detail["tableFeatures"]}


def test_clustering_of_a_streaming_table_can_change(project: Project) -> None:
    project.create("source", "SELECT 1 AS a, 2 AS b")
    for columns_, wanted in (("['a']", ["a"]), ("['b']", ["b"]), ("None", [])):
        project.write(f"""
            import dlt

            @dlt.table(cluster_by={columns_})
            def out():
                return dlt.read_stream("source")
        """)
        project.run()
        (detail,) = project.sql("DESCRIBE DETAIL SCHEMA.out")
        assert detail["clusteringColumns"] == wanted


def test_all_rows_of_a_partitioned_view_are_replaced(spark: SparkSession, tmp_path: Path) -> None:
    project = Project(spark, tmp_path, {"spark.sql.sources.partitionOverwriteMode": "dynamic"})
    project.create("source", "SELECT * FROM VALUES (1, 'a'), (2, 'b') t(id, day)")
    project.write("""
        import dlt

        @dlt.table(partition_cols=["day"])
        def out():
            return dlt.read("source")

        @dlt.table(partition_cols=["day"])
        def stream():
            return dlt.read_stream("source")
    """)
    project.run()
    project.sql("DELETE FROM source WHERE id = 1")
    assert project.run(full_refresh=("*",)).state == "COMPLETED"
    assert project.values("SELECT id FROM out") == [2]
    assert project.values("SELECT id FROM stream") == [2]


def test_full_refresh_that_delta_refuses_is_not_repeated(project: Project) -> None:
    project.create("source", "SELECT 1 AS id")
    source = """
        import dlt

        @dlt.table(LAYOUT)
        def one():
            return dlt.read_stream("source")

        @dlt.table
        def two():
            return dlt.read_stream("source")
    """
    project.write(source.replace("LAYOUT", "cluster_by=['id']"))
    project.run()
    project.write(source.replace("LAYOUT", "partition_cols=['id']"))
    with pytest.raises(GraphError) as caught:
        project.run(full_refresh=("*",))
    assert caught.value.code == "TABLE_NOT_CHANGED"
    assert project.values("SELECT id FROM one") == [1]
    project.write(source.replace("LAYOUT", "cluster_by=['id']"))
    flows = {flow.flow: flow.rows_in for flow in project.run().flows}
    assert flows == {"one": 0, "two": 1}
    assert project.values("SELECT id FROM one UNION ALL SELECT id FROM two") == [1, 1]


def test_full_refresh_that_fails_leaves_a_view_as_it_was(project: Project) -> None:
    project.create("source", "SELECT '1' AS a")
    project.write("""
        import dlt

        @dlt.table
        def out():
            return dlt.read("source").selectExpr("CAST(a AS INT) AS a")
    """)
    project.run()
    project.sql("INSERT INTO source VALUES ('x')")
    assert project.run(full_refresh=("*",)).state == "FAILED"
    assert project.values("SELECT a FROM out") == [1]


def test_names_with_dashes_and_tables_elsewhere_work(spark: SparkSession, tmp_path: Path) -> None:
    project = Project(spark, tmp_path / "p", {"spark.executor.memory": "1g"})
    elsewhere = tmp_path / "elsewhere"
    project.write(f"""
        import dlt

        @dlt.table(name="`my-{project.schema}`.b")
        def b():
            return spark.range(2)

        @dlt.table(path="{elsewhere}")
        def placed():
            return spark.read.table("`my-{project.schema}`.b")
    """)
    assert project.run().state == "COMPLETED"
    assert (elsewhere / "_delta_log").is_dir()
    there = project.moved(tmp_path / "q")  # a session that knows only what is on disk
    assert there.values(f"SELECT id FROM `my-{project.schema}`.b") == [0, 1]
    assert there.values("SELECT id FROM SCHEMA.placed") == [0, 1]
    assert there.run().state == "COMPLETED"
    there.sql("DROP TABLE SCHEMA.placed")
    assert (elsewhere / "_delta_log").is_dir()
    assert [name.table for name in there.store.tables()] == ["b"]


def test_settings_are_put_back_after_an_update(spark: SparkSession, tmp_path: Path) -> None:
    key = "spark.sql.session.timeZone"
    before = spark.conf.get(key)
    spark.conf.set(key, "Asia/Tokyo")
    try:
        project = Project(spark, tmp_path, {key: "America/Lima", "my.key": "1"})
        project.write("""
            import dlt

            @dlt.table(spark_conf={"spark.sql.session.timeZone": "UTC"})
            def out():
                names = ("spark.sql.session.timeZone", "my.key", "pipelines.catalog")
                values = [spark.conf.get(name) for name in (*names, "pipelines.schema")]
                spark.conf.set("my.own", "2")
                return spark.createDataFrame([(",".join(values),)], "s STRING")
        """)
        project.run()
        assert project.values("SELECT s FROM out") == [f"UTC,1,main,{project.schema}"]
        left = [spark.conf.get(name, None) for name in (key, "my.key", "my.own")]
        assert left == ["Asia/Tokyo", None, None]
    finally:
        spark.conf.set(key, before)


def test_settings_of_a_flow_do_not_reach_those_beside_it(project: Project) -> None:
    """All of them wait for each other while they run, so that they run at the same time."""
    project.write("""
        import threading
        import dlt

        together = threading.Barrier(3, timeout=60)
        seen = set()

        def hours(name):
            if name in seen:  # the first time the graph is resolved
                together.wait()
            seen.add(name)
            return spark.sql("SELECT hour(timestamp'2026-01-01 00:00:00Z') AS h")

        @dlt.table(spark_conf={"spark.sql.session.timeZone": "Asia/Tokyo"})
        def tokyo():
            return hours("tokyo")

        @dlt.table(spark_conf={"spark.sql.session.timeZone": "America/Lima"})
        def lima():
            return hours("lima")

        @dlt.table
        def here():
            return hours("here")
    """)
    assert project.run().state == "COMPLETED"
    found = {t: project.values(f"SELECT h FROM {t}") for t in ("tokyo", "lima", "here")}
    assert found == {"tokyo": [9], "lima": [19], "here": [0]}


def test_change_flow_keeps_rows_inside_where(project: Project) -> None:
    project.create("changes", "SELECT 1 AS cust, 'a' AS v, 1 AS n, '2024-02-01' AS day")
    project.write("""
        import dlt
        from pyspark.sql.functions import col

        dlt.create_streaming_table("t", expect_all_or_drop={"named": "v IS NOT NULL"})
        dlt.apply_changes(
            target="t", source="changes", keys=[col("`cust`")], sequence_by="n",
            where="day >= '2024-01-01'", apply_as_deletes="V IS NULL AND N > 1",
            column_list=["CUST", "v"],
        )
    """)
    project.run()
    project.sql("INSERT INTO changes VALUES (2, 'b', 2, '2024-02-02'), (3, NULL, 1, '2024-02-02')")
    flow = project.run().flows[0]
    assert (flow.rows_in, flow.rows_dropped) == (2, 1)
    project.sql("INSERT INTO changes VALUES (1, NULL, 3, '2024-02-03')")
    (rule,) = project.run().flows[0].rules.values()
    assert (rule.passed_records, rule.failed_records) == (0, 1)
    assert project.sql("SELECT `cust` FROM t") == [{"cust": 2}]
    project.sql("INSERT INTO changes VALUES (4, 'd', 4, '2023-01-01')")
    error = project.run().error
    assert error is not None
    assert error.code == "AUTOCDC_ROW_OUTSIDE_WHERE"
    assert project.sql("SELECT `cust` FROM t") == [{"cust": 2}]


def test_python_functions_run_in_streams(project: Project) -> None:
    (project.landing / "a.json").write_text(json.dumps({"id": 3}) + "\n")
    project.write("""
        import dlt
        import pandas as pd
        from pyspark.sql import functions as F

        @F.udf("int")
        def plain(v):
            return v + 1

        @F.pandas_udf("int")
        def scalar(v: pd.Series) -> pd.Series:
            return v + 2

        def rows():
            return spark.readStream.schema("id INT").json("VOLUME")

        def doubled(frames):
            for frame in frames:
                yield frame * 2

        @dlt.table
        def functions():
            return rows().select(plain("id").alias("plain"), scalar("id").alias("scalar"))

        @dlt.table
        def mapped():
            return rows().mapInPandas(doubled, "id INT")

        @dlt.table
        def grouped():
            batch = spark.read.schema("id INT").json("VOLUME")
            return batch.groupBy("id").applyInPandas(lambda frame: frame * 3, "id INT")
    """)
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT * FROM functions") == [{"plain": 4, "scalar": 5}]
    assert project.values("SELECT id FROM mapped UNION ALL SELECT id FROM grouped") == [6, 9]

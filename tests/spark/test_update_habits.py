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


def test_condition_of_an_expectation_may_be_a_column(project: Project) -> None:
    project.write("""
        import dlt
        from pyspark.sql import functions as F

        @dlt.table
        @dlt.expect_or_drop("even", F.col("id") % 2 == 0)
        @dlt.expect_all({"some": F.col("id").isNotNull(), "small": "id < 2"})
        def out():
            return spark.range(4)
    """)
    flow = project.run().flows[0]
    counts = {rule.name: (rule.passed_records, rule.failed_records) for rule in flow.rules.values()}
    assert counts == {"even": (2, 2), "some": (4, 0), "small": (2, 2)}
    assert project.values("SELECT id FROM SCHEMA.out") == [0, 2]


def test_function_may_look_at_rows_and_is_warned_of(project: Project) -> None:
    project.write("""
        import dlt

        @dlt.table
        def raw():
            return spark.readStream.schema("id INT").json("VOLUME")

        @dlt.table
        def check():
            n = dlt.read("raw").count()
            first = [row.id for row in dlt.read("raw").collect()][:1]
            return spark.createDataFrame([[n, *(first or [0])]], "n LONG, first LONG")
    """)
    graph = project.resolved()
    assert [(each.code, str(each.where).rpartition(":")[2]) for each in graph.warnings] == [
        ("ACTION_IN_DATASET", "10"),
        ("ACTION_IN_DATASET", "11"),
    ]
    for number in (7, 8):
        (project.landing / f"{number}.json").write_text(f'{{"id":{number}}}')
        assert project.run().state == "COMPLETED"
        assert project.values("SELECT n FROM SCHEMA.check") == [number - 6]


def test_function_that_needs_rows_while_it_is_planned_is_told_so(project: Project) -> None:
    project.create("old", "SELECT 1 AS id WHERE false")
    project.write("""
        import dlt

        @dlt.table
        def check():
            first = spark.read.table("old").collect()[0]
            return spark.range(first.id)
    """)
    with pytest.raises(GraphError) as caught:
        project.resolved()
    assert (caught.value.code, caught.value.where.line) == ("QUERY_INVALID", 6)
    assert "while a pipeline is planned" in caught.value.hint.lower()


def test_temporary_views_belong_to_their_function(project: Project) -> None:
    project.write("""
        import dlt

        spark.range(9, 10).createOrReplaceTempView("shared")

        def of(number):
            @dlt.table(name=f"t{number}")
            def t():
                dlt.read_stream("events").createOrReplaceTempView("changes")
                spark.range(number, 5).createOrReplaceTempView("Numbers")
                chosen = spark.sql("SELECT numbers.id FROM numbers WHERE numbers.id > 2")
                chosen.createTempView("chosen")
                return spark.table("chosen").select("chosen.id").union(spark.table("shared"))

        @dlt.table
        def events():
            return spark.readStream.schema("id INT").json("VOLUME")

        of(2)
        of(4)
    """)
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT id FROM SCHEMA.t2") == [3, 4, 9]
    assert project.values("SELECT id FROM SCHEMA.t4") == [4, 9]
    views = project.spark.sql("SHOW VIEWS").collect()
    assert [each.viewName for each in views if not each.viewName.startswith("__")] == []


def test_paths_into_json_and_numbers_in_texts_of_rules_and_conditions(project: Project) -> None:
    project.create(
        "raw",
        """SELECT '{"id": 1, "op": "U", "n": "2"}' AS e UNION ALL
        SELECT '{"id": 2, "op": "U", "n": "3"}' UNION ALL SELECT '{"op": "U"}' UNION ALL
        SELECT '{"id": 2, "op": "D", "n": "4"}'""",
    )
    project.write(
        """
        import dlt
        from pyspark.sql.functions import expr

        @dlt.table
        @dlt.expect_or_drop("known", "e:id IS NOT NULL AND e:n * e:n < 100")
        def events():
            return spark.readStream.table("raw").selectExpr("e", "e:id::int AS id", "e:n::int AS n")

        dlt.create_streaming_table("latest")
        gone = expr("e:op = 'D'")
        dlt.create_auto_cdc_flow("latest", "events", ["id"], "n", apply_as_deletes=gone)

        @dlt.table
        def named():
            latest = dlt.read("latest")
            return spark.sql("SELECT events.id, {more} AS m FROM events JOIN {latest} l "
                             "ON l.id = events.id", latest=latest, more="it's")
        """
    )
    assert project.run().state == "COMPLETED"
    assert sorted(project.values("SELECT id FROM events")) == [1, 2, 2]
    assert project.values("SELECT id FROM latest") == [1]
    assert project.sql("SELECT * FROM named") == [{"id": 1, "m": "it's"}]


def test_option_of_a_reader_names_a_volume(project: Project) -> None:
    folder = project.landing / "raw" / "day=1"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text('{"id": 7}\n')
    project.write(
        """
    import dlt

    @dlt.table
    def t():
        return spark.read.option("basePath", "VOLUME/raw").json("VOLUME/raw/day=1")

    @dlt.table
    def files():
        displayHTML("<b>files</b>")
        files = spark.read.table("binaryFile.`VOLUME/raw/day=1`").selectExpr("length")
        return files.union(spark.sql("SELECT length FROM binaryFile.`VOLUME/raw/day=1`"))

    @dlt.table
    def items():
        return spark.read.option("rowTag", "i").xml("VOLUME/raw.xml")
"""
    )
    (project.landing / "raw.xml").write_text("<r><i><n>1</n></i></r>")
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT length FROM SCHEMA.files") == [10, 10]
    assert project.values("SELECT n FROM SCHEMA.items") == [1]
    assert project.sql("SELECT id, day FROM SCHEMA.t") == [{"id": 7, "day": 1}]


def test_sources_do_without_a_table_that_is_not_there(project: Project) -> None:
    project.write("""
        import dlt
        from pyspark.sql.utils import AnalysisException

        @dlt.table
        def out() -> dlt.DataFrame:
            try:
                return spark.read.table("main.other.missing")
            except AnalysisException as error:
                assert error.getCondition() == error.getErrorClass() == "TABLE_OR_VIEW_NOT_FOUND"
                assert "TABLE_OR_VIEW_NOT_FOUND" in str(error) and "missing" in error.getMessage()
                assert error.getQueryContext() == [] and "missing" in error.desc
                return spark.range(1)

        @dlt.table
        def by_sql():
            try:
                return spark.sql("SELECT * FROM missing")
            except AnalysisException:
                return spark.range(2)
    """)
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT count(*) AS n FROM out") == [{"n": 1}]
    assert project.sql("SELECT count(*) AS n FROM by_sql") == [{"n": 2}]


def test_sources_know_the_pipeline_by_its_id(project: Project) -> None:
    project.write("""
        import dlt
        from pyspark.sql import functions as F

        if spark.conf.get("pipelines.id", None):
            @dlt.table
            def out():
                return spark.range(1).withColumn("p", F.lit(spark.conf.get("pipelines.id")))
    """)
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT p FROM out") == [project.events()[0]["origin"]["pipeline_id"]]


def test_folders_of_delta_tables_are_streamed_by_path(project: Project) -> None:
    folder = project.landing / "changes"
    project.spark.range(2).write.format("delta").save(str(folder))
    query = "SELECT * FROM STREAM(delta.`VOLUME/changes`)"
    project.write(f"CREATE STREAMING TABLE a AS {query};", "a.sql")
    project.write("""
        import dlt

        @dlt.table
        def b():
            return spark.readStream.option("maxFilesPerTrigger", 1).table("delta.`VOLUME/changes`")

        @dlt.table
        def c():
            return spark.sql("SELECT id + 1 AS id FROM STREAM delta.`VOLUME/changes`")
    """)
    assert project.run().state == "COMPLETED"
    project.spark.range(2, 3).write.format("delta").mode("append").save(str(folder))
    assert project.run().state == "COMPLETED"
    for table, expected in (("a", [0, 1, 2]), ("b", [0, 1, 2]), ("c", [1, 2, 3])):
        assert project.values(f"SELECT id FROM {table} ORDER BY id") == expected


def test_streams_of_other_folders_by_path_are_refused_by_name(project: Project) -> None:
    project.write("CREATE STREAMING TABLE a AS SELECT * FROM STREAM(json.`VOLUME/x`);", "a.sql")
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    assert caught.value.code == "API_NOT_BUILT"
    assert "STREAM read_files" in caught.value.hint


def test_constant_expressions_name_tables(project: Project) -> None:
    project.configure({}, parameters={"schema": project.schema, "name": "base"})
    project.write(
        """
        CREATE MATERIALIZED VIEW base AS SELECT 1 AS id, "it's" AS said;
        CREATE STREAMING TABLE stream AS SELECT * FROM STREAM(IDENTIFIER('SCHEMA' || '.ext'));
        CREATE STREAMING TABLE bare AS SELECT * FROM STREAM IDENTIFIER('SCHEMA' || '.ext');
        CREATE MATERIALIZED VIEW by_parameters AS
        SELECT base.id FROM IDENTIFIER(:schema || '.' || :name) AS base
        JOIN IDENTIFIER(concat('ba', 'se')) AS other USING (id) WHERE other.said = "it's";
    """,
        "a.sql",
    )
    project.write("""
        import dlt

        @dlt.table
        def by_args():
            text = "SELECT base.id FROM IDENTIFIER(:t) WHERE base.id = :id"
            return spark.sql(text, args={"t": "SCHEMA.base", "id": 1})

        @dlt.table
        def by_positions():
            return spark.sql("SELECT count(*) AS n FROM IDENTIFIER(nvl(NULL, 'ba') || 'se')", [])
    """)
    project.create("ext", "SELECT 2 AS id")
    assert project.run().state == "COMPLETED"
    for table, expected in (
        ("stream", 2),
        ("bare", 2),
        ("by_parameters", 1),
        ("by_args", 1),
        ("by_positions", 1),
    ):
        assert project.values(f"SELECT * FROM {table}") == [expected]


def test_columns_of_an_interval_have_any_type_in_a_view_of_a_target(project: Project) -> None:
    project.create("snap", "SELECT 1 AS id")
    project.write("""
        import dlt

        dlt.create_streaming_table("target")
        dlt.create_auto_cdc_from_snapshot_flow(
            target="target", source="snap", keys=["id"], stored_as_scd_type="2"
        )

        @dlt.table(schema="id INT, __START_AT STRING, __END_AT STRING")
        def copied():
            return dlt.read("target").selectExpr(
                "id",
                "cast(__START_AT AS STRING) AS __START_AT",
                "cast(__END_AT AS STRING) AS __END_AT",
            )
    """)
    assert project.run().state == "COMPLETED"
    (row,) = project.sql("SELECT * FROM copied")
    assert isinstance(row["__START_AT"], str)

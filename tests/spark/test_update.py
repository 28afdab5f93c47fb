"""Updates from source to tables: order, kinds, reruns, failures."""

from dataclasses import dataclass

import pytest
from pyspark.sql import SparkSession

from harness import Project
from headwater.engine.update import UpdateResult
from headwater.errors import GraphError, UpdateError, UsageError
from headwater.events.report import event_of, report_of

STREAM_AND_VIEW = """
    from pyspark import pipelines as dp
    from pyspark.sql import functions as F

    @dp.materialized_view
    def totals():
        return spark.read.table("events").groupBy("kind").agg(F.count("*").alias("n"))

    @dp.table
    @dp.expect("positive", "id > 0")
    @dp.expect_or_drop("known", "kind IN ('a', 'b')")
    def events():
        return spark.readStream.table("source")
"""


@dataclass(frozen=True)
class Updated:
    """A pipeline after its first update, for tests that only look."""

    project: Project
    result: UpdateResult


@pytest.fixture(scope="module")
def updated(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Updated:
    project = Project(spark, tmp_path_factory.mktemp("updated"))
    project.create(
        "source", "SELECT * FROM VALUES (0, 'a'), (1, 'b'), (2, 'c'), (NULL, NULL) t(id, kind)"
    )
    project.write(STREAM_AND_VIEW)
    return Updated(project, project.run())


def test_update_runs_definitions_in_any_order(updated: Updated) -> None:
    assert updated.result.state == "COMPLETED"
    assert updated.project.sql("SELECT * FROM totals ORDER BY kind") == [
        {"kind": "a", "n": 1},
        {"kind": "b", "n": 1},
    ]


def test_expectations_count_each_rule_on_all_input_rows(updated: Updated) -> None:
    project, result = updated.project, updated.result
    flow = result.flows[0]
    assert (flow.rows_in, flow.rows_written, flow.rows_dropped) == (4, 2, 2)
    logged = report_of(map(event_of, project.events()))
    assert (logged.state, tuple(logged.flows.values())) == (result.state, result.flows)
    counts = {rule.name: (rule.passed_records, rule.failed_records) for rule in flow.rules.values()}
    assert counts == {"positive": (2, 2), "known": (2, 2)}


def test_update_reads_only_new_rows_and_without_any_changes_nothing(project: Project) -> None:
    project.create("source", "SELECT 1 AS id, 'a' AS kind")
    project.write(STREAM_AND_VIEW)
    project.run()
    before = project.sql("SELECT * FROM events")
    result = project.run()
    assert result.state == "COMPLETED"
    assert project.sql("SELECT * FROM events") == before
    assert result.flows[0].rows_in == 0
    project.sql("INSERT INTO source VALUES (2, 'b'), (3, 'x')")
    flow = project.run().flows[0]
    assert (flow.rows_in, flow.rows_written) == (2, 1)
    assert project.values("SELECT id FROM events") == [1, 2]


def test_failing_rule_names_all_violations_and_writes_nothing(project: Project) -> None:
    project.create("source", "SELECT * FROM VALUES (1, 'secret'), (-1, NULL) t(id, kind)")
    project.write("""
        import dlt

        @dlt.table
        @dlt.expect_all_or_fail({"has kind": "kind IS NOT NULL", "positive": "id > 0"})
        def events():
            return dlt.read_stream("source")

        @dlt.table
        def after():
            return dlt.read("events")

        @dlt.table
        def beside():
            return spark.read.table("source")
    """)
    result = project.run()
    status = {flow.flow: flow.status for flow in result.flows}
    assert result.state == "FAILED"
    assert status == {"events": "FAILED", "after": "SKIPPED", "beside": "COMPLETED"}
    error = result.error
    assert error is not None
    assert error.code == "EXPECTATION_VIOLATION"
    assert "Violated expectations: 'has kind, positive'" in error.message
    assert "Flow 'events' failed to meet the expectation." in error.message
    assert project.sql("SELECT * FROM events") == []


def test_all_faults_are_reported_at_once_with_file_and_line(project: Project) -> None:
    first = project.write(
        """
        from pyspark import pipelines as dp

        @dp.table
        def a():
            return spark.readStream.table("b")

        @dp.table
        def b():
            return spark.readStream.table("a")

        @dp.materialized_view
        def counted():
            spark.range(3).writeTo('x')
            return spark.range(3)

        @dp.materialized_view
        @dp.expect("oops", "idd > 0")
        def ruled():
            return spark.range(3)

        @dp.materialized_view
        def typo():
            return spark.read.table("ruledd")

        dp.create_streaming_table("empty")
        """,
    )
    project.write("import not_there", "other.py")
    with pytest.raises(GraphError) as caught:
        project.run()
    found = {fault.code: str(fault.where) for fault in caught.value.faults}
    assert {
        "GRAPH_CYCLE",
        "SIDE_EFFECT_IN_DATASET",
        "EXPECTATION_INVALID",
        "TABLE_NOT_FOUND",
        "DATASET_WITHOUT_FLOW",
        "SOURCE_FAILED",
    } == set(found)
    lines = first.read_text().splitlines()
    line = lines.index("    spark.range(3).writeTo('x')") + 1
    assert found["SIDE_EFFECT_IN_DATASET"].endswith(f":{line}")
    hints = {fault.code: fault.hint for fault in caught.value.faults}
    assert "ruled" in hints["TABLE_NOT_FOUND"]
    assert "'id'" in hints["EXPECTATION_INVALID"]


def test_validate_writes_nothing(project: Project) -> None:
    project.create("source", "SELECT 1 AS id, 'a' AS kind")
    project.write(STREAM_AND_VIEW)
    before = sorted(project.store.root.rglob("*"))
    result = project.run(validate_only=True)
    assert [flow.flow.name for flow in result.graph.flows] == ["events", "totals"]
    assert sorted(project.store.root.rglob("*")) == before


def test_sql_inside_a_dataset_reads_streams_and_batches(project: Project) -> None:
    project.create("source", "SELECT * FROM VALUES (1, 'a'), (2, 'b') t(id, kind)")
    project.write("""
        from pyspark import pipelines as dp

        @dp.temporary_view
        def doubled():
            return spark.sql("SELECT id * 2 AS id2, kind FROM STREAM(LIVE.raw) AS r")

        @dp.table
        def raw():
            return spark.sql("SELECT * FROM STREAM source")

        @dp.table
        def out():
            return spark.readStream.table("doubled")

        @dp.materialized_view
        def joined():
            return spark.sql('''
                WITH source AS (SELECT kind FROM main.SCHEMA.raw)
                SELECT s.kind, o.id2 FROM source s JOIN out o ON o.kind = s.kind
            ''')
    """)
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT * FROM joined ORDER BY kind") == [
        {"kind": "a", "id2": 2},
        {"kind": "b", "id2": 4},
    ]


def test_refresh_runs_only_the_named_tables_and_a_full_one_reads_all_rows_again(
    project: Project,
) -> None:
    project.create("source", "SELECT * FROM VALUES (1, 'a'), (2, 'b') t(id, kind)")
    project.write(STREAM_AND_VIEW)
    project.run()
    result = project.run(refresh=("totals",))
    assert {flow.flow: flow.status for flow in result.flows} == {
        "events": "EXCLUDED",
        "totals": "COMPLETED",
    }
    project.run(full_refresh=("*",))
    assert project.values("SELECT id FROM events") == [1, 2]
    assert {row["n"] for row in project.sql("SELECT n FROM totals")} == {1}


def test_event_log_holds_quality_lineage_and_states(updated: Updated) -> None:
    project = updated.project
    quality = project.sql("""
        SELECT e.name, sum(e.passed_records) AS passed, sum(e.failed_records) AS failed
        FROM (SELECT explode(from_json(
            details:flow_progress:data_quality:expectations,
            schema_of_json("[{'name': 'str', 'passed_records': 42, 'failed_records': 42}]")
          )) AS e
          FROM event_log('flow') WHERE event_type = 'flow_progress')
        GROUP BY e.name ORDER BY e.name
    """)
    assert quality == [
        {"name": "known", "passed": 2, "failed": 2},
        {"name": "positive", "passed": 2, "failed": 2},
    ]
    lineage = project.sql("""
        SELECT details:flow_definition.input_datasets AS inputs
        FROM event_log(TABLE(main.SCHEMA.totals)) WHERE event_type = 'flow_definition'
          AND details:flow_definition.output_dataset = 'main.SCHEMA.totals'
    """)
    assert lineage == [{"inputs": f'["main.{project.schema}.events"]'}]
    states = [
        event["details"]["update_progress"]["state"]
        for event in project.events()
        if event["event_type"] == "update_progress"
    ]
    assert states == ["INITIALIZING", "SETTING_UP_TABLES", "RUNNING", "COMPLETED"]


def test_table_dropped_by_hand_is_rebuilt_from_its_source(project: Project) -> None:
    project.create("source", "SELECT * FROM VALUES (1, 'a'), (2, 'b') t(id, kind)")
    project.write(STREAM_AND_VIEW)
    project.run()
    project.sql("DROP TABLE events")
    project.run()
    assert project.values("SELECT id FROM events") == [1, 2]


def test_columns_added_to_a_query_are_added_to_its_table(project: Project) -> None:
    project.create("source", "SELECT 1 AS id, 'a' AS kind")
    project.write(STREAM_AND_VIEW)
    project.run()
    project.write(
        STREAM_AND_VIEW.replace(
            'spark.readStream.table("source")',
            'spark.readStream.table("source").withColumn("more", F.lit(7))',
        ).replace('groupBy("kind")', 'groupBy("kind", "more")')
    )
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT id, more FROM events") == [{"id": 1, "more": None}]
    project.sql("INSERT INTO source VALUES (2, 'b')")
    project.run()
    assert project.values("SELECT more FROM events WHERE id = 2") == [7]


def test_declared_properties_land_on_the_table(project: Project) -> None:
    project.write("""
        from pyspark import pipelines as dp

        @dp.materialized_view(
            comment="it's here", table_properties={"quality": "gold"}, partition_cols=["k"],
            schema="id BIGINT COMMENT 'the key', k BIGINT",
        )
        def plain():
            return spark.range(4).selectExpr("id", "id % 2 AS k")

        @dp.table(cluster_by=["id"], table_properties={"delta.enableChangeDataFeed": "true"})
        def clustered():
            return spark.range(4)
    """)
    project.run()
    (detail,) = project.sql("DESCRIBE DETAIL SCHEMA.plain")
    assert (detail["description"], detail["partitionColumns"]) == ("it's here", ["k"])
    assert detail["properties"]["quality"] == "gold"
    (detail,) = project.sql("DESCRIBE DETAIL SCHEMA.clustered")
    assert detail["clusteringColumns"] == ["id"]
    assert detail["properties"]["delta.enableChangeDataFeed"] == "true"
    assert project.run().state == "COMPLETED"


def test_private_tables_are_read_inside_and_not_seen_outside(project: Project) -> None:
    project.write("""
        import dlt

        @dlt.table(private=True)
        def inner():
            return spark.range(3)

        @dlt.table
        def outer():
            return dlt.read("inner")
    """)
    project.run()
    assert [row["tableName"] for row in project.sql("SHOW TABLES IN SCHEMA")] == ["outer"]
    assert project.values("SELECT id FROM outer") == [0, 1, 2]


def test_expectations_on_views_are_enforced_and_counted(project: Project) -> None:
    project.create("source", "SELECT id FROM range(10)")
    project.write("""
        import dlt

        @dlt.view
        @dlt.expect_or_drop("even", "id % 2 = 0")
        def evens():
            return dlt.read_stream("source")

        @dlt.table
        def out():
            return dlt.read_stream("evens")
    """)
    flow = project.run().flows[0]
    assert project.values("SELECT id FROM out") == [0, 2, 4, 6, 8]
    (rule,) = flow.rules.values()
    assert (rule.dataset, rule.passed_records, rule.failed_records) == (
        f"main.{project.schema}.evens",
        5,
        5,
    )


def test_configuration_widgets_and_volumes_reach_the_source(spark, tmp_path) -> None:  # type: ignore[no-untyped-def]
    project = Project(spark, tmp_path, {"my.key": "from bundle", "catalog": "c1"})
    (project.landing / "a.json").write_text('{"x": 1}\n')
    project.write("""
        import dlt
        from pyspark.sql.functions import lit

        dbutils.widgets.text("catalog", "default")
        WIDGET = dbutils.widgets.get("catalog")
        FILES = [each.name for each in dbutils.fs.ls("VOLUME")]
        display(FILES)

        @dlt.table
        def out():
            read = spark.read.schema("x INT").json("VOLUME/a.json")
            return read.withColumns({
                "key": lit(spark.conf.get("my.key")), "widget": lit(WIDGET),
                "file": lit(FILES[0]),
            })
    """)
    project.run()
    assert project.sql("SELECT * FROM out") == [
        {"x": 1, "key": "from bundle", "widget": "c1", "file": "a.json"}
    ]


@pytest.mark.parametrize(
    "action",
    [
        "df.write.saveAsTable('x')",
        "spark.sql('CREATE TABLE x (a INT)')",
        "df.writeStream",
    ],
)
def test_side_effects_are_refused_even_when_swallowed(project: Project, action: str) -> None:
    project.write(f"""
        import dlt

        @dlt.table
        def out():
            df = spark.range(3)
            try:
                {action}
            except Exception:
                pass
            return df
    """)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    assert caught.value.code == "SIDE_EFFECT_IN_DATASET"
    assert str(caught.value.where).endswith("main.py:8")


def test_reset_is_refused_by_name_and_passed_over_in_all(project: Project) -> None:
    project.create("source", "SELECT 1 AS id")
    project.write("""
        import dlt

        @dlt.table(table_properties={"pipelines.reset.allowed": "false"})
        def kept():
            return dlt.read_stream("source")
    """)
    project.run()
    project.sql("DELETE FROM source")
    project.sql("INSERT INTO source VALUES (2)")
    with pytest.raises(UpdateError) as caught:
        project.run(full_refresh=("kept",))
    assert caught.value.code == "TABLE_NOT_RESETTABLE"
    assert project.values("SELECT id FROM kept") == [1]


def test_unknown_table_in_a_selection_names_the_nearest(project: Project) -> None:
    project.write("import dlt\n\n@dlt.table\ndef events():\n    return spark.range(1)\n")
    with pytest.raises(UsageError) as caught:
        project.run(refresh=("event",))
    assert caught.value.code == "DATASET_UNKNOWN"
    assert "events" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        project.run(reset_checkpoints=("nope",))
    assert caught.value.code == "FLOW_UNKNOWN"
    assert not project.store.pipeline_path("flow").joinpath("event_log").exists()  # no update


def test_spark_conf_of_a_table_counts_for_its_flow_only(project: Project) -> None:
    project.write("""
        import dlt

        @dlt.table(spark_conf={"spark.sql.session.timeZone": "Asia/Tokyo"})
        def there():
            return spark.sql("SELECT hour(timestamp'2026-01-01 00:00:00Z') AS h")

        @dlt.table
        def here():
            dlt.read("there")
            return spark.sql("SELECT hour(timestamp'2026-01-01 00:00:00Z') AS h")
    """)
    project.run()
    assert (project.values("SELECT h FROM there"), project.values("SELECT h FROM here")) == (
        [9],
        [0],
    )

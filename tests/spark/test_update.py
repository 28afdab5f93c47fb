"""Updates from source to tables: order, kinds, reruns, failures."""

import pytest

from harness import Project
from headwater.errors import GraphError

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


def test_update_runs_definitions_in_any_order(project: Project) -> None:
    project.create(
        "source", "SELECT * FROM VALUES (0, 'a'), (1, 'b'), (2, 'c'), (3, NULL) t(id, kind)"
    )
    project.write(STREAM_AND_VIEW)
    result = project.run()
    assert result.state == "COMPLETED"
    assert project.sql("SELECT * FROM totals ORDER BY kind") == [
        {"kind": "a", "n": 1},
        {"kind": "b", "n": 1},
    ]


def test_expectations_count_each_rule_on_all_input_rows(project: Project) -> None:
    project.create(
        "source", "SELECT * FROM VALUES (0, 'a'), (1, 'b'), (2, 'c'), (NULL, NULL) t(id, kind)"
    )
    project.write(STREAM_AND_VIEW)
    flow = project.run().flows[0]
    assert (flow.rows_in, flow.rows_written, flow.rows_dropped) == (4, 2, 2)
    counts = {rule.name: (rule.passed_records, rule.failed_records) for rule in flow.rules.values()}
    assert counts == {"positive": (2, 2), "known": (2, 2)}


def test_second_update_without_new_rows_changes_nothing(project: Project) -> None:
    project.create("source", "SELECT 1 AS id, 'a' AS kind")
    project.write(STREAM_AND_VIEW)
    project.run()
    before = project.sql("SELECT * FROM events")
    result = project.run()
    assert result.state == "COMPLETED"
    assert project.sql("SELECT * FROM events") == before
    assert result.flows[0].rows_in == 0


def test_update_reads_only_new_rows(project: Project) -> None:
    project.create("source", "SELECT 1 AS id, 'a' AS kind")
    project.write(STREAM_AND_VIEW)
    project.run()
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
            spark.range(3).collect()
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
    assert found["SIDE_EFFECT_IN_DATASET"].endswith(
        f":{lines.index('    spark.range(3).collect()') + 1}"
    )
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


def test_full_refresh_reprocesses_all_source_rows(project: Project) -> None:
    project.create("source", "SELECT * FROM VALUES (1, 'a'), (2, 'b') t(id, kind)")
    project.write(STREAM_AND_VIEW)
    project.run()
    project.run(full_refresh=("*",))
    assert project.values("SELECT id FROM events") == [1, 2]
    assert {row["n"] for row in project.sql("SELECT n FROM totals")} == {1}


def test_refresh_runs_only_the_named_tables(project: Project) -> None:
    project.create("source", "SELECT 1 AS id, 'a' AS kind")
    project.write(STREAM_AND_VIEW)
    project.run()
    result = project.run(refresh=("totals",))
    assert {flow.flow: flow.status for flow in result.flows} == {
        "events": "EXCLUDED",
        "totals": "COMPLETED",
    }


def test_event_log_holds_quality_lineage_and_states(project: Project) -> None:
    project.create("source", "SELECT * FROM VALUES (1, 'a'), (2, 'x') t(id, kind)")
    project.write(STREAM_AND_VIEW)
    project.run()
    quality = project.sql("""
        SELECT e.name, sum(e.passed_records) AS passed, sum(e.failed_records) AS failed
        FROM (SELECT explode(from_json(
            get_json_object(details, '$.flow_progress.data_quality.expectations'),
            'array<struct<name:string,dataset:string,passed_records:int,failed_records:int>>')) AS e
          FROM event_log('flow') WHERE event_type = 'flow_progress')
        GROUP BY e.name ORDER BY e.name
    """)
    assert quality == [
        {"name": "known", "passed": 1, "failed": 1},
        {"name": "positive", "passed": 2, "failed": 0},
    ]
    lineage = project.sql("""
        SELECT get_json_object(details, '$.flow_definition.input_datasets') AS inputs
        FROM event_log(TABLE(main.SCHEMA.totals)) WHERE event_type = 'flow_definition'
          AND get_json_object(details, '$.flow_definition.output_dataset') = 'main.SCHEMA.totals'
    """)
    assert lineage == [{"inputs": f'["main.{project.schema}.events"]'}]
    states = [
        event["details"]["update_progress"]["state"]
        for event in project.events()
        if event["event_type"] == "update_progress"
    ]
    assert states == ["INITIALIZING", "SETTING_UP_TABLES", "RUNNING", "COMPLETED"]

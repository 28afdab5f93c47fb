"""Snapshots inside a pipeline: the contract's worked vectors, updates, kills and refusals."""

from typing import Any

import pytest

from harness import Project
from headwater.errors import GraphError
from headwater.names import TableName
from headwater.state.pipeline import PipelineState
from headwater.state.snapshots import SnapshotMemory, Taken

FIRST = "SELECT * FROM VALUES (1, 'Oaxaca'), (2, 'Monterrey'), (3, 'Tijuana') AS t(id, city)"
SECOND = """SELECT * FROM VALUES
    (2, 'Carmel'), (3, 'Los Angeles'), (4, 'Death Valley'), (6, 'Kings Canyon') AS t(id, city)"""

OF_TABLE = """
    from pyspark import pipelines as dp

    @dp.temporary_view
    @dp.expect_or_drop("named", "city <> ''")
    def cities():
        return spark.read.table("SCHEMA.source")

    dp.create_streaming_table("target")
    dp.create_auto_cdc_from_snapshot_flow(
        target="target", source="cities", keys=["id"], stored_as_scd_type=2)
"""

OF_FUNCTION = """
    import dlt

    def following(latest):
        known = spark.read.table("SCHEMA.source")
        if latest is not None:
            known = known.where(f"version > {latest}")
        version = known.agg({"version": "min"}).first()[0]
        if version is None:
            return None
        return known.where(f"version = {version}").drop("version"), version

    dlt.create_streaming_table("target")
    dlt.apply_changes_from_snapshot(
        target="target", source=following, keys=["id"], stored_as_scd_type="TYPE")
"""


def history(project: Project) -> list[tuple[Any, ...]]:
    rows = project.sql("SELECT id, city, __START_AT s, __END_AT e FROM target ORDER BY id, s")
    return [tuple(row.values()) for row in rows]


def vector(first: int, second: int) -> list[tuple[Any, ...]]:
    """Return the worked vector, for versions of the first and of the second snapshot."""
    return [
        (1, "Oaxaca", first, second),
        (2, "Monterrey", first, second),
        (2, "Carmel", second, None),
        (3, "Tijuana", first, second),
        (3, "Los Angeles", second, None),
        (4, "Death Valley", second, None),
        (6, "Kings Canyon", second, None),
    ]


def test_snapshots_of_a_table_give_the_worked_vector(project: Project) -> None:
    project.create("source", FIRST)
    project.write(OF_TABLE)
    project.run()
    (flow,) = project.run().flows
    assert (flow.kind, flow.status, flow.rows_written) == ("SNAPSHOT_CHANGE", "COMPLETED", 0)
    assert [each for each in project.events() if each["level"] == "METRICS"] == []
    project.sql(f"INSERT OVERWRITE SCHEMA.source {SECOND} UNION ALL SELECT 9, ''")
    (flow,) = project.run().flows
    assert history(project) == vector(0, 1)
    assert (flow.rows_in, flow.rows_written) == (4, 7)
    (rule,) = flow.rules.values()
    assert (rule.passed_records, rule.failed_records) == (4, 1)
    batches = [each for each in project.events() if each["level"] == "METRICS"]
    metrics = batches[0]["details"]["flow_progress"]["metrics"]
    assert "num_upserted_rows" not in metrics
    project.run(full_refresh=("target",))
    assert [row[2:] for row in history(project)] == [(0, None)] * 4


def test_snapshots_of_a_function_give_the_worked_vector(project: Project) -> None:
    project.create("source", f"SELECT *, 1 AS version FROM ({FIRST})")
    project.sql(f"INSERT INTO SCHEMA.source SELECT *, 2 AS version FROM ({SECOND})")
    project.write(OF_FUNCTION.replace("TYPE", "2"))
    project.run()
    assert history(project) == vector(1, 2)
    project.sql(f"INSERT INTO SCHEMA.source SELECT *, 4 AS version FROM ({SECOND})")
    project.sql(f"INSERT INTO SCHEMA.source SELECT *, 3 AS version FROM ({SECOND})")
    project.sql("INSERT INTO SCHEMA.source VALUES (9, 'La Paz', 5)")
    (flow,) = project.run().flows
    assert flow.rows_written == 5
    assert history(project)[-1] == (9, "La Paz", 5, None)
    assert {row[3] for row in history(project)} == {2, 5, None}


def memory_of(project: Project) -> SnapshotMemory:
    state = PipelineState(project.store.pipeline_path("flow"))
    name = TableName("main", project.schema, "target")
    return SnapshotMemory(state.changes(name, 0), project.store.table_path(name))


def test_kill_between_two_snapshots_is_gone_on_behind(project: Project) -> None:
    project.create("source", f"SELECT *, 1 AS version FROM ({FIRST})")
    project.sql(f"INSERT INTO SCHEMA.source SELECT *, 2 AS version FROM ({SECOND})")
    project.sql("INSERT INTO SCHEMA.source VALUES (NULL, 'nowhere', 3)")
    project.write(OF_FUNCTION.replace("TYPE", "2"))
    result = project.run()
    assert result.error is not None
    assert (result.error.code, history(project)) == ("SNAPSHOT_NULL_KEY", vector(1, 2))

    memory = memory_of(project)
    memory.finish(Taken(0, 1))
    memory.begin(Taken(1, 2))  # as a kill just after the second commit leaves it
    assert memory.latest() == Taken(1, 2)
    project.sql("DELETE FROM SCHEMA.source WHERE version = 3")
    project.run()
    assert history(project) == vector(1, 2)

    memory.begin(Taken(2, 4))  # a kill before the commit
    project.sql("INSERT INTO SCHEMA.source VALUES (9, 'La Paz', 4)")
    project.run()
    assert memory.latest() == Taken(2, 4)
    assert [row[0] for row in history(project) if row[3] is None] == [9]


def test_equal_snapshots_of_a_function_are_taken_and_late_ones_passed_over(
    project: Project,
) -> None:
    project.create("source", FIRST)
    project.write("""
        from pyspark import pipelines as dp

        def following(latest):
            answers = {None: 5, 5: 6, 6: 4}
            return spark.table("SCHEMA.source"), answers[latest]

        dp.create_streaming_table("target")
        dp.create_auto_cdc_from_snapshot_flow("target", following, ["id"])

        @dp.materialized_view
        def reader():
            return spark.read.table("target").select("city")
    """)
    result = project.run()
    assert {each.flow: each.rows_written for each in result.flows} == {"target": 3, "reader": 3}
    assert memory_of(project).latest() == Taken(1, 6)
    said = [each["message"] for each in project.events()]
    assert "Flow 'target' passed over a snapshot: its version does not rise." in said


def test_function_over_a_dataset_of_the_pipeline_needs_a_declared_schema(
    project: Project,
) -> None:
    project.create("source", f"SELECT *, DATE'2026-01-01' AS day FROM ({FIRST})")
    text = """
        from pyspark import pipelines as dp

        @dp.table
        def landed():
            return spark.readStream.table("SCHEMA.source")

        def following(latest):
            day = spark.sql("SELECT max(day) FROM landed").first()[0]
            if day is None or day == latest:
                return None, day
            return spark.read.table("landed").where(f"day = DATE'{day}'").drop("day"), day

        dp.create_streaming_table("target"DECLARED)
        dp.create_auto_cdc_from_snapshot_flow("target", following, ["id"], 2)
    """
    project.write(text.replace("DECLARED", ""))
    with pytest.raises(GraphError) as caught:
        project.run()
    assert caught.value.code == "SNAPSHOT_MISSING"
    schema = "id INT, city STRING, __START_AT DATE, __END_AT DATE"
    project.write(text.replace("DECLARED", f", schema='{schema}'"))
    project.run()
    project.sql("INSERT INTO SCHEMA.source VALUES (1, 'Oaxaca', DATE'2026-01-02')")
    project.run()
    first, second = "2026-01-01", "2026-01-02"
    assert [row[2:] for row in history(project)] == [(first, None), *2 * [(first, second)]]


def test_once_snapshot_is_not_taken_again(project: Project) -> None:
    project.create("source", FIRST)
    project.write("""
        from pyspark import pipelines as dp

        dp.create_streaming_table("target")
        dp.create_auto_cdc_from_snapshot_flow(
            target="target", source="SCHEMA.source", keys=["id"], once=True)
    """)
    project.run()
    project.sql("DELETE FROM SCHEMA.source")
    (flow,) = project.run().flows
    assert (flow.status, project.values("SELECT id FROM target")) == ("IDLE", [1, 2, 3])


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("None", "SNAPSHOT_MISSING"),
        ("spark.range(3)", "SNAPSHOT_INVALID"),
        ("([1], 1)", "SNAPSHOT_INVALID"),
        ("(spark.range(3), [1])", "SNAPSHOT_VERSION_INVALID"),
        ("(spark.range(3).withColumnRenamed('id', 'x'), 1)", "AUTOCDC_COLUMN_UNKNOWN"),
        ("spark.range(3).write.saveAsTable('other')", "SIDE_EFFECT_IN_DATASET"),
        ("1 / 0", "QUERY_INVALID"),
    ],
)
def test_function_that_gives_no_snapshot_is_refused(
    project: Project, answer: str, code: str
) -> None:
    project.write(f"""
        import dlt

        dlt.create_streaming_table("target")
        dlt.apply_changes_from_snapshot(
            target="target", keys=["id"], source=lambda latest: {answer})
    """)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    assert caught.value.code == code
    assert "main.py:" in str(caught.value)

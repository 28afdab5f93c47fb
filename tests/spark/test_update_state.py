"""What updates keep and give up: refused and restarted refreshes, kinds, names, moved projects."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from harness import Project
from headwater.errors import GraphError, UsageError
from headwater.names import TableName
from headwater.state.catalog import (
    _external_catalog,
    forget_all,
    note_table,
    place_default_schema,
    register_all,
)
from headwater.state.format import FORMAT
from headwater.state.inventory import known_tables
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store

INFERRED = """
    import dlt

    @dlt.table
    def raw():
        reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
        return reader.load("VOLUME")

    @dlt.table
    def copied():
        return dlt.read_stream("raw").select("id")
"""


def land(project: Project, name: str, **row: object) -> None:
    (project.landing / name).write_text(json.dumps(row) + "\n")


def state_of(project: Project) -> PipelineState:
    return PipelineState(project.store.pipeline_path("flow"))


def test_refused_full_refresh_is_not_carried_out_later(project: Project) -> None:
    project.write(INFERRED)
    land(project, "a.json", id=1)
    project.run()
    (project.landing / "a.json").unlink()  # kept for a while only, as landed files are
    with pytest.raises(GraphError) as caught:
        project.run(full_refresh=("raw",))
    assert caught.value.code == "AUTOLOADER_SCHEMA_REQUIRED"
    raw = TableName("main", project.schema, "raw")
    assert not state_of(project).sources(raw, "raw", 1).exists()
    land(project, "b.json", id=2)
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT id FROM raw") == ["1", "2"]
    assert project.values("SELECT id FROM copied") == ["1", "2"]


def test_reset_that_was_begun_is_finished_by_the_next_update(project: Project) -> None:
    """As after a kill between the note of what is reset and the end of set-up."""
    project.write(INFERRED)
    land(project, "a.json", id=1)
    project.run()
    raw = TableName("main", project.schema, "raw")
    state_of(project).begin_resets({raw})
    land(project, "b.json", id=2)
    project.run()
    assert project.values("SELECT id FROM raw") == ["1", "2"]
    assert state_of(project).generation(raw) == 1
    assert state_of(project).pending_resets() == frozenset()


def test_reset_of_a_table_that_the_source_lacks_for_a_while_is_not_forgotten(
    tmp_path: Path,
) -> None:
    state, here, away = PipelineState(tmp_path), *(TableName("c", "s", t) for t in ("a", "b"))
    state.begin_resets({here, away})
    state.begin_resets({here})
    state.end_resets({here})
    assert state.pending_resets() == {away}
    state.end_resets({away})
    assert state.pending_resets() == frozenset()


def test_restart_after_new_columns_refreshes_what_was_asked_for_only(project: Project) -> None:
    project.write(INFERRED)
    land(project, "a.json", id=1)
    project.run()
    land(project, "b.json", id=2, more="x")
    result = project.run(refresh=("raw",))
    assert (result.state, len(result.update_ids)) == ("COMPLETED", 2)
    assert {flow.flow: flow.status for flow in result.flows} == {
        "raw": "COMPLETED",
        "copied": "EXCLUDED",
    }
    assert all(flow.error is None for flow in result.flows)


def test_once_flow_is_appended_beside_the_stream_of_its_table(project: Project) -> None:
    land(project, "a.json", id=1)
    project.write("""
        import dlt

        @dlt.append_flow(target="raw", once=True)
        def backfill():
            return spark.range(100, 102).selectExpr("CAST(id AS INT) AS id")

        @dlt.table
        def raw():
            return spark.readStream.schema("id INT").json("VOLUME")
    """)
    project.run()
    land(project, "b.json", id=2)
    project.run()
    assert project.values("SELECT id FROM raw") == [1, 2, 100, 101]


def test_table_spelled_out_goes_on_where_it_was(project: Project) -> None:
    source = INFERRED.replace("@dlt.table\n    def raw", '@dlt.table(name="NAME")\n    def raw')
    land(project, "a.json", id=1)
    for name in ("raw", "SCHEMA.raw", "main.SCHEMA.raw", "RAW"):
        project.write(source.replace("NAME", name))
        project.run()
    assert project.values("SELECT id FROM raw") == ["1"]


def test_state_made_under_another_spelling_is_kept(project: Project) -> None:
    """As an earlier version has left it: a checkpoint named as the source spelled the table."""
    project.write(INFERRED)
    land(project, "a.json", id=1)
    project.run()
    state = state_of(project)
    raw = TableName("main", project.schema, "raw")
    for folder in (state.checkpoint(raw, "raw", 0).parent, state.sources(raw, "raw", 0).parent):
        folder.rename(folder.with_name(f"main.{project.schema}.raw".replace(".", "~2e")))
    project.run()
    assert project.values("SELECT id FROM raw") == ["1"]


def test_source_below_a_view_has_one_schema(project: Project) -> None:
    source = """
        import dlt

        @dlt.view
        def files():
            reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
            return reader.load("VOLUME")

        @dlt.table
        RULE
        def raw():
            return dlt.read_stream("files")
    """
    project.write(source.replace("RULE", ""))
    land(project, "a.json", id=1)
    project.run()
    land(project, "b.json", id=2, email="x")
    project.run()
    assert project.sql("SELECT id, email FROM raw ORDER BY id") == [
        {"id": "1", "email": None},
        {"id": "2", "email": "x"},
    ]
    project.write(source.replace("RULE", '@dlt.expect("mail", "email IS NOT NULL")'))
    assert project.run().state == "COMPLETED"
    (project.landing / "b.json").unlink()
    project.write(source.replace("RULE", ""))
    project.run(full_refresh=("raw",))
    assert project.sql("SELECT * FROM raw") == [{"id": "1", "_rescued_data": None}]


def test_project_that_was_moved_reads_no_file_again(spark: SparkSession, tmp_path: Path) -> None:
    project = Project(spark, tmp_path / "one")
    project.write(INFERRED)
    land(project, "a.json", id=1)
    project.run()
    flow_ids = {e["origin"]["flow_id"] for e in project.events() if e["origin"]["flow_id"]}
    moved = project.moved(tmp_path / "two (2)")
    land(moved, "b.json", id=2)
    moved.run()
    assert moved.values("SELECT id FROM raw") == ["1", "2"]
    assert {e["origin"]["flow_id"] for e in moved.events() if e["origin"]["flow_id"]} == flow_ids


def test_update_notes_the_format_of_its_state_and_refuses_a_newer_one(project: Project) -> None:
    project.write(INFERRED)
    land(project, "a.json", id=1)
    file = project.store.root / "format.json"
    project.run(validate_only=True)
    assert not file.exists()
    project.run()
    assert json.loads(file.read_text()) == {"format": FORMAT}
    file.write_text(json.dumps({"format": FORMAT + 1}))
    for request in ({}, {"validate_only": True}):
        with pytest.raises(UsageError) as caught:
            project.run(**request)
        assert caught.value.code == "STATE_NEWER"


def test_table_gone_from_the_source_is_inactive_and_goes_on_when_it_is_back(
    project: Project,
) -> None:
    def inactive() -> list[str]:
        found = known_tables(project.store)
        return [each.name.table for each in found if not each.is_active]

    project.write(INFERRED)
    land(project, "a.json", id=1)
    project.run()
    project.write(INFERRED[: INFERRED.rindex("    @dlt.table")])
    project.run(validate_only=True)
    assert inactive() == []
    for number in (2, 3):
        land(project, f"{number}.json", id=number)
        project.run()
        assert inactive() == ["copied"]
        assert project.values("SELECT id FROM copied") == ["1"]
    project.write(INFERRED)
    project.run()
    assert inactive() == []
    assert project.values("SELECT id FROM copied") == ["1", "2", "3"]


def test_table_without_a_schema_is_where_the_next_command_looks(
    spark: SparkSession, tmp_path: Path
) -> None:
    store, external = Store(tmp_path / "dev"), _external_catalog(spark)
    before = external.getDatabase("default")
    place_default_schema(spark, "main", store)
    name = TableName("main", "default", "without_a_schema")
    try:
        spark.range(3).write.format("delta").saveAsTable("default.without_a_schema")
        store.schema_path("prod", "default").mkdir(parents=True)
        assert note_table(spark, store, "default", "without_a_schema", "prod")
        assert list(store.tables()) == [name]
        forget_all(spark, store)
        assert not spark.catalog.tableExists("default.without_a_schema")
        assert store.table_path(name).is_dir()
        register_all(spark, store)
        assert spark.table("default.without_a_schema").count() == 3
        spark.sql("DROP TABLE default.without_a_schema")
        assert list(store.tables()) == []
    finally:
        external.alterDatabase(before)

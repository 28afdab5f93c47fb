"""Auto Loader's options that only a whole update shows."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from harness import Project
from headwater.errors import GraphError, UsageError

SOURCE = """
from pyspark import pipelines as dp

@dp.table
def bronze():
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
    return reader.options(**OPTIONS).load("VOLUME/in")
"""

SHARED = """
@dp.table
def every():
    return spark.readStream.table("bronze")

@dp.table
@dp.expect_or_fail("positive", "id > LEAST")
def positive():
    return spark.readStream.table("bronze")
"""


@pytest.fixture
def project(spark: SparkSession, tmp_path: Path) -> Project:
    found = Project(spark, tmp_path)
    (found.landing / "in").mkdir()
    return found


def write(project: Project, **options: str) -> None:
    named = {f"cloudFiles.{key.replace('__', '.')}": value for key, value in options.items()}
    project.write(SOURCE.replace("OPTIONS", repr(named)))


def land(project: Project, name: str, *ids: int) -> Path:
    path = project.landing / "in" / name
    path.write_text("".join(json.dumps({"id": each}) + "\n" for each in ids))
    return path


def test_sources_that_change_places_are_refused_and_read_no_file_again(project: Project) -> None:
    """Neither what was read is read again, nor what waits by the reader of another folder."""
    query = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

def read(name):
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
    return reader.schema("id INT").load(f"VOLUME/{name}").select("id", F.lit(name).alias("folder"))

@dp.table
@dp.expect_or_fail("small", "id < LIMIT")
def t():
    return """
    for name, number in (("a", 1), ("b", 2), ("c", 3)):
        (project.landing / name).mkdir()
        (project.landing / name / "1.json").write_text(json.dumps({"id": number}))

    def run(limit: int, names: str) -> str:
        readers = ".union".join(f"(read({each!r}))" for each in names)
        project.write(query.replace("LIMIT", str(limit)) + readers)
        result = project.run()
        return str(result.error.code) if result.error else result.state

    assert run(100, "ab") == "COMPLETED"
    assert run(100, "ba") == "AUTOLOADER_SOURCES_CHANGED"
    assert run(100, "cb") == "COMPLETED"  # another path for a source is no change of places
    (project.landing / "c" / "2.json").write_text(json.dumps({"id": 200}))
    assert run(100, "cb") == "EXPECTATION_VIOLATION"
    assert run(1000, "bc") == "AUTOLOADER_SOURCES_CHANGED"
    assert run(1000, "cb") == "COMPLETED"  # nothing of what was refused was entered
    rows = project.sql("SELECT id, folder FROM SCHEMA.t ORDER BY id")
    assert [(row["id"], row["folder"]) for row in rows] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (200, "c"),
    ]


def test_options_of_other_ways_to_find_files_are_named_once(project: Project) -> None:
    write(project, useNotifications="true", backfillInterval="1 day", schemaHints="id INT")
    named = project.resolved().no_effect
    assert named == ("cloudFiles.useNotifications", "cloudFiles.backfillInterval")


def ids(project: Project, table: str = "bronze") -> list[int]:
    rows = project.sql(f"SELECT id FROM main.SCHEMA.{table} ORDER BY id")
    return [row["id"] for row in rows]


def test_files_that_were_read_are_moved_and_only_they(project: Project) -> None:
    done = f"{project.volume}/done"
    write(project, schemaHints="id INT", cleanSource="MOVE", cleanSource__moveDestination=done)
    kept = land(project, "a.json", 1)
    assert project.run().state == "COMPLETED"
    assert kept.exists()  # for thirty days
    write(
        project,
        schemaHints="id INT",
        cleanSource="MOVE",
        cleanSource__moveDestination=done,
        cleanSource__retentionDuration="0 seconds",
    )
    assert project.run().state == "COMPLETED"  # nothing is new, and yet one is due
    assert not kept.exists()
    land(project, "b.json", 2)
    assert project.run().state == "COMPLETED"
    assert sorted(each.name for each in (project.landing / "done").iterdir()) == [
        "a.json",
        "b.json",
    ]
    assert project.run(reset_checkpoints=("bronze",)).state == "COMPLETED"
    assert ids(project) == [1, 2]


def test_a_flow_that_rests_moves_what_is_due_meanwhile(project: Project) -> None:
    done = f"{project.volume}/done"
    write(
        project,
        schemaHints="id INT",
        cleanSource="MOVE",
        cleanSource__moveDestination=done,
        cleanSource__retentionDuration="1 hour",
    )
    path = land(project, "a.json", 1)
    assert project.run().state == "COMPLETED"
    before = [each["event_type"] for each in project.events()]
    (commit,) = project.store.root.glob("pipelines/*/checkpoints/*/*/*/commits/0")
    os.utime(commit, (0, 0))
    assert project.run().state == "COMPLETED"
    assert not path.exists()
    after = [each["event_type"] for each in project.events()]
    assert "operation_progress" in before
    assert "operation_progress" not in after  # nothing was run for it


def test_files_of_a_flow_that_fails_stay(project: Project) -> None:
    options = {
        "cloudFiles.schemaHints": "id INT",
        "cloudFiles.cleanSource": "MOVE",
        "cloudFiles.cleanSource.moveDestination": f"{project.volume}/done",
        "cloudFiles.cleanSource.retentionDuration": "0 seconds",
    }
    rule = '@dp.table\n@dp.expect_or_fail("positive", "id > 0")'
    project.write(SOURCE.replace("OPTIONS", repr(options)).replace("@dp.table", rule))
    path = land(project, "a.json", -1)
    assert project.run().state == "FAILED"
    assert path.exists()


def test_files_that_another_flow_has_not_committed_stay(project: Project) -> None:
    options = {
        "cloudFiles.schemaHints": "id INT",
        "cloudFiles.cleanSource": "MOVE",
        "cloudFiles.cleanSource.moveDestination": f"{project.volume}/done",
        "cloudFiles.cleanSource.retentionDuration": "0 seconds",
    }
    view = SOURCE.replace("OPTIONS", repr(options)).replace("@dp.table", "@dp.temporary_view")
    project.write(view + SHARED.replace("LEAST", "0"))
    path = land(project, "a.json", -1)
    assert project.run().state == "FAILED"
    assert project.run(refresh=("every",)).state == "COMPLETED"
    assert path.exists()
    project.write(view + SHARED.replace("LEAST", "-2"))
    for _ in range(2):  # the first to end leaves it to the other, or to the next update
        assert project.run().state == "COMPLETED"
    assert not path.exists()
    assert ids(project, "positive") == ids(project, "every") == [-1]


def test_a_destination_in_another_volume_is_refused(project: Project) -> None:
    write(project, schemaHints="id INT", cleanSource="MOVE", cleanSource__moveDestination="/done")
    with pytest.raises(GraphError) as raised:
        project.run()
    assert [each.code for each in raised.value.faults] == ["AUTOLOADER_OPTION_INVALID"]


def test_states_of_files_are_a_table_in_sql_and_in_sources(project: Project) -> None:
    write(project, schemaHints="id INT", allowOverwrites="true")
    states = "SELECT * FROM cloud_files_state(TABLE(bronze))"
    project.write(
        f"""
        from pyspark import pipelines as dp

        @dp.materialized_view
        def files():
            return spark.sql("{states} WHERE commit_time IS NOT NULL")
        """,
        "files.py",
    )
    path = land(project, "a.json", 1)
    land(project, "empty.json")
    assert project.run().state == "COMPLETED"
    land(project, "a.json", 1, 2)
    assert project.run().state == "COMPLETED"
    sizes = "SELECT path, size, source_id, flow_name, ingestion_state FROM"
    sizes += " cloud_files_state(TABLE({})) WHERE size > 0 ORDER BY size"
    found = project.sql(sizes.format("main.SCHEMA.bronze"))
    told = {"path": str(path), "source_id": "0", "flow_name": "bronze"}
    assert found == [{**told, "size": n, "ingestion_state": "INGESTED"} for n in (10, 20)]
    assert project.sql("SELECT count(*) n FROM main.SCHEMA.files") == [{"n": 3}]
    (checkpoint,) = project.store.root.glob("pipelines/*/checkpoints/*bronze/*/0")
    times = "create_time <= discovery_time AND discovery_time <= commit_time"
    ordered = f"SELECT bool_and({times}) ok FROM cloud_files_state('{checkpoint}')"
    assert project.sql(ordered) == [{"ok": True}]
    assert project.sql("SELECT * FROM cloud_files_state(TABLE(main.SCHEMA.files))") == []


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("TABLE(nothing)", "CLOUD_FILES_STATE_UNKNOWN"),
        ("'/no/checkpoint'", "CLOUD_FILES_STATE_UNKNOWN"),
        ("'/in', 'json'", "CLOUD_FILES_STATE_ARGUMENT"),
    ],
)
def test_states_of_nothing_are_refused(project: Project, argument: str, code: str) -> None:
    with pytest.raises(UsageError) as raised:
        project.sql(f"SELECT * FROM cloud_files_state({argument})")
    assert raised.value.code == code


def test_variants_are_written_and_read_by_an_update(project: Project) -> None:
    project.write(SOURCE.replace("OPTIONS", repr({"singleVariantColumn": "v"})))
    project.write(
        """
        from pyspark import pipelines as dp

        @dp.table
        @dp.expect_or_drop("positive", "id > 0")
        def silver():
            return spark.readStream.table("bronze").selectExpr("v:id::int AS id")
        """,
        "silver.py",
    )
    land(project, "a.json", 0, 1)
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT id FROM main.SCHEMA.silver") == [{"id": 1}]


def test_types_grow_through_a_pipeline_where_the_table_allows_it(project: Project) -> None:
    options = {"schemaEvolutionMode": "addNewColumnsWithTypeWidening", "inferColumnTypes": "true"}
    named = {f"cloudFiles.{key}": value for key, value in options.items()}
    plain = SOURCE.replace("OPTIONS", repr(named)).replace('"json"', '"csv"')
    project.write(plain)
    (project.landing / "in" / "a.csv").write_text("id\n1\n")
    assert project.run().state == "COMPLETED"
    (project.landing / "in" / "b.csv").write_text(f"id\n{2**40}\n")
    with pytest.raises(GraphError) as raised:
        project.run()
    (refused,) = raised.value.faults
    assert refused.code == "SCHEMA_CHANGED"
    assert "delta.enableTypeWidening" in str(refused.hint)
    allowed = '@dp.table(table_properties={"delta.enableTypeWidening": "true"})'
    project.write(plain.replace("@dp.table", allowed))
    assert project.run().state == "COMPLETED"
    assert ids(project) == [1, 2**40]

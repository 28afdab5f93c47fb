"""Auto Loader's options that only a whole update shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from harness import Project
from headwater.errors import GraphError

SOURCE = """
from pyspark import pipelines as dp

@dp.table
def bronze():
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
    return reader.options(**OPTIONS).load("VOLUME/in")
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


def test_options_of_other_ways_to_find_files_are_named_once(project: Project) -> None:
    write(project, useNotifications="true", backfillInterval="1 day", schemaHints="id INT")
    named = project.resolved().no_effect
    assert named == ("cloudFiles.useNotifications", "cloudFiles.backfillInterval")


def ids(project: Project) -> list[int]:
    rows = project.sql("SELECT id FROM main.SCHEMA.bronze ORDER BY id")
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


def test_a_destination_in_another_volume_is_refused(project: Project) -> None:
    write(project, schemaHints="id INT", cleanSource="MOVE", cleanSource__moveDestination="/done")
    with pytest.raises(GraphError) as raised:
        project.run()
    assert [each.code for each in raised.value.faults] == ["AUTOLOADER_OPTION_INVALID"]

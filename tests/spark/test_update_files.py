"""Auto Loader's options that only a whole update shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from harness import Project

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

"""What a run changes in PySpark: every row of the table exists there, acts and is undone."""

from __future__ import annotations

from typing import cast

import pyspark.pipelines as upstream
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.classic.dataframe import DataFrame as ClassicDataFrame

from headwater.graph.modules import FUNCTIONS
from headwater.sandbox.interception import Interceptor, ReaderRecord, intercepted
from headwater.sandbox.patches import ACTIONS, PATCHES, patched_pyspark

RUNS_NO_JOB = {"writeStream", "write", "writeTo"}


def test_every_patched_attribute_is_pysparks_own() -> None:
    of_sessions = {"_jsparkSession"}  # each session has it, and the class has not
    missing = [(o.__name__, name) for o, name, _ in PATCHES if name not in o.__dict__]
    assert missing == [("SparkSession", name) for name in of_sessions]
    assert [name for name in ACTIONS if name not in ClassicDataFrame.__dict__] == []


def test_patches_are_undone() -> None:
    def now() -> list[object]:
        return [owner.__dict__.get(name) for owner, name, _ in PATCHES]

    before = now()
    with patched_pyspark():
        changed = now()
        with patched_pyspark():
            assert now() == changed
        assert now() == changed
    assert now() == before
    assert all(new is not old for new, old in zip(changed, before, strict=True))


def test_upstream_names_are_all_known() -> None:
    ours = set(FUNCTIONS)
    theirs = set(upstream.__all__)
    assert theirs - ours == set()


def test_patched_methods_work_outside_an_evaluation(spark: SparkSession) -> None:
    with patched_pyspark():
        frame: DataFrame = spark.sql("SELECT 1 AS one")
        assert frame.collect()[0].one == 1
        assert frame.count() == 1


@pytest.mark.parametrize("name", sorted(set(ACTIONS)))
def test_every_action_is_a_method_or_property(name: str) -> None:
    found = ClassicDataFrame.__dict__[name]
    assert callable(found) or isinstance(found, property)


class Recorder:
    """Takes down what user code told an Auto Loader reader."""

    def __init__(self, frame: DataFrame) -> None:
        self.frame, self.spark = frame, frame.sparkSession

    def read_cloud_files(self, recorded: ReaderRecord, path: str | None) -> DataFrame:
        self.told = (recorded.schema, recorded.options, path)
        return self.frame


def test_load_tells_format_schema_and_options_like_the_methods(spark: SparkSession) -> None:
    frame = spark.range(0)
    seen = Recorder(frame)
    with patched_pyspark(), intercepted(cast(Interceptor, seen)):
        spark.readStream.load("/in", format="cloudFiles", schema="a INT", header=True)
        by_name = seen.told
        spark.readStream.load("/in", "cloudFiles", "a INT", header=True)
        by_place = seen.told
        reader = spark.readStream.format("cloudFiles").schema("a INT").option("header", True)
        reader.load("/in")
    assert by_name == by_place == seen.told == ("a INT", {"header": "true"}, "/in")

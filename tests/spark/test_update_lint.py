"""Warnings of an update: from its files, its plans and its expectations; and `strict`."""

from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from harness import Project
from headwater.analysis.findings import folded_conditions, stateful_operators
from headwater.errors import GraphError, Location
from headwater.graph.model import Action, Expectation
from headwater.lint.expectations import check_constant_rules, may_be_constant
from headwater.lint.streams import StatefulOperator

HURTS = """
    from pyspark import pipelines as dp
    from pyspark.sql import functions as F
    from helper import shared

    spark.conf.set("my.flag", "yes")

    @dp.table
    @dp.expect("anything", "id IS NULL OR id IS NOT NULL")
    @dp.expect("nothing", "id = NULL")
    @dp.expect("some", "id > 0 AND current_date() > DATE'2020-01-01'")
    def plain():
        return shared(spark.range(3))

    @dp.table
    def events():
        return spark.readStream.format("rate").load()

    @dp.temporary_view
    def late_events():
        return spark.readStream.table("events").withWatermark("timestamp", "1 minute")

    @dp.table
    def bounded():
        return spark.readStream.table("late_events").dropDuplicates(["value", "timestamp"])

    @dp.table
    def unbounded():
        return spark.readStream.table("events").dropDuplicates(["value"])

    @dp.table
    def joined():
        left = spark.readStream.table("events")
        return left.join(spark.readStream.table("events").select("value"), "value")
"""
HELPER = """
    def shared(df):
        return df.cache()
"""
FOUND = [
    ("CONF_SET_IN_SOURCE", 6),
    ("EXPECTATION_ALWAYS_TRUE", 8),
    ("EXPECTATION_NEVER_TRUE", 8),
    ("DEDUPLICATION_WITHOUT_WATERMARK", 27),
    ("JOIN_WITHOUT_WATERMARK", 31),
]


def places(warnings: Any) -> dict[str, list[tuple[str, int]]]:
    """Code and line of each warning, by the name of its file."""
    found: dict[str, list[tuple[str, int]]] = {}
    for each in warnings:
        name = each.where.file.rpartition("/")[2]
        found.setdefault(name, []).append((each.code, each.where.line))
    return found


def test_update_warns_of_all_that_hurts_in_the_order_of_lines(project: Project) -> None:
    project.write(HELPER, "helper.py")
    project.write(HURTS)
    result = project.run()
    assert result.state == "COMPLETED"
    assert places(result.graph.warnings) == {
        "helper.py": [("SERVERLESS_CACHE", 3)],
        "main.py": FOUND,
    }


def test_strict_update_reports_all_of_them_and_writes_nothing(project: Project) -> None:
    project.write(HELPER, "helper.py")
    project.write(HURTS)
    with pytest.raises(GraphError) as caught:
        project.run(strict=True)
    assert places(caught.value.faults)["main.py"] == FOUND
    assert caught.value.exit_code == 1
    assert list(project.store.tables()) == []


def test_strict_validation_reports_faults_and_warnings_together(project: Project) -> None:
    project.write("""
        import dlt

        spark.conf.set("my.flag", "yes")

        @dlt.table
        def t():
            return dlt.read("nowhere")
    """)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True, strict=True)
    assert [each.code for each in caught.value.faults] == ["CONF_SET_IN_SOURCE", "TABLE_NOT_FOUND"]


def test_option_that_auto_loader_does_not_have_is_ignored_with_a_warning(project: Project) -> None:
    project.write(f"""
        import dlt

        @dlt.table
        def events():
            reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
            return reader.schema("id INT").option("ignoreChanges", True).load("{project.volume}")
    """)
    found = project.run(validate_only=True).graph.warnings
    assert places(found) == {"main.py": [("AUTOLOADER_OPTION_IGNORED", 7)]}
    assert "'ignoreChanges'" in str(found[0])
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True, strict=True)
    assert [each.code for each in caught.value.faults] == ["AUTOLOADER_OPTION_IGNORED"]


def test_stream_that_begins_with_the_latest_version_is_warned_of(project: Project) -> None:
    project.create("rows", "SELECT 1 AS id")
    project.write("""
        from pyspark import pipelines as dp

        @dp.table
        def t():
            reader = spark.readStream.option("startingVersion", "latest")
            return reader.table("SCHEMA.rows")
    """)
    found = project.run(validate_only=True).graph.warnings
    assert places(found) == {"main.py": [("STARTING_VERSION_LATEST", 7)]}


def test_sound_pipeline_is_run_by_strict(project: Project) -> None:
    project.write("""
        import dlt

        @dlt.table
        @dlt.expect("known", "id IS NOT NULL")
        @dlt.expect("in_range", "id BETWEEN 0 AND 100 OR id IS NULL")
        def t():
            return spark.range(3).dropDuplicates(["id"])
    """)
    result = project.run(strict=True)
    assert (result.state, result.graph.warnings) == ("COMPLETED", ())


def test_rules_of_an_auto_cdc_target_are_looked_at_on_its_source(project: Project) -> None:
    project.write("""
        import dlt

        @dlt.table
        def events():
            return spark.readStream.format("rate").load()

        dlt.create_streaming_table("now", expect_all={"a": "op IS NULL", "b": "op <> NULL"})
        dlt.create_auto_cdc_flow(
            target="now", source="changes", keys=["value"], sequence_by="timestamp",
            except_column_list=["op"],
        )

        @dlt.view
        def changes():
            return dlt.read_stream("events").selectExpr("*", "CAST(NULL AS STRING) AS op")
    """)
    warnings = project.run(validate_only=True).graph.warnings
    assert [each.code for each in warnings] == ["EXPECTATION_NEVER_TRUE"]


CONDITIONS = {
    "1 = 1": True,
    "true": True,
    "1": True,
    "id > 0 OR TRUE": True,
    "'a' = 'a'": True,
    "id IS NULL OR id IS NOT NULL": True,
    "NOT (id IS NULL AND id IS NOT NULL)": True,
    "1 = 0": False,
    "id = NULL": False,
    "id <> NULL": False,
    "NOT (id = NULL)": False,
    "id IN (NULL)": False,
    "flag AND false": False,
    "NULL": False,
    "id IS NULL AND id IS NOT NULL": False,
    "id = id": None,
    "id IS NOT NULL": None,
    "id <=> NULL": None,
    "name LIKE '%'": None,
    "flag": None,
    "1/0 = 1": None,
    "rand() < 2": None,
    "current_date() > DATE'2020-01-01'": None,
    "coalesce(name, 'x') = 'x'": None,
}


def test_only_certain_conditions_are_found(spark: SparkSession) -> None:
    schema = StructType.fromDDL("id BIGINT NOT NULL, name STRING, flag BOOLEAN")
    suspects = [each for each in CONDITIONS if may_be_constant(each, schema.names)]
    folded = folded_conditions(spark, schema, suspects)
    codes = {
        each: [
            finding.code
            for finding in check_constant_rules(
                [Expectation("rule", each, Action.WARN)], folded, "t", Location("a.py")
            )
        ]
        for each in CONDITIONS
    }
    expected = {True: ["EXPECTATION_ALWAYS_TRUE"], False: ["EXPECTATION_NEVER_TRUE"], None: []}
    assert codes == {each: expected[value] for each, value in CONDITIONS.items()}


def test_operators_with_state_are_read_from_plans(spark: SparkSession) -> None:
    stream = spark.readStream.format("rate").load()
    late = stream.withWatermark("timestamp", "1 minute")
    duplicates = [
        late.dropDuplicates(["value"]),
        late.dropDuplicates(["value", "timestamp"]),
        stream.distinct(),
    ]
    assert [stateful_operators(each) for each in duplicates] == [
        [StatefulOperator(False, True, False)],
        [StatefulOperator(False, True, True)],
        [StatefulOperator(False, False, False)],
    ]
    joins = [
        stream.join(late.select("value"), "value"),
        late.join(late.selectExpr("value", "timestamp AS t"), "value"),
        late.join(stream, ["value", "timestamp"]),
    ]
    assert [stateful_operators(each) for each in joins] == [
        [StatefulOperator(True, False, False)],
        [StatefulOperator(True, True, False)],
        [StatefulOperator(True, False, True)],
    ]
    batch = spark.range(3)
    without = [
        stream.join(batch.withColumnRenamed("id", "value"), "value"),
        late.dropDuplicatesWithinWatermark(["value"]),
        batch.dropDuplicates(),
        stream.where("value > 1"),
    ]
    assert [stateful_operators(each) for each in without] == [[], [], [], []]

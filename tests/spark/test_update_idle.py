"""Flows whose inputs have not moved do nothing; whatever else an answer rests on makes them run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.listener import StreamingQueryListener

from harness import Project
from headwater.analysis.plans import _digest, query_plan
from headwater.analysis.schemas import placeholder
from headwater.errors import UpdateError
from headwater.names import TableName
from headwater.sandbox.sql_plans import qualified

STREAMS = """
from pyspark import pipelines as dp

@dp.temporary_view
def landed():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("VOLUME"))

@dp.table
@dp.expect_or_drop("positive", "id > 0")
def bronze():
    return spark.readStream.table("landed")

dp.create_streaming_table("history")
dp.create_auto_cdc_flow(target="history", source="bronze", keys=["id"], sequence_by="seq",
                        stored_as_scd_type=2)
"""

VIEW = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.materialized_view
def answer():
    return QUERY
"""


class Started(StreamingQueryListener):
    """The names of the streaming queries that were started."""

    def __init__(self) -> None:
        self.names: list[str | None] = []

    def onQueryStarted(self, event: Any) -> None:  # noqa: N802 - Spark's name
        self.names.append(event.name)

    def onQueryProgress(self, event: Any) -> None:  # noqa: N802
        pass

    def onQueryIdle(self, event: Any) -> None:  # noqa: N802
        pass

    def onQueryTerminated(self, event: Any) -> None:  # noqa: N802
        pass


@pytest.fixture
def started(spark: SparkSession) -> Iterator[list[str | None]]:
    listener = Started()
    spark.streams.addListener(listener)
    yield listener.names
    spark.streams.removeListener(listener)


def land(project: Project, file: str, **columns: list[object]) -> None:
    pq.write_table(pa.table(columns), project.landing / f"{file}.parquet")


def version(project: Project, table: str) -> int:
    path = project.store.table_path(TableName("main", project.schema, table))
    return int(DeltaTable(path).version())


def techniques(project: Project) -> list[str]:
    """How the materialized views of the latest update were brought up to date."""
    planned = [each for each in project.events() if each["event_type"] == "planning_information"]
    return [
        each["details"]["planning_information"]["technique_information"][0]["maintenance_type"]
        for each in planned
    ]


def test_streams_without_news_are_not_started(project: Project, started: list[str | None]) -> None:
    project.write(STREAMS)
    land(project, "a", id=[-1, 1, 2], seq=[1, 1, 1])
    project.run()
    assert started == ["bronze", "history"]
    result = project.run()
    assert started == ["bronze", "history"]
    assert [flow.status for flow in result.flows] == ["COMPLETED", "COMPLETED"]
    land(project, "b", id=[2, 3], seq=[2, 2])
    project.run()
    assert started == ["bronze", "history"] * 2
    project.run()
    assert started == ["bronze", "history"] * 2
    assert project.values("SELECT count(*) FROM SCHEMA.history") == [4]


def test_rows_written_by_hand_are_news(project: Project, started: list[str | None]) -> None:
    project.write(STREAMS)
    land(project, "a", id=[1], seq=[1])
    project.run()
    project.sql("INSERT INTO SCHEMA.bronze (id, seq) VALUES (7, 1)")
    project.run()
    assert started == ["bronze", "history", "history"]
    assert project.values("SELECT id FROM SCHEMA.history") == [1, 7]


def test_a_failed_flow_is_run_again(project: Project, started: list[str | None]) -> None:
    project.write(STREAMS.replace("expect_or_drop", "expect_or_fail"))
    land(project, "a", id=[1], seq=[1])
    project.run()
    land(project, "b", id=[-1], seq=[1])
    for _ in range(2):
        result = project.run()
        assert isinstance(result.error, UpdateError)
    assert started == ["bronze", "history", "bronze", "bronze"]


def test_a_dropped_table_is_made_again(project: Project) -> None:
    project.write(STREAMS)
    land(project, "a", id=[1], seq=[1])
    project.run()
    project.sql("DROP TABLE SCHEMA.history")
    project.run()
    assert project.values("SELECT id FROM SCHEMA.history") == [1]


@pytest.mark.parametrize(
    "query",
    [
        'spark.readStream.format("rate").option("rowsPerSecond", 1).load()',
        'spark.readStream.table("bronze").dropDuplicates(["id"])',
        'spark.readStream.table("bronze").withWatermark("at", "1 second")',
    ],
    ids=["unknown source", "state", "watermark"],
)
def test_streams_that_may_act_without_rows_are_started(
    project: Project, started: list[str | None], query: str
) -> None:
    project.create("seen", "SELECT 1 AS id, current_timestamp() AS at")
    project.write(f"""
from pyspark import pipelines as dp

@dp.table
def bronze():
    return spark.readStream.table("SCHEMA.seen")

@dp.table
def acting():
    return {query}
""")
    project.run()
    project.run()
    assert (started.count("bronze"), started.count("acting")) == (1, 2)


def test_stream_of_a_table_of_others_waits_for_its_commits(
    project: Project, started: list[str | None]
) -> None:
    project.create("given", "SELECT 1 AS id")
    project.write("""
from pyspark import pipelines as dp

@dp.temporary_view
def seen():
    return spark.readStream.table("SCHEMA.given")

@dp.table
def t():
    return spark.readStream.table("seen")
""")
    project.run()
    project.run()
    assert started == ["t"]
    project.sql("INSERT INTO SCHEMA.given VALUES (2)")
    (flow,) = project.plan().flows
    assert (flow.action, [each.rows for each in flow.waiting]) == ("RUN", [1])
    project.run()
    assert project.values("SELECT id FROM SCHEMA.t") == [1, 2]
    project.sql("DROP TABLE SCHEMA.given")
    project.create("given", "SELECT 3 AS id")
    error = project.run().error
    assert error is not None
    assert "dropped and made again" in error.hint


def test_view_is_kept_while_nothing_moves(project: Project) -> None:
    project.create("given", "SELECT 1 AS id")
    project.write("""
from pyspark import pipelines as dp

@dp.temporary_view
@dp.expect_or_drop("small", "id < 10")
def small():
    return spark.read.table("SCHEMA.given")

@dp.materialized_view
def answer():
    return spark.sql("SELECT max(id) AS id FROM small WHERE id IN (SELECT id FROM SCHEMA.given)")

@dp.materialized_view
def again():
    return spark.read.table("answer")
""")
    project.run()
    assert techniques(project) == ["MAINTENANCE_TYPE_COMPLETE_RECOMPUTE"] * 2
    project.run()
    assert techniques(project) == ["MAINTENANCE_TYPE_NO_OP"] * 2
    assert (version(project, "answer"), version(project, "again")) == (1, 1)
    project.sql("INSERT INTO SCHEMA.given VALUES (5), (50)")
    project.run()
    assert project.values("SELECT id FROM SCHEMA.again") == [5]
    project.run(full_refresh=("*",))
    assert techniques(project) == ["MAINTENANCE_TYPE_COMPLETE_RECOMPUTE"] * 2


def test_view_looks_at_its_table_and_not_at_one_of_another_catalog(project: Project) -> None:
    project.create("given", "SELECT 1 AS id")
    other = TableName("aaa", project.schema, "given")
    write_deltalake(project.store.table_path(other), pa.table({"id": [7]}))
    project.write("""
from pyspark import pipelines as dp

@dp.materialized_view
def answer():
    return spark.read.table("main.SCHEMA.given")
""")
    project.run()
    project.sql("INSERT INTO main.SCHEMA.given VALUES (2)")
    project.run()
    assert project.values("SELECT id FROM main.SCHEMA.answer") == [1, 2]


@pytest.mark.parametrize(
    "query",
    [
        "spark.range(1).select(F.current_timestamp().alias('at'))",
        "spark.range(1).select(F.rand().alias('r'))",
        "spark.range(1).select(F.udf(lambda x: x, 'long')('id').alias('x'))",
        "spark.sql('SELECT (SELECT current_date()) AS day')",
        "spark.read.parquet('VOLUME')",
        "spark.createDataFrame([(1,)], 'id int')",
        "spark.sql(\"SELECT CAST('now' AS TIMESTAMP) AS at\")",
    ],
    ids=["now", "rand", "udf", "subquery", "files", "rows", "text"],
)
def test_view_that_may_differ_is_recomputed(project: Project, query: str) -> None:
    land(project, "a", id=[1])
    project.write(VIEW.replace("QUERY", query))
    project.run()
    project.run()
    assert version(project, "answer") == 2


@pytest.mark.parametrize("where", ["answer", "recent"])
def test_rule_that_depends_on_the_day_is_judged_anew(project: Project, where: str) -> None:
    rule = '@dp.expect_or_drop("recent", "current_timestamp() > timestamp \'2020-01-01\'")'
    rules = {"answer": "", "recent": "", where: rule}
    project.write(f"""
from pyspark import pipelines as dp

@dp.temporary_view
{rules["recent"]}
def recent():
    return spark.range(1)

@dp.materialized_view
{rules["answer"]}
def answer():
    return spark.read.table("recent")
""")
    project.run()
    project.run()
    assert version(project, "answer") == 2


def test_view_follows_its_source_text_and_what_it_imports(project: Project) -> None:
    project.write(VIEW.replace("QUERY", "spark.range(1)"))
    project.run()
    project.write("FACTOR = 2", "factors.py")
    project.write(VIEW.replace("QUERY", "spark.range(1)") + "\n\nfrom factors import FACTOR")
    project.run()
    assert version(project, "answer") == 2
    project.run()
    assert version(project, "answer") == 2
    project.write("FACTOR = 3", "factors.py")
    project.run()
    assert version(project, "answer") == 3


def test_view_follows_values_that_only_the_plan_shows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAY", "#1")
    source = "import os\n" + VIEW.replace(
        "QUERY", "spark.range(1).select(F.lit(os.environ['DAY']).alias('day'))"
    )
    project.write(source)
    project.run()
    monkeypatch.setenv("DAY", "#2")
    project.run()
    assert project.values("SELECT day FROM SCHEMA.answer") == ["#2"]


def test_view_changed_by_hand_is_recomputed(project: Project) -> None:
    project.write(VIEW.replace("QUERY", "spark.range(2)"))
    project.run()
    project.sql("DELETE FROM SCHEMA.answer WHERE id = 1")
    project.run()
    assert project.values("SELECT id FROM SCHEMA.answer") == [0, 1]


def test_input_that_was_dropped_and_made_again_is_news(project: Project) -> None:
    project.create("given", "SELECT 1 AS id")
    project.write(VIEW.replace("QUERY", "spark.read.table('SCHEMA.given')"))
    project.run()
    project.sql("DROP TABLE SCHEMA.given")
    project.create("given", "SELECT 2 AS id")
    project.run()
    assert project.values("SELECT id FROM SCHEMA.answer") == [2]


def test_tables_that_are_read_past_the_pipeline_are_read_again(project: Project) -> None:
    """At load time, or for another dataset: nobody sees which tables such a frame is of."""
    project.create("given", "SELECT 1 AS id")
    project.write("""
import functools
from pyspark import pipelines as dp

GIVEN = spark.read.table("SCHEMA.given")

@functools.cache
def given():
    return spark.read.table("SCHEMA.given")

@dp.materialized_view
def at_load():
    return GIVEN

@dp.materialized_view
def first():
    return given()

@dp.materialized_view
def second():
    return given()
""")
    project.run()
    project.sql("INSERT INTO SCHEMA.given VALUES (2)")
    project.run()
    for table in ("at_load", "first", "second"):
        assert project.values(f"SELECT id FROM SCHEMA.{table}") == [1, 2]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("spark.sql('SELECT id FROM SCHEMA.given VERSION AS OF ' + os.environ['V'])", ("0", "1")),
        (
            "spark.range(1).select(F.greatest(*[F.lit('')]*40, F.lit(os.environ['V']))).toDF('v')",
            "xy",
        ),
        ("spark.range(1).selectExpr(f\"cast('{os.environ['V']}' as int) AS id\")", "12"),
    ],
    ids=["time travel", "long arguments", "literal"],
)
def test_view_follows_what_comes_from_outside(
    project: Project, monkeypatch: pytest.MonkeyPatch, query: str, values: str
) -> None:
    project.create("given", "SELECT 1 AS id")
    project.sql("INSERT INTO SCHEMA.given VALUES (2)")
    project.write("import os\n" + VIEW.replace("QUERY", query))
    for value in values:
        monkeypatch.setenv("V", value)
        project.run()
    assert version(project, "answer") == 2


def test_view_follows_settings_of_its_source(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import os\nspark.conf.set('spark.sql.mapKeyDedupPolicy', os.environ['V'])\n"
    project.write(source + VIEW.replace("QUERY", "spark.range(1)"))
    for value in ("EXCEPTION", "LAST_WIN", "LAST_WIN"):
        monkeypatch.setenv("V", value)
        project.run()
    assert version(project, "answer") == 2


def test_stream_whose_checkpoint_is_older_than_its_note_is_started(project: Project) -> None:
    """As after a power cut, or a state that was copied in parts."""
    project.write(STREAMS)
    land(project, "a", id=[1], seq=[1])
    project.run()
    root = project.store.root
    shutil.copytree(root, project.folder / "before")
    land(project, "b", id=[2], seq=[1])
    project.run()
    notes = root / "pipelines" / "flow" / "standings"
    shutil.copytree(notes, project.folder / "notes")
    shutil.rmtree(root / "tables")
    shutil.rmtree(root / "pipelines")
    for part in ("tables", "pipelines"):
        shutil.copytree(project.folder / "before" / part, root / part)
    shutil.rmtree(notes)
    shutil.copytree(project.folder / "notes", notes)
    project.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    project.run()
    assert project.values("SELECT id FROM SCHEMA.history") == [1, 2]


def test_digest_tells_plans_apart_and_not_analyses(spark: SparkSession) -> None:
    schema = spark.range(0).schema

    def read(table: str) -> Any:
        return qualified(placeholder(spark, schema, False), TableName("main", "s", table))

    def digest(query: Any) -> str:
        return query_plan(query).digest

    assert digest(read("a").exceptAll(read("b"))) == digest(read("a").exceptAll(read("b")))
    assert digest(read("a").exceptAll(read("b"))) != digest(read("b").exceptAll(read("a")))
    one, two = (read("a").where(F.lit(text) == "x") for text in ("#1", "#2"))
    assert digest(one) != digest(two)
    day = query_plan(read("a"), read_options=["main.s.a False [('timestampAsOf', '2026-01-01')]"])
    assert day.digest != digest(read("a"))
    wide = spark.range(1).select(*[F.lit(n).alias(f"c{n}") for n in range(60)])
    other = spark.range(1).select(*[F.lit(n + (n == 59)).alias(f"c{n}") for n in range(60)])
    assert digest(wide) != digest(other)


def test_digest_does_not_depend_on_the_order_that_a_process_hashes_conditions_in() -> None:
    sides = "isnull(none#0)", "isnotnull(none#1[amount])", "(none#2 = #7)"
    one, other = (f"Filter ({' AND '.join(each)})" for each in (sides, sides[::-1]))
    text = "Filter (isnull(id#12) AND isnotnull(s#13[amount]) AND (x#14 = #7))"
    assert _digest(one, text) == _digest(other, text)
    assert _digest(one, text) != _digest(one.replace("#7", "#8"), text)


@pytest.mark.parametrize("way", ["mapInArrow", "mapInPandas"])
def test_stream_through_a_python_function_does_nothing_without_rows(
    spark: SparkSession, way: str
) -> None:
    stream = placeholder(spark, spark.range(0).schema, True)

    def itself(batches: Iterator[Any]) -> Iterator[Any]:
        return batches

    plans = [query_plan(getattr(stream, way)(itself, "id bigint")) for _ in range(2)]
    assert plans[0].is_idle_without_rows
    assert not plans[0].is_repeatable
    assert plans[0].digest == plans[1].digest

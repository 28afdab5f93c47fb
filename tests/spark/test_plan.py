"""What a plan tells is what the update would do; nothing is written to find out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from harness import Project
from headwater.analysis.changes import ColumnChange
from headwater.errors import GraphError, UsageError
from headwater.planning import PlannedFlow, PlannedTable, UpdatePlan

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.table
def bronze():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("VOLUME"))

@dp.temporary_view
def changes():
    return spark.readStream.table("bronze")

dp.create_streaming_table("history")
dp.create_auto_cdc_flow(target="history", source="changes", keys=["id"], sequence_by="seq",
                        stored_as_scd_type=2)

dp.create_streaming_table("log")

@dp.append_flow(target="log", name="to_log")
def to_log():
    return spark.readStream.table("bronze")

@dp.append_flow(target="log", name="first_rows", once=True)
def first_rows():
    return spark.createDataFrame([(0, 0)], "id BIGINT, seq BIGINT")

@dp.materialized_view
def totals():
    return spark.read.table("bronze").groupBy("id").agg(F.max("seq").alias("seq"))

@dp.materialized_view
def clock():
    return spark.range(1).select(F.current_timestamp().alias("at"))
"""


def land(project: Project, file: str, **columns: list[int]) -> int:
    path = project.landing / f"{file}.parquet"
    pq.write_table(pa.table(columns), path)
    return path.stat().st_size


@pytest.fixture(scope="module")
def updated(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A pipeline that has run once; plans of its tests leave it as it is."""
    project = Project(spark, tmp_path_factory.mktemp("plan"))
    project.write(SOURCE)
    land(project, "a", id=[1, 2], seq=[1, 1])
    assert project.run().state == "COMPLETED"
    return project


@pytest.fixture
def ran(updated: Project) -> Project:
    """The same, with its own source again."""
    updated.write(SOURCE)
    return updated


def plan_of(project: Project, *changes: tuple[str, str]) -> UpdatePlan:
    """Plan an update of the source with some words replaced."""
    source = SOURCE
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    project.write(source)
    return project.plan()


def tables(plan: UpdatePlan) -> dict[str, PlannedTable]:
    return {each.name.rpartition(".")[2]: each for each in plan.tables}


def flows(plan: UpdatePlan) -> dict[str, PlannedFlow]:
    return {each.name: each for each in plan.flows}


def losses(plan: UpdatePlan) -> list[tuple[str, str]]:
    return [(each.code, each.table.rpartition(".")[2]) for each in plan.losses]


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a state folder."""
    files = (each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def test_new_pipeline_creates_everything_and_plan_writes_nothing(project: Project) -> None:
    project.write(SOURCE)
    size = land(project, "a", id=[1], seq=[1])
    before = contents(project.folder)
    plan = project.plan()
    assert {each.action for each in plan.tables} == {"CREATE"}
    assert {each.action for each in plan.flows} == {"RUN"}
    assert [each.name for each in plan.flows if each.starts_over] == [
        "bronze",
        "history",
        "to_log",
    ]
    (waiting,) = flows(plan)["bronze"].waiting
    assert (waiting.source, waiting.files, waiting.bytes) == (project.volume, 1, size)
    assert plan.losses == plan.refusals == ()
    assert contents(project.folder) == before


def test_nothing_new_rests_but_what_reads_the_clock(ran: Project) -> None:
    before = contents(ran.store.root)
    plan = ran.plan()
    assert {each.action for each in plan.tables} == {"KEEP"}
    running = [each for each in plan.flows if each.action == "RUN"]
    assert [each.name for each in running] == ["clock"]
    assert running[0].reason.startswith("runs each time")
    assert flows(plan)["first_rows"].reason == "runs once, and has run"
    assert plan.losses == plan.refusals == ()
    assert contents(ran.store.root) == before


def test_flows_follow_the_tables_that_are_written_before_them(ran: Project) -> None:
    size = land(ran, "b", id=[3], seq=[1])
    try:
        plan = ran.plan()
    finally:
        (ran.landing / "b.parquet").unlink()
    (waiting,) = flows(plan)["bronze"].waiting
    assert (waiting.files, waiting.bytes, waiting.rows) == (1, size, None)
    (read,) = flows(plan)["to_log"].waiting
    assert (read.files, read.bytes, read.rows) == (0, 0, 0)
    follows = f"reads main.{ran.schema}.bronze, which this update writes"
    assert [each.name for each in plan.flows if each.reason == follows] == [
        "history",
        "to_log",
        "totals",
    ]


def test_rows_that_a_table_has_for_its_readers_are_counted(project: Project) -> None:
    project.create("given", "SELECT 1 AS id")
    project.write(
        """
        from pyspark import pipelines as dp

        @dp.table
        def copied():
            return spark.readStream.table("given")
        """
    )
    (before,) = project.plan().flows[0].waiting
    assert (before.source, before.files, before.rows) == (f"main.{project.schema}.given", 1, 1)
    project.run()
    project.sql("INSERT INTO SCHEMA.given VALUES (2), (3)")
    (waiting,) = project.plan().flows[0].waiting
    assert waiting.rows == 2
    project.sql("OPTIMIZE SCHEMA.given")  # rewrites all rows, and none is new
    (waiting,) = project.plan().flows[0].waiting
    assert waiting.rows == 2


def test_columns_that_readers_lose_are_destructive(ran: Project) -> None:
    plan = plan_of(
        ran, ('F.max("seq").alias("seq")', 'F.max("seq").cast("string").alias("seq"), F.lit(1)')
    )
    assert tables(plan)["totals"].columns == (
        ColumnChange("seq", "bigint", "string"),
        ColumnChange("1", None, "int"),
    )
    assert losses(plan) == [("COLUMN_RETYPED", "totals")]
    plan = plan_of(ran, ('groupBy("id")', "groupBy()"))
    assert tables(plan)["totals"].columns == (ColumnChange("id", "bigint", None),)
    assert losses(plan) == [("COLUMN_DROPPED", "totals")]


def test_view_that_is_not_selected_keeps_its_columns(ran: Project) -> None:
    ran.write(SOURCE.replace('groupBy("id")', "groupBy()"))
    plan = ran.plan(refresh=("clock",))
    assert (tables(plan)["totals"].action, losses(plan)) == ("KEEP", [])


def test_field_that_a_streaming_table_no_longer_gets_stays(project: Project) -> None:
    fields = 'F.lit(1).alias("a"), F.lit(2).alias("b")'
    source = (
        "from pyspark import pipelines as dp\n"
        "from pyspark.sql import functions as F\n"
        "@dp.table\n"
        "def kept():\n"
        f"    return spark.readStream.table('given').select(F.struct({fields}).alias('s'))\n"
    )
    project.create("given", "SELECT 1 AS id")
    project.write(source)
    assert project.run().state == "COMPLETED"
    project.write(source.replace(fields, 'F.lit(1).alias("a"), F.lit(2).alias("c")'))
    plan = project.plan()
    assert tables(plan)["kept"].columns == (ColumnChange("s.c", None, "int"),)
    assert losses(plan) == []
    assert project.run().state == "COMPLETED"
    assert tables(project.plan())["kept"].columns == ()


def test_column_that_a_streaming_table_no_longer_gets_stays(ran: Project) -> None:
    changed = 'def to_log():\n    return spark.readStream.table("bronze")'
    plan = plan_of(ran, (changed, changed + '.select("id", (F.col("seq") * 2).alias("twice"))'))
    assert tables(plan)["log"].columns == (ColumnChange("twice", None, "bigint"),)
    assert losses(plan) == []


def test_renamed_flow_writes_its_rows_twice(ran: Project) -> None:
    plan = plan_of(ran, ('name="to_log"', 'name="into_log"'))
    assert losses(plan) == [("FLOW_STARTS_OVER", "log")]
    assert "'to_log'" in plan.losses[0].message
    assert flows(plan)["into_log"].starts_over
    (waiting,) = flows(plan)["into_log"].waiting
    assert (waiting.source, waiting.rows) == (f"main.{ran.schema}.bronze", 2)


def test_second_flow_into_a_table_is_not_destructive(ran: Project) -> None:
    more = """
@dp.append_flow(target="log", name="more")
def more():
    return spark.readStream.table("bronze")
"""
    ran.write(SOURCE + more)
    plan = ran.plan()
    assert flows(plan)["more"].starts_over
    assert losses(plan) == []


def test_reset_checkpoint_doubles_appended_rows_but_not_merged_ones(ran: Project) -> None:
    plan = ran.plan(reset_checkpoints=("to_log", "bronze", "history"))
    assert losses(plan) == [("FLOW_STARTS_OVER", "bronze"), ("FLOW_STARTS_OVER", "log")]
    assert flows(plan)["bronze"].waiting[0].files == 1
    assert flows(plan)["to_log"].waiting[0].rows == 2
    assert [each.name for each in plan.flows if each.reason == "its checkpoint is reset"] == [
        "bronze",
        "history",
        "to_log",
    ]


def test_full_refresh_deletes_the_rows_of_streaming_tables_only(ran: Project) -> None:
    plan = ran.plan(full_refresh=("log", "totals"))
    assert losses(plan) == [("FULL_REFRESH", "log")]
    told = flows(plan)
    assert (told["to_log"].starts_over, told["first_rows"].action) == (True, "RUN")
    assert told["bronze"].action == "EXCLUDED"
    assert tables(plan)["totals"].action == "FULL_REFRESH"


def test_gone_dropped_and_changed_tables_are_told_apart(ran: Project) -> None:
    plan = plan_of(
        ran,
        ("def clock", "def watch"),
        ("@dp.table\ndef bronze", "@dp.table(comment='raw')\ndef bronze"),
        (
            'create_streaming_table("log")',
            'create_streaming_table("log", table_properties={"quality": "low"})',
        ),
    )
    told = tables(plan)
    assert (told["clock"].action, told["watch"].action) == ("INACTIVE", "CREATE")
    assert (told["bronze"].action, told["bronze"].settings) == ("CHANGE", ("comment",))
    assert told["log"].settings == ("quality = low",)
    assert losses(plan) == []


def test_changed_auto_cdc_is_refused_until_a_full_refresh(ran: Project) -> None:
    ran.write(SOURCE.replace("stored_as_scd_type=2", "stored_as_scd_type=1"))
    plan = ran.plan()
    assert [each.code for each in plan.refusals] == ["AUTOCDC_STATE_CHANGED"]
    plan = ran.plan(full_refresh=("history",))
    assert plan.refusals == ()
    assert losses(plan) == [("FULL_REFRESH", "history")]


def test_type_that_a_table_cannot_follow_is_refused_before_anything_is_made(ran: Project) -> None:
    as_text = """.select("id", F.col("seq").cast("string"))

@dp.table
def new():
    return spark.readStream.table("bronze")
"""
    flow = 'def to_log():\n    return spark.readStream.table("bronze")'
    plan = plan_of(
        ran,
        (flow, flow + as_text),
        ('(0, 0)], "id BIGINT, seq BIGINT"', '(0, "0")], "id BIGINT, seq STRING"'),
    )
    assert [each.code for each in plan.refusals] == ["SCHEMA_CHANGED"]
    assert "'seq' from bigint to string" in plan.refusals[0].message
    assert tables(plan)["new"].action == "CREATE"
    for request in ({"validate_only": True}, {}):
        with pytest.raises(GraphError, match="'seq' from bigint to string"):
            ran.run(**request)
    assert not ran.store.table_path(ran.name("new")).exists()
    assert ran.plan(full_refresh=("log",)).refusals == ()


def test_changed_code_runs_what_it_may_change(ran: Project) -> None:
    plan = plan_of(ran, ('F.max("seq")', 'F.min("seq")'))
    assert flows(plan)["bronze"].reason == "its source, configuration or table has changed"


def test_plan_tells_what_the_update_then_does(project: Project) -> None:
    """What rests commits nothing, and what runs because its inputs changed commits something."""
    source = (
        SOURCE[: SOURCE.index("@dp.temporary_view")] + SOURCE[SOURCE.index("def totals") - 22 :]
    )

    def versions() -> dict[str, int]:
        names = ("bronze", "totals", "clock")
        paths = {each: project.store.table_path(project.name(each)) for each in names}
        return {each: DeltaTable(path).version() for each, path in paths.items()}

    project.write(source)
    land(project, "a", id=[1], seq=[1])
    project.run()
    for text, file, expected in (
        (source, "b", {"bronze", "totals", "clock"}),
        (source.replace("F.max", "F.min"), "", {"totals", "clock"}),
    ):
        project.write(text)
        if file:
            land(project, file, id=[7], seq=[7])
        plan, before = project.plan(), versions()
        project.run()
        assert {each for each, number in versions().items() if number > before[each]} == expected
        assert {each.name for each in plan.flows if each.action == "RUN"} >= expected


def test_fault_in_the_source_is_the_error_of_the_update(ran: Project) -> None:
    ran.write(SOURCE.replace('table("bronze").groupBy', 'table("bronce").groupBy'))
    with pytest.raises(GraphError):
        ran.plan()


def test_unknown_names_are_refused(ran: Project) -> None:
    for request in ({"refresh": ("lgo",)}, {"reset_checkpoints": ("to_lgo",)}):
        with pytest.raises(UsageError):
            ran.plan(**request)

"""What we assume of Spark's and Delta's inside; an upgrade that changes it fails here."""

import threading
import time
from pathlib import Path

import pytest
from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

from harness import Project
from headwater.machine.session import add_functions
from headwater.names import TableName
from headwater.observed import observed
from headwater.sandbox.sql_plans import query_over
from headwater.sandbox.sql_text import SqlText
from headwater.state.catalog import register_table
from headwater.state.store import Store


def test_registered_table_is_found_by_all_its_names(spark: SparkSession, tmp_path: Path) -> None:
    name = TableName("main", "internals", "t")
    store = Store(tmp_path)
    path = store.table_path(name)
    spark.range(3).write.format("delta").save(str(path))
    register_table(spark, name, path, store)
    register_table(spark, name, path, store)
    counts = [spark.table(each).count() for each in ("main.internals.t", "internals.t")]
    assert counts == [3, 3]
    spark.sql("DROP TABLE main.internals.t")
    assert not path.exists()
    spark.sql("DROP SCHEMA internals CASCADE")


def test_parser_tells_where_relations_stand(spark: SparkSession) -> None:
    text = (
        "WITH w AS (SELECT * FROM STREAM(`a b`.c) AS x) "
        "SELECT (SELECT max(i) FROM d) FROM w JOIN e.f USING (i) JOIN STREAM g"
    )
    found = [
        (r.parts, r.streaming, text[r.start : r.end]) for r in SqlText(spark, text).relations()
    ]
    assert sorted(found) == [
        (("a b", "c"), True, "`a b`.c"),
        (("d",), False, "d"),
        (("e", "f"), False, "e.f"),
        (("g",), True, "g"),
    ]


def test_parser_knows_commands(spark: SparkSession) -> None:
    kinds = {
        text: SqlText(spark, text).is_command
        for text in ("SELECT 1", "INSERT INTO t SELECT 1", "CREATE TABLE t (a INT)", "SHOW TABLES")
    }
    assert list(kinds.values()) == [False, True, True, True]


def records_read(spark: SparkSession) -> int:
    """How many records all stages of the session have read so far."""
    spark._jsc.sc().listenerBus().waitUntilEmpty()
    no_quantiles = spark.sparkContext._gateway.new_array(spark._jvm.double, 0)
    stages = spark._jsc.sc().statusStore().stageList(None, False, False, no_quantiles, None)
    return sum(stages.apply(index).inputRecords() for index in range(stages.size()))


@pytest.mark.parametrize("read", ["spark.read.table", "spark.readStream.table"])
def test_rules_are_counted_in_the_pass_that_writes(
    project: Project, spark: SparkSession, read: str
) -> None:
    project.create("source", "SELECT id FROM range(10000)")
    project.write(f"""
        import dlt

        @dlt.table
        @dlt.expect_or_drop("even", "id % 2 = 0")
        @dlt.expect("small", "id < 10")
        def out():
            return {read}("source")
    """)
    before = records_read(spark)
    flow = project.run().flows[0]
    assert (flow.rows_in, flow.rows_written) == (10_000, 5_000)
    assert 10_000 <= records_read(spark) - before < 12_000


def test_sql_takes_parameters(spark: SparkSession) -> None:
    """Delta's parser loses them, unless a setting of the session has Spark bind them later."""
    given = {"name": "main.default.bound", "text": "it's"}
    spark.sql("CREATE TABLE IDENTIFIER(:name) (x STRING) USING DELTA", given)
    spark.sql("INSERT INTO IDENTIFIER(:name) VALUES (:text)", given)
    spark.sql("UPDATE main.default.bound SET x = :text || '!' WHERE x = :text", given)
    assert spark.sql("SELECT x FROM IDENTIFIER(:name)", given).first() == ("it's!",)
    assert spark.newSession().sql("SELECT :text AS x", given).first() == ("it's",)
    spark.sql("DROP TABLE main.default.bound")


def test_numbers_that_spark_never_delivers_are_not_waited_for_forever(spark: SparkSession) -> None:
    ran, never = Observation(), Observation()
    rows = F.count(F.lit(1)).alias("rows")
    spark.range(3).observe(ran, rows).collect()
    spark.range(3).observe(never, rows)
    assert observed(ran) == {"rows": 3}
    assert observed(never, deadline=time.monotonic()) is None


def test_paths_of_a_batch_read_are_names_and_not_patterns(
    spark: SparkSession, tmp_path: Path
) -> None:
    for name in ("a [1].txt", "a 1.txt"):
        (tmp_path / name).write_text(name)
    reader = spark.read.option("__globPaths__", "false")
    assert reader.text([str(tmp_path / "a [1].txt")]).collect() == [("a [1].txt",)]


def test_query_with_a_frame_in_place_of_a_view_keeps_its_hidden_columns(
    spark: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("x")
    frame = spark.read.text(str(tmp_path))
    for text in (
        "SELECT *, _metadata.file_name AS f FROM v",
        "WITH c AS (SELECT value, _metadata.file_name AS f FROM v) SELECT * FROM c",
        "SELECT v.value, w._metadata.file_name f FROM v AS w JOIN v ON v.value = w.value",
    ):
        assert query_over(spark, text, {"v": frame}).collect() == [("x", "a.txt")], text


def test_checksum_of_a_new_table_is_what_delta_works_out_itself(project: Project) -> None:
    project.write(
        """
        from pyspark import pipelines as dp

        @dp.table(schema="id INT NOT NULL, day DATE", comment="of 'x'", partition_cols=["day"],
                  table_properties={"quality": "gold"})
        def kept():
            return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
                    .schema("id INT, day DATE").load("VOLUME"))
        """
    )
    project.run()
    jvm = project.spark._jvm
    assert jvm is not None
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(
        project.spark._jsparkSession, str(project.store.table_path(project.name("kept")))
    )
    snapshot = log.unsafeVolatileSnapshot()
    assert (snapshot.version(), snapshot.checksumOpt().isDefined()) == (0, True)
    assert snapshot.validateChecksum(getattr(snapshot, "validateChecksum$default$1")())


def test_logs_are_written_without_checksum_files_of_hadoop(
    spark: SparkSession, tmp_path: Path
) -> None:
    jvm, context = spark._jvm, spark.sparkContext._jsc
    assert jvm is not None and context is not None
    files = jvm.org.apache.hadoop.fs.FileContext.getFileContext(
        jvm.java.net.URI.create(tmp_path.as_uri()), context.hadoopConfiguration()
    )
    assert files.getDefaultFileSystem().getClass().getSimpleName() == "RawLocalFs"
    table = tmp_path / "table"
    spark.range(1).write.format("delta").save(str(table))
    assert [each.name for each in (table / "_delta_log").glob(".*")] == []


def test_functions_of_databricks_are_known_by_their_names(spark: SparkSession) -> None:
    session = spark.newSession()
    add_functions(session)
    add_functions(session)
    (row,) = session.sql(
        "SELECT iff(1 > 2, 'a', 'b') AS one, charindex('b', 'abcb') AS first, "
        "charindex('b', 'abcb', 3) AS next, getdate() <= now() AS past"
    ).collect()
    assert row.asDict() == {"one": "b", "first": 2, "next": 4, "past": True}
    frame = session.range(1).select(F.expr("iff(id = 0, 'zero', NULL)"))
    assert frame.collect()[0][0] == "zero"
    session.sql("DROP TEMPORARY FUNCTION getdate")
    session.sql("CREATE TEMPORARY FUNCTION getdate() RETURNS INT RETURN 7")
    add_functions(session)
    assert session.sql("SELECT getdate()").collect()[0][0] == 7


def test_python_function_under_a_compiled_aggregate_ends(
    spark: SparkSession, tmp_path: Path
) -> None:
    session = spark.newSession()
    for key in ("spark.sql.codegen.wholeStage", "spark.sql.adaptive.enabled"):
        session.conf.set(key, "true")
    session.conf.set("spark.sql.codegen.factoryMode", "FALLBACK")
    session.range(4).write.parquet(str(tmp_path / "rows"))
    parity = F.udf(lambda number: number % 2, "long")
    frame = session.read.parquet(str(tmp_path / "rows")).groupBy(parity("id").alias("odd")).count()
    stop = threading.Timer(120, session.sparkContext.cancelAllJobs)
    stop.start()
    try:
        assert sorted(map(tuple, frame.collect())) == [(0, 2), (1, 2)]
    finally:
        stop.cancel()

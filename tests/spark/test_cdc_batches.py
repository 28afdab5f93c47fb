"""What one batch does: counts, refusals, emptiness, ties, new columns, odd names, one pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from cdc_support import Target, target_of
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from harness import frame_of
from headwater.cdc import ChangeCounts, narrowed
from headwater.errors import UpdateError
from headwater.graph.model import AutoCdc

COLUMNS = "key int, seq int, op string, a string"
SCD1 = AutoCdc(("key",), "seq", apply_as_deletes="op = 'D'", except_column_list=("op",))
LEAN = AutoCdc(("key",), "seq", except_column_list=("op",))
SCD2 = AutoCdc(
    ("key",), "seq", scd_type=2, apply_as_deletes="op = 'D'", except_column_list=("op", "seq")
)
each_spec = pytest.mark.parametrize("spec", [SCD1, LEAN, SCD2], ids=["scd1", "lean", "scd2"])
FIRST_AND_NEXT = (0, 1)
"""Numbers of batches that take different ways; what is refused leaves a target for both."""


def frame(spark: SparkSession, *rows: tuple) -> DataFrame:
    return frame_of(spark, rows, COLUMNS)


def refusal(target: Target, batch: DataFrame, batch_id: int = 0) -> tuple[str, dict[str, object]]:
    """Apply a batch that must be refused before anything is written."""
    with pytest.raises(UpdateError) as caught:
        target.apply(batch, batch_id)
    assert target.version == 0
    assert not Path(target.state_path).exists()
    return caught.value.code, caught.value.parameters


@each_spec
def test_cdc_null_key_fails_with_the_count(
    spark: SparkSession, tmp_path: Path, spec: AutoCdc
) -> None:
    batch = frame(spark, (1, 1, "U", "x"), (None, 2, "U", "x"), (None, 3, "D", "x"))
    target = Target(spark, tmp_path, spec).create(batch)
    for batch_id in FIRST_AND_NEXT:
        assert refusal(target, batch, batch_id) == ("AUTOCDC_NULL_KEY", {"count": 2})


def test_cdc_null_sequence_fails_with_the_count(spark: SparkSession, tmp_path: Path) -> None:
    batch = frame(spark, (1, None, "U", "x"), (2, 2, "U", "x"))
    target = Target(spark, tmp_path, SCD2).create(batch)
    for batch_id in FIRST_AND_NEXT:
        assert refusal(target, batch, batch_id) == ("AUTOCDC_NULL_SEQUENCE", {"count": 1})


def test_cdc_struct_sequence_of_nulls_is_null(spark: SparkSession, tmp_path: Path) -> None:
    spec = AutoCdc(("key",), F.struct("seq", "a"), except_column_list=("op",))
    batch = frame(spark, (1, None, "U", None), (2, 2, "U", None))
    target = Target(spark, tmp_path, spec).create(batch)
    assert refusal(target, batch) == ("AUTOCDC_NULL_SEQUENCE", {"count": 1})


@each_spec
def test_cdc_empty_batch_writes_nothing(spark: SparkSession, tmp_path: Path, spec: AutoCdc) -> None:
    batch = frame(spark, (1, 1, "U", "x")).filter("key > 1")
    target = Target(spark, tmp_path, spec).create(batch)
    for batch_id in FIRST_AND_NEXT:
        assert target.apply(batch, batch_id) == ChangeCounts(0, 0)
        assert target.version == 0
        assert not Path(target.state_path).exists()


def test_cdc_first_batch_is_counted_by_a_log_with_dates_that_python_has_not(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = spark.sql("SELECT 1 AS key, 1 AS seq, 'U' AS op, DATE'+10000-01-01' AS until")
    target = Target(spark, tmp_path, LEAN).create(batch)
    assert target.apply(batch) == ChangeCounts(1, 0)


def test_cdc_empty_batch_of_partial_updates_leaves_the_target(
    spark: SparkSession, tmp_path: Path
) -> None:
    spec = AutoCdc(("key",), "seq", ignore_null_updates=True)
    batch = frame(spark, (1, 1, "U", "x")).filter("key > 1")
    target = Target(spark, tmp_path, spec).create(batch)
    assert target.apply(batch) == ChangeCounts(0, 0)
    assert target.version == 0


def test_cdc_scd1_counts_rows(spark: SparkSession, tmp_path: Path) -> None:
    first = frame(spark, (1, 1, "U", "x"), (1, 2, "U", "y"), (2, 1, "U", "x"), (3, 1, "D", None))
    target = Target(spark, tmp_path, SCD1).create(first)
    assert target.apply(first) == ChangeCounts(2, 0)
    second = frame(spark, (1, 3, "D", None), (2, 2, "U", "z"), (4, 1, "U", "x"), (5, 1, "D", None))
    assert target.apply(second) == ChangeCounts(2, 1)
    assert target.apply(frame(spark, (2, 1, "U", "late"))) == ChangeCounts(0, 0)


def test_cdc_scd2_counts_rows(spark: SparkSession, tmp_path: Path) -> None:
    first = frame(spark, (1, 1, "U", "x"), (1, 2, "U", "y"), (2, 1, "U", "x"))
    target = Target(spark, tmp_path, SCD2).create(first)
    assert target.apply(first) == ChangeCounts(3, 0)
    assert target.apply(frame(spark, (2, 5, "D", None), (3, 1, "U", "x"))) == ChangeCounts(2, 0)
    assert target.apply(frame(spark, (1, 2, "D", None))) == ChangeCounts(0, 1)
    assert target.rows() == {(1, "x", 1, 2), (2, "x", 1, 5), (3, "x", 1, None)}


def test_cdc_truncate_needs_no_key_and_counts_rows(spark: SparkSession, tmp_path: Path) -> None:
    spec = AutoCdc(("key",), "seq", apply_as_truncates="op = 'T'", except_column_list=("op",))
    target = Target(spark, tmp_path, spec).create(frame(spark, (1, 1, "U", "x")))
    target.apply(frame(spark, (1, 1, "U", "x"), (2, 2, "U", "x"), (3, 9, "U", "x")))
    assert target.apply(frame(spark, (None, 5, "T", None))) == ChangeCounts(0, 2)
    assert target.apply(frame(spark, (1, 4, "U", "late"))) == ChangeCounts(0, 0)
    assert target.apply(frame(spark, (1, 6, "U", "new"))) == ChangeCounts(1, 0)
    assert target.rows() == {(1, 6, "new"), (3, 9, "x")}


def test_cdc_unseen_keys_are_appended(spark: SparkSession, tmp_path: Path) -> None:
    batches = [frame(spark, (1, 1, "U", "x")), frame(spark, (2, 1, "U", "x"), (2, 2, "U", "y"))]
    target = target_of(spark, tmp_path, SCD2, batches)
    history = spark.sql(f"DESCRIBE HISTORY delta.`{target.path}`").orderBy("version")
    assert [row.operation for row in history.collect()][1:] == ["WRITE", "WRITE"]


@pytest.mark.parametrize(
    "spec",
    [AutoCdc(("key",), "seq", except_column_list=("op", "seq")), SCD2],
    ids=["latest", "hidden"],
)
def test_cdc_tie_is_broken_the_same_way_in_any_order(
    spark: SparkSession, tmp_path: Path, spec: AutoCdc
) -> None:
    one, two = (1, 1, "U", "x"), (1, 1, "U", "y")
    orders = [[frame(spark, one), frame(spark, two)], [frame(spark, two), frame(spark, one)]]
    orders.append([frame(spark, one, two)])
    found = [
        target_of(spark, tmp_path / str(at), spec, order).rows() for at, order in enumerate(orders)
    ]
    assert len(found[0]) == 1
    assert found == [found[0]] * 3


def test_cdc_tie_of_values_in_different_columns_is_broken_the_same_way(
    spark: SparkSession, tmp_path: Path
) -> None:
    """NULLs are told apart by their column; numbers are compared in the target's type."""
    spec = AutoCdc(("key",), "seq")
    wide, narrow = "key int, seq int, a bigint, b bigint", "key int, seq int, a int, b int"
    one = frame_of(spark, [(1, 1, 7, None)], wide)
    two = frame_of(spark, [(1, 1, None, 7)], narrow)
    found = [
        target_of(spark, tmp_path / str(at), spec, [one.limit(0), *order]).rows()
        for at, order in enumerate(([one, two], [two, one]))
    ]
    assert found == [found[0]] * 2


@pytest.mark.parametrize(
    "spec",
    [
        AutoCdc(("key",), "seq", ignore_null_updates=True),
        AutoCdc(("key",), "seq", scd_type=2, track_history_except=("seq",)),
    ],
    ids=["scd1_events", "scd2"],
)
def test_cdc_new_columns_are_added(spark: SparkSession, tmp_path: Path, spec: AutoCdc) -> None:
    old = spark.sql("SELECT 1 AS key, 1 AS seq, named_struct('x', 1) AS s")
    new = spark.sql("SELECT 1 AS key, 2 AS seq, 'n' AS extra, named_struct('x', 1, 'y', 2) AS s")
    unseen = spark.sql("SELECT 2 AS key, 3 AS seq, 4 AS more")
    target = target_of(spark, tmp_path, spec, [old, new, unseen, old])
    rows = target.read().select("key", "s.x", "s.y", "extra", "more").collect()
    wanted = {(1, 1, 2, "n", None), (2, None, None, None, 4)}
    if spec.scd_type == 2:
        wanted.add((1, 1, None, None, None))
    assert {tuple(row) for row in rows} == wanted


ODD = "`my key` int, `a.b` string, `we``ird` int, `Order` int, `s t` struct<`x y`: int>"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"ignore_null_columns": ("A.B", "we`ird")},
        {"scd_type": 2, "track_history_except": ("we`ird", "order")},
    ],
    ids=["lean", "events", "scd2"],
)
def test_cdc_odd_names_work(spark: SparkSession, tmp_path: Path, given: dict[str, object]) -> None:
    spec = AutoCdc(("MY KEY",), "order", **given)  # type: ignore[arg-type]
    rows = [(1, "x", 1, 1, (1,)), (1, "y", 2, 3, (1,)), (1, "x", 3, 2, (2,))]
    batches = [frame_of(spark, [row], ODD) for row in rows]
    target = target_of(spark, tmp_path, spec, batches)
    found = target.read().orderBy(target.read().columns[-1]).select("`a.b`", "`we``ird`")
    latest = [("y", 2)]
    assert [tuple(row) for row in found.sort("`we``ird`").collect()] == (
        [("x", 1), *latest, ("x", 3)] if spec.scd_type == 2 else latest
    )


def test_cdc_maps_and_variants_are_compared(spark: SparkSession, tmp_path: Path) -> None:
    spec = AutoCdc(("key",), "seq", scd_type=2, except_column_list=("seq",))
    batches = [
        spark.sql(
            f"SELECT 1 AS key, {seq} AS seq, map('{text}', 1) AS m,"
            f" array(map('{text}', 1)) AS n, parse_json('[1]') AS v"
        )
        for seq, text in ((1, "a"), (2, "a"), (3, "b"))
    ]
    target = target_of(spark, tmp_path, spec, batches)
    found = target.read().selectExpr("map_keys(m)[0]", "__START_AT", "__END_AT").collect()
    assert {tuple(row) for row in found} == {("a", 1, 3), ("b", 3, None)}


def test_cdc_stream_runs_its_query_once(spark: SparkSession, tmp_path: Path) -> None:
    source = str(tmp_path / "source")
    rows = frame(spark, (1, 1, "U", "x"), (1, 2, "U", "y"), (2, 1, "U", "x"))
    target = Target(spark, tmp_path / "t", SCD2).create(rows)
    for later in (0, 10):
        batch = rows.withColumn("seq", F.col("seq") + later)
        batch.write.format("delta").mode("append").save(source)
        stream = spark.readStream.format("delta").load(source)
        query = (
            stream.observe("in", F.count(F.lit(1)).alias("rows"))
            .writeStream.foreachBatch(lambda batch, number: target.apply(batch, number) and None)
            .option("checkpointLocation", str(tmp_path / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        seen = [each.observedMetrics["in"]["rows"] for each in query.recentProgress]
        assert [count for count in seen if count] == [3]
    assert target.rows() == {
        (1, "x", 1, 2),
        (1, "y", 2, 11),
        (1, "x", 11, 12),
        (1, "y", 12, None),
        (2, "x", 1, None),
    }


def jobs_run(spark: SparkSession) -> int:
    """How many jobs the session has run so far."""
    spark._jsc.sc().listenerBus().waitUntilEmpty()
    return int(spark._jsc.sc().statusStore().jobsList(None).size())


@pytest.mark.parametrize("change", [SCD1, SCD2], ids=["scd1", "scd2"])
def test_cdc_batch_takes_few_jobs(spark: SparkSession, tmp_path: Path, change: AutoCdc) -> None:
    first = frame(spark, (1, 1, "U", "x"), (2, 1, "U", "x"))
    target = target_of(spark, tmp_path, change, [first, first])
    before = jobs_run(spark)
    target.apply(frame(spark, (1, 2, "U", "y"), (3, 2, "U", "y")))
    assert jobs_run(spark) - before <= 10
    assert spark.conf.get("spark.databricks.delta.merge.materializeSource", None) is None


def test_cdc_batch_query_of_a_once_flow_is_applied(spark: SparkSession, tmp_path: Path) -> None:
    target = target_of(spark, tmp_path, LEAN, [frame(spark, (1, 1, "U", "x"))])
    once = frame(spark, (1, 0, "U", "old"), (2, 0, "U", "old"))
    Target(spark, tmp_path, LEAN).apply(once, 0)
    assert target.rows() == {(1, 1, "x"), (2, 0, "old")}


def test_cdc_stream_reads_only_the_columns_it_needs(spark: SparkSession) -> None:
    source = spark.sql(
        "SELECT 1 AS key, 2 AS seq, named_struct('x', 3) AS nested, 'U' AS op, 'a' AS `a.b`,"
        " array('a') AS written, 'unused' AS other, 1 AS `odd name`"
    )
    spec = AutoCdc(
        ("KEY",),
        F.struct("seq", "nested.x"),
        apply_as_deletes="op = 'D'",
        apply_as_truncates="`odd name` > 1",
        column_list=("key", "a.b"),
    )
    needed = ["key", "seq", "nested", "op", "a.b", "odd name"]
    assert narrowed(source, spec).columns == needed
    everything = AutoCdc(("key",), "seq", except_column_list=("op",))
    assert narrowed(source, everything).columns == [name for name in source.columns if name != "op"]
    updates = AutoCdc(("key",), "seq", column_list=("key",), columns_to_update="written")
    assert narrowed(source, updates).columns == ["key", "seq", "written"]

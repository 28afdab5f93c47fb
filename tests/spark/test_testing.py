"""The fixture `pipeline` of `headwater.testing`, as a test of somebody's pipeline uses it."""

from __future__ import annotations

import traceback
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import Row, SparkSession

from headwater.errors import GraphError, Location, UpdateError, UsageError
from headwater.testing.pipeline import Pipeline

LANDING = "/Volumes/main/test/landing"


def layers(dp: Any, spark: SparkSession) -> None:
    """Five tables: landed, checked, set aside, the latest of each, and totals."""

    @dp.table
    def bronze() -> Any:
        reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
        return reader.schema("id INT, seq INT, age INT").load(LANDING)

    @dp.table
    @dp.expect("known", "id < 100")
    @dp.expect_or_drop("born", "age >= 0")
    def silver() -> Any:
        return spark.readStream.table("bronze")

    @dp.table
    def quarantine() -> Any:
        return spark.readStream.table("bronze").where("NOT coalesce(age >= 0, false)")

    dp.create_streaming_table("dim")
    dp.create_auto_cdc_flow(target="dim", source="silver", keys=["id"], sequence_by="seq")

    @dp.materialized_view
    def totals() -> Any:
        return spark.read.table("silver").groupBy("id").count()


def event(number: int, seq: int, age: int) -> dict[str, int]:
    return {"id": number, "seq": seq, "age": age}


def test_pipeline_of_five_tables_takes_two_batches(pipeline: Pipeline) -> None:
    pipeline.define(layers)
    landing = pipeline.source(LANDING)
    landing.send([event(1, 1, 30), event(2, 1, -5)])
    pipeline.run()
    assert pipeline.flow("silver").rows_dropped == 1
    landing.send([event(1, 2, 31)])
    pipeline.run()
    assert pipeline.flow("silver").rows_dropped == 0
    pipeline.table("dim").assert_rows([event(1, 2, 31)])
    pipeline.table("quarantine").assert_rows([event(2, 1, -5)])
    pipeline.table("totals").assert_rows([{"id": 1, "count": 2}])
    assert pipeline.expectation("silver", "known").passed_records == 1
    assert pipeline.events("update_progress")[-1]["details"]["update_progress"] == {
        "state": "COMPLETED"
    }
    pipeline.table("totals").assert_schema("id INT, count BIGINT")


def test_up_to_a_table_runs_what_it_reads_and_nothing_after_it(pipeline: Pipeline) -> None:
    pipeline.sql("CREATE MATERIALIZED VIEW a AS SELECT n + 1 AS n FROM numbers")
    pipeline.sql("CREATE TEMPORARY VIEW b AS SELECT * FROM a")
    pipeline.sql("CREATE MATERIALIZED VIEW c AS SELECT n + 1 AS n FROM b")
    pipeline.sql("CREATE MATERIALIZED VIEW d AS SELECT n + 1 AS n FROM c")
    pipeline.source("numbers").send([{"n": 1}])
    pipeline.run(up_to="c")
    pipeline.table("c").assert_rows([{"n": 3}])
    assert pipeline.flow("d").status == "EXCLUDED"


def test_update_that_dies_is_mended_by_the_next(pipeline: Pipeline) -> None:
    pipeline.define(layers)
    pipeline.only("silver", "totals")
    bronze = pipeline.source("bronze")
    bronze.send([event(1, 1, 30)])
    assert pipeline.run(kill_after="silver").state == "KILLED"
    pipeline.table("silver").assert_rows([event(1, 1, 30)])
    pipeline.table("totals").assert_rows([])
    bronze.send([event(2, 1, 40)])
    assert pipeline.run(kill_within="silver").state == "KILLED"
    assert pipeline.table("silver").count() == 2
    pipeline.run()
    assert pipeline.table("silver").count() == 2
    pipeline.table("totals").assert_rows([{"id": 1, "count": 1}, {"id": 2, "count": 1}])
    pipeline.only("silver")
    pipeline.assert_same(pipeline.reversed(), "silver")
    with pytest.raises(AssertionError):
        pipeline.assert_same(pipeline.replayed(), "silver")
    pipeline.replay()
    assert pipeline.table("silver").count() == 3


def test_clock_stands_still_in_python_and_sql(pipeline: Pipeline, spark: SparkSession) -> None:
    @pipeline.define
    def tables(dp: Any, spark: SparkSession) -> None:
        from pyspark.sql import functions as F

        @dp.table
        @dp.expect_or_drop("past", "at <= current_timestamp")
        def seen() -> Any:
            return spark.readStream.table("events").withColumn("seen", F.current_timestamp())

    pipeline.sql(
        "CREATE MATERIALIZED VIEW days AS SELECT current_date AS a, current_date() AS b, "
        "now() AS c FROM events"
    )
    events = pipeline.source("events", schema="at TIMESTAMP")
    pipeline.freeze("2026-01-02T03:04:05Z")
    events.send([{"at": "2026-01-01T00:00:00"}, {"at": "2026-01-03T00:00:00"}])
    pipeline.run()
    pipeline.table("seen").assert_rows(
        [{"at": "2026-01-01T00:00:00", "seen": "2026-01-02T03:04:05"}]
    )
    day = {"a": "2026-01-02", "b": "2026-01-02", "c": "2026-01-02T03:04:05"}
    pipeline.table("days").assert_rows([day, day])
    pipeline.freeze(None)
    assert spark.sql("SELECT year(now()) > 2025 AND now() <> '2026-01-02T03:04:05'").head()[0]  # type: ignore[index]


def test_mistakes_name_what_was_meant(pipeline: Pipeline) -> None:
    @pipeline.define
    def tables(dp: Any, spark: SparkSession) -> None:
        dp.temporary_view(name="adults")(lambda: spark.read.table("people").where("age > 17"))

        @dp.materialized_view
        @dp.expect_or_fail("named", "name IS NOT NULL")
        def names() -> Any:
            return spark.read.table("adults").select("name")

    with pytest.raises(UsageError) as raised:
        pipeline.table("names")
    assert raised.value.code == "PIPELINE_NOT_RUN"
    with pytest.raises(GraphError) as missing:
        pipeline.run()
    assert missing.value.code == "TABLE_NOT_FOUND"
    people = pipeline.source("people")
    with pytest.raises(UsageError) as raised:
        people.send([])
    assert (raised.value.code, "schema" in raised.value.hint) == ("ROWS_INVALID", True)
    with pytest.raises(UsageError) as raised:
        pipeline.run()
    assert raised.value.code == "SOURCE_EMPTY"
    people.send([{"name": "ann", "age": 30}])
    pipeline.run()
    for call, code, hint in (
        (lambda: pipeline.table("nmes"), "DATASET_UNKNOWN", "names"),
        (lambda: pipeline.table("adults"), "TABLE_IS_VIEW", "reads it"),
        (lambda: pipeline.flow("name"), "FLOW_UNKNOWN", "names"),
        (lambda: pipeline.expectation("names", "nmed"), "EXPECTATION_UNKNOWN", "named"),
        (lambda: pipeline.table("names").rows("nam"), "COLUMN_UNKNOWN", "name"),
        (lambda: pipeline.run(kill_after="nmes"), "DATASET_UNKNOWN", "names"),
        (lambda: pipeline.run(up_to="nmes"), "DATASET_UNKNOWN", "names"),
        (lambda: pipeline.only("nmes").run(), "DATASET_UNKNOWN", "names"),
    ):
        with pytest.raises(UsageError) as raised:
            call()  # type: ignore[no-untyped-call]
        assert (raised.value.code, hint in raised.value.hint) == (code, True)
    pipeline.only().source("peple").send([{"name": "bob", "age": 1}])
    with pytest.raises(UsageError) as raised:
        pipeline.run()
    assert (raised.value.code, "people" in raised.value.hint) == ("SOURCE_UNREAD", True)


def test_failed_update_is_raised(pipeline: Pipeline) -> None:
    pipeline.sql(
        "CREATE MATERIALIZED VIEW names (CONSTRAINT named EXPECT (name IS NOT NULL) "
        "ON VIOLATION FAIL UPDATE) AS SELECT name FROM people"
    )
    pipeline.source("people", schema="name STRING").send([{"name": None}])
    with pytest.raises(UpdateError) as raised:
        pipeline.run()
    assert raised.value.code == "EXPECTATION_VIOLATION"
    assert pipeline.flow("names").status == "FAILED"


def test_update_that_was_to_die_and_did_not_is_told(pipeline: Pipeline) -> None:
    pipeline.sql("CREATE MATERIALIZED VIEW a AS SELECT n FROM numbers")
    pipeline.sql("CREATE MATERIALIZED VIEW b AS SELECT n FROM numbers")
    pipeline.sql(
        "CREATE MATERIALIZED VIEW c (CONSTRAINT small EXPECT (n < 2) ON VIOLATION FAIL UPDATE) "
        "AS SELECT n FROM b"
    )
    numbers = pipeline.source("numbers")
    numbers.send([{"n": 1}])
    with pytest.raises(UsageError) as missed:
        pipeline.run("a", kill_after="b")
    assert missed.value.code == "KILL_MISSED"
    pipeline.run("a")
    with pytest.raises(UsageError) as missed:
        pipeline.killed(after="b")
    assert missed.value.code == "KILL_MISSED"
    numbers.send([{"n": 2}])
    with pytest.raises(UpdateError) as failed:
        pipeline.run("b", "c", kill_after="c")
    assert failed.value.code == "EXPECTATION_VIOLATION"


def test_values_of_expected_rows_are_taken_as_written(
    pipeline: Pipeline, spark: SparkSession
) -> None:
    pipeline.sql("CREATE MATERIALIZED VIEW kept AS SELECT * FROM kinds")
    kinds = pipeline.source(
        "kinds", schema="d DECIMAL(5,2), f FLOAT, n DOUBLE, s STRUCT<a: INT>, m MAP<STRING, INT>"
    )
    row = {"d": "1.20", "f": 0.1, "n": float("nan"), "s": {"a": 1}, "m": {"y": 1, "x": 2}}
    sent = {**row}
    kinds.send([sent])
    sent["d"] = "9.99"
    for value, code in (({"a": 1, "b": 2}, "COLUMN_UNKNOWN"), ("1", "ROWS_INVALID")):
        with pytest.raises(UsageError) as raised:
            kinds.send([{**row, "s": value}])
        assert raised.value.code == code
    pipeline.run()
    kept = pipeline.table("kept")
    kept.assert_rows([{**row, "d": 1.2, "m": {"x": 2, "y": 1}}])
    with pytest.raises(UsageError) as raised:
        pipeline.reversed()  # one batch has no other order
    assert raised.value.code == "BATCHES_TOO_FEW"
    pipeline.assert_same(pipeline, ignore=["f"])
    with pytest.raises(UsageError) as raised:
        pipeline.assert_same(pipeline, ignore=["g"])
    assert raised.value.code == "COLUMN_UNKNOWN"
    kept.assert_frame(kept.frame, allow_nan_equality=True)
    with pytest.raises(AssertionError):
        kept.assert_rows([{"d": "1.204"}])
    for wrong, code in (({"s": {"a": 1, "b": 2}}, "COLUMN_UNKNOWN"), ({"d": "x"}, "ROWS_INVALID")):
        with pytest.raises(UsageError) as raised:
            kept.assert_rows([wrong])
        assert raised.value.code == code
    spark.sql(f"ALTER TABLE delta.`{kept.path}` ADD COLUMN more INT")
    with pytest.raises(AssertionError, match="other columns"):
        pipeline.assert_same(pipeline.replayed())


def test_rows_of_csv_files_are_read_as_they_were_sent(pipeline: Pipeline) -> None:
    @pipeline.define
    def tables(dp: Any, spark: SparkSession) -> None:
        @dp.table
        def landed() -> Any:
            reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", "csv")
            return reader.option("header", True).schema("a STRING, b STRING").load(LANDING)

    rows: list[dict[str, Any]] = [
        {"a": 'said "no"', "b": " x, y "},
        {"a": None, "b": "-"},
        {"a": "\\", "b": "1"},
    ]
    landing = pipeline.source(LANDING, format="csv")
    landing.send(rows)
    landing.send([{"a": date(2026, 1, 2)}, {"b": "c,d"}])
    landing.send([])
    assert pipeline.source(LANDING) is landing
    with pytest.raises(UsageError) as raised:
        pipeline.source(LANDING, format="json")
    assert raised.value.code == "SOURCE_DIFFERS"
    pipeline.run()
    more = [{"a": "2026-01-02", "b": None}, {"a": None, "b": "c,d"}]
    pipeline.table("landed").assert_rows([*rows, *more])


def test_mapped_columns_are_read_and_flows_of_one_target_share_deletes(pipeline: Pipeline) -> None:
    @pipeline.define
    def tables(dp: Any, spark: SparkSession) -> None:
        dp.create_streaming_table("t", table_properties={"delta.columnMapping.mode": "name"})
        for name, deletes in (("a", "op = 'D'"), ("b", None)):
            dp.create_auto_cdc_flow(
                name=f"from_{name}",
                target="t",
                source=name,
                keys=["the id"],
                sequence_by="seq",
                apply_as_deletes=deletes,
            )

    columns = "`the id` INT, seq INT, op STRING"
    first, second = (pipeline.source(name, schema=columns) for name in ("a", "b"))
    first.send([{"the id": 1, "seq": 2, "op": "D"}, {"the id": 2, "seq": 1, "op": "U"}])
    pipeline.run()
    second.send([{"the id": 1, "seq": 1, "op": "U"}])
    pipeline.run()
    pipeline.table("t").assert_rows([{"the id": 2, "seq": 1, "op": "U"}])


def test_rows_of_any_form_are_the_rows_of_a_table(pipeline: Pipeline, spark: SparkSession) -> None:
    pipeline.sql("CREATE MATERIALIZED VIEW kept AS SELECT * FROM kinds")
    kinds = pipeline.source("kinds")
    kinds.send([Row(id=1, n=-0.0, s=Row(a=1)), {"id": 2, "n": 0.1 + 0.2, "s": {"a": 2}}])
    kinds.send(pd.DataFrame({"id": [3, 4], "n": [1.5, None]}))
    kinds.send([{"id": 5, "n": None}])
    kinds.send([])
    kinds.send([{"id": 6, "note": "new"}])
    assert pipeline.source("main.test.kinds") is kinds
    for rows, said in (
        ([{"id": 1.5}], "'id' does not fit the type bigint"),
        ([{"id": "7"}], "'id' does not fit the type bigint"),
        ([(1, 2)], "a row is of the type tuple"),
        ({"id": 1}, "a dict is no list of them"),
        (spark.sql("SELECT 'x' AS id"), "Failed to merge"),
        (pd.Series([1]), "a row is of the type int"),
        (pd.DataFrame({"id": [1, "x"]}), "several types"),
    ):
        with pytest.raises(UsageError, match=said) as raised:
            kinds.send(rows)
        assert raised.value.code == "ROWS_INVALID"
    pipeline.run()
    kept = pipeline.table("kept")
    numbers = [0.0, 0.3, 1.5, None, None, None]
    expected = [{"id": id, "n": n} for id, n in enumerate(numbers, 1)]
    kept.assert_rows(iter(expected), precision=1e-9)
    kept.assert_rows([Row(**each) for each in expected], precision=1e-9)
    kept.assert_rows(pd.DataFrame(expected), precision=1e-9)
    for wrong in (iter(expected), iter(expected[:5]), iter([{"id": 1, "n": 1.0}])):
        with pytest.raises(AssertionError):
            kept.assert_rows(wrong)
    with pytest.raises(UsageError, match="assert_frame"):
        kept.assert_rows(kept.frame)
    with pytest.raises(AssertionError, match="s:struct<a:bigint>"):
        kept.assert_schema("id BIGINT, n DOUBLE, s STRUCT<a: INT>, note STRING")
    with pytest.raises(UsageError) as raised:
        pipeline.run(["kept"])  # type: ignore[arg-type]
    assert raised.value.code == "NAME_INVALID"
    assert pipeline.run(full_refresh="kept").state == "COMPLETED"


def test_dates_and_times_are_compared_by_what_they_are(pipeline: Pipeline) -> None:
    pipeline.sql("CREATE MATERIALIZED VIEW days AS SELECT CAST(day AS DATE) AS day, at FROM times")
    times = pipeline.source("times", schema="day DATE, at TIMESTAMP")
    pipeline.source("raw").send([{"at": np.datetime64("2026-01-01T00:00:00.5", "ns")}])
    pipeline.sql("CREATE MATERIALIZED VIEW seen AS SELECT at FROM raw")
    times.send([{"at": pd.NaT, "day": np.datetime64("NaT")}])
    pipeline.source("days_of_numpy").send([{"day": np.datetime64("2026-01-01")}])
    pipeline.sql("CREATE MATERIALIZED VIEW of_numpy AS SELECT day FROM days_of_numpy")
    stamps = [pd.Timestamp("2026-01-02"), pd.Timestamp("2026-01-10", tz="UTC")]
    times.send([{"day": each, "at": each} for each in stamps])
    pipeline.run()
    days = pipeline.table("days")
    unknown = {"day": None, "at": pd.NaT}
    days.assert_rows([*({"day": each, "at": each} for each in reversed(stamps)), unknown])
    pipeline.table("seen").assert_rows([{"at": "2026-01-01T00:00:00.500"}])
    pipeline.table("of_numpy").assert_schema("day DATE")
    with pytest.raises(UsageError) as raised:
        days.assert_rows([{"day": datetime(2026, 1, 2, 23, 59)}, {"day": "2026-01-10"}])
    assert raised.value.code == "ROWS_INVALID"


def test_later_batches_take_names_and_types_from_those_before(pipeline: Pipeline) -> None:
    pipeline.sql("CREATE MATERIALIZED VIEW kept AS SELECT * FROM source")
    source = pipeline.source("source")
    source.send([{"id": 1, "s": {"a": 1}, "l": [1.5]}])
    source.send([{"ID": 2, "s": {"a": 1, "b": "x"}, "l": [2], "flag": False}])
    source.send([{"id": None, "s": None}])
    with pytest.raises(UsageError, match="no type for other"):
        source.send([{"id": 3, "other": None}])
    pipeline.run()
    pipeline.table("kept").assert_schema(
        "id BIGINT, s STRUCT<a: BIGINT, b: STRING>, l ARRAY<DOUBLE>, flag BOOLEAN"
    )
    pipeline.table("kept").assert_rows(
        [
            {"id": 1, "s": {"a": 1, "b": None}, "l": [1.5]},
            {"id": 2, "s": {"a": 1, "b": "x"}, "l": [2.0], "flag": False},
            {},
        ]
    )


def test_load_keeps_what_it_is_not_given(pipeline: Pipeline, tmp_path: Path) -> None:
    for name in ("a", "b"):
        text = f"CREATE MATERIALIZED VIEW {name} AS SELECT id * :k AS id FROM numbers"
        (tmp_path / f"{name}.sql").write_text(text)
    numbers = pipeline.source("numbers")
    with pytest.raises(UsageError) as raised:
        pipeline.load(tmp_path / "a.sql", schema="sales", parameters={"k": "2"})
    assert raised.value.code == "SOURCE_NAMED_BEFORE"
    pipeline.load(tmp_path / "a.sql", schema="test", parameters={"k": "2"})
    pipeline.load(tmp_path / "b.sql")
    numbers.send([{"id": 1}])
    pipeline.run()
    for name in ("a", "main.test.b"):
        pipeline.table(name).assert_rows([{"id": 2}])


def test_errors_of_a_test_show_its_rows_and_no_way_through_the_engine(pipeline: Pipeline) -> None:
    @pipeline.define
    def tables(dp: Any, spark: SparkSession) -> None:
        @dp.materialized_view
        def divided() -> Any:
            from pyspark.sql.functions import udf

            return spark.read.table("numbers").select(udf(lambda n: 1 // n, "int")("n").alias("q"))

        @dp.materialized_view
        @dp.expect_or_fail("small", "n < 0")
        def small() -> Any:
            return spark.read.table("numbers")

    pipeline.source("numbers", schema="n INT").send([{"n": 0}])
    for table, said in (("divided", "ZeroDivisionError: integer division"), ("small", '"n":0')):
        with pytest.raises(UpdateError) as raised:
            pipeline.run(table)
        assert said in raised.value.message
        assert "withheld" not in raised.value.message
        assert isinstance(raised.value.where, Location)
        assert raised.value.where.file == __file__
        assert raised.value.__cause__ is None
        assert len(traceback.extract_tb(raised.value.__traceback__)) < 6

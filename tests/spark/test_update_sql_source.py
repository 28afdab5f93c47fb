"""Pipelines written in SQL: the same graph as in Python, the same tables, faults at their place."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from harness import Project
from headwater.errors import GraphError, Location
from headwater.graph.dag import Graph, QueryPlan

NOWHERE = Location("")
SOURCE = """
    from pyspark import pipelines as dp

    @dp.table
    def events():
        return spark.readStream.schema("id INT, name STRING, op STRING, seq INT").json("VOLUME")
"""

PAIRS = {
    "streaming table with rules": (
        """
        CREATE OR REFRESH STREAMING TABLE clean (
          id INT COMMENT 'the key', name STRING,
          CONSTRAINT has_id EXPECT (id IS NOT NULL) ON VIOLATION DROP ROW,
          CONSTRAINT named EXPECT (name <> '' OR name = 'x')
        )
        PARTITIONED BY (name) COMMENT 'good ones' TBLPROPERTIES ('quality' = 'silver')
        AS SELECT id, name FROM STREAM(LIVE.events)
        """,
        """
        @dp.table(
            schema="id INT COMMENT 'the key', name STRING", partition_cols=["name"],
            comment="good ones", table_properties={"quality": "silver"})
        @dp.expect_or_drop("has_id", "id IS NOT NULL")
        @dp.expect("named", "name <> '' OR name = 'x'")
        def clean():
            return spark.readStream.table("events").select("id", "name")
        """,
    ),
    "materialized view over a private table and a view": (
        """
        CREATE TEMPORARY VIEW named AS SELECT * FROM STREAM events WHERE name IS NOT NULL;
        CREATE PRIVATE STREAMING TABLE own CLUSTER BY (id) AS SELECT id FROM STREAM named;
        CREATE MATERIALIZED VIEW other.counts AS SELECT id, count(*) AS n FROM own GROUP BY id;
        """,
        """
        @dp.temporary_view
        def named():
            return spark.readStream.table("events").where("name IS NOT NULL")

        @dp.table(private=True, cluster_by=["id"])
        def own():
            return spark.readStream.table("named").select("id")

        @dp.materialized_view(name="other.counts")
        def counts():
            return spark.sql("SELECT id, count(*) AS n FROM own GROUP BY id")
        """,
    ),
    "legacy words": (
        """
        CREATE STREAMING LIVE VIEW v AS SELECT id FROM STREAM(LIVE.events);
        CREATE STREAMING LIVE TABLE a AS SELECT * FROM STREAM(LIVE.v);
        CREATE TEMPORARY LIVE TABLE b AS SELECT * FROM LIVE.a;
        """,
        """
        import dlt

        @dlt.view
        def v():
            return dlt.read_stream("events").select("id")

        @dlt.table
        def a():
            return dlt.read_stream("v")

        @dlt.table(temporary=True)
        def b():
            return dlt.read("a")
        """,
    ),
    "append flows": (
        """
        CREATE OR REFRESH STREAMING TABLE joined (
          CONSTRAINT ok EXPECT (id > 0) ON VIOLATION DROP ROW);
        CREATE FLOW one AS INSERT INTO joined BY NAME SELECT id FROM STREAM events;
        CREATE FLOW two COMMENT 'old' AS INSERT INTO ONCE joined BY NAME SELECT 1 AS id;
        """,
        """
        dp.create_streaming_table("joined", expect_all_or_drop={"ok": "id > 0"})

        @dp.append_flow(target="joined")
        def one():
            return spark.readStream.table("events").select("id")

        @dp.append_flow(target="joined", once=True, comment="old")
        def two():
            return spark.sql("SELECT 1 AS id")
        """,
    ),
    "AUTO CDC": (
        """
        CREATE STREAMING TABLE now;
        CREATE FLOW current AS AUTO CDC INTO now FROM STREAM events KEYS (id)
          IGNORE NULL UPDATES ON (name) APPLY AS DELETE WHEN op = 'D'
          APPLY AS TRUNCATE WHEN op = 'T' SEQUENCE BY seq COLUMNS * EXCEPT (op, seq);
        CREATE STREAMING TABLE history TBLPROPERTIES (pipelines.reset.allowed = false)
          FLOW AUTO CDC FROM STREAM(events) KEYS (id) SEQUENCE BY struct(seq, op)
          COLUMNS (id, name) STORED AS SCD TYPE 2 TRACK HISTORY ON * EXCEPT (name);
        CREATE STREAMING TABLE old;
        APPLY CHANGES INTO LIVE.old FROM STREAM(LIVE.events) KEYS (id) SEQUENCE BY seq;
        """,
        """
        from pyspark.sql import functions as F

        dp.create_streaming_table("now")
        dp.create_auto_cdc_flow(
            target="now", source="events", keys=["id"], sequence_by="seq", name="current",
            ignore_null_updates_column_list=["name"], apply_as_deletes="op = 'D'",
            apply_as_truncates="op = 'T'", except_column_list=["op", "seq"])
        dp.create_streaming_table("history", table_properties={"pipelines.reset.allowed": "false"})
        dp.create_auto_cdc_flow(
            target="history", source="events", keys=["id"], sequence_by=F.struct("seq", "op"),
            column_list=["id", "name"], stored_as_scd_type=2,
            track_history_except_column_list=["name"])
        dp.create_streaming_table("old")
        dp.create_auto_cdc_flow(target="old", source="events", keys=["id"], sequence_by="seq")
        """,
    ),
    "snapshots, and beliefs": (
        """
        CREATE MATERIALIZED VIEW people AS SELECT 1 AS id, 'a' AS name;
        CREATE STREAMING TABLE seen;
        CREATE FLOW f AS AUTO CDC INTO seen FROM SNAPSHOT people KEYS (id)
          STORED AS SCD TYPE 2 TRACK HISTORY ON (name);
        CREATE STREAMING TABLE believed FLOW AUTO CDC FROM STREAM events KEYS (id)
          SEQUENCE BY seq SYSTEM SEQUENCE BY op STORED AS BITEMPORAL;
        """,
        """
        @dp.materialized_view
        def people():
            return spark.sql("SELECT 1 AS id, 'a' AS name")

        dp.create_streaming_table("seen")
        dp.create_auto_cdc_from_snapshot_flow(
            target="seen", source="people", keys=["id"], stored_as_scd_type=2,
            track_history_column_list=["name"], name="f")
        dp.create_streaming_table("believed")
        dp.create_auto_cdc_flow(
            target="believed", source="events", keys=["id"], sequence_by="seq",
            system_sequence_by="op", stored_as_scd_type="bitemporal")
        """,
    ),
    "names completed by USE, and a setting of a flow": (
        """
        USE silver;
        SET spark.sql.ansi.enabled = false;
        CREATE MATERIALIZED VIEW a AS SELECT count(*) AS n FROM SCHEMA.events;
        """,
        """
        @dp.materialized_view(name="silver.a", spark_conf={"spark.sql.ansi.enabled": "false"})
        def a():
            return spark.sql("SELECT count(*) AS n FROM events")
        """,
    ),
}


def comparable(graph: Graph) -> list[Any]:
    """A graph without the places and functions of its source, and with plans as equal or not."""
    datasets = [replace(each, location=NOWHERE) for each in graph.datasets.values()]
    flows = [
        replace(
            each,
            flow=replace(
                each.flow,
                location=NOWHERE,
                query=print,
                change=None,
                namespace=("", ""),
                own=each.flow.own or each.flow.name == each.flow.target.table,
            ),
            plan=QueryPlan(),
        )
        for each in (*graph.flows, *graph.views)
    ]
    return [datasets, graph.schemas, flows]


@pytest.mark.parametrize("pair", PAIRS)
def test_sql_and_python_build_equal_graphs(spark: SparkSession, tmp_path: Path, pair: str) -> None:
    in_sql, in_python = PAIRS[pair]
    project = Project(spark, tmp_path)
    project.write(SOURCE)
    first = project.write(in_sql, "more.sql")
    from_sql = project.resolved()
    first.unlink()
    project.write("from pyspark import pipelines as dp\n" + textwrap.dedent(in_python), "more.py")
    from_python = project.resolved()
    assert comparable(from_sql) == comparable(from_python)
    assert changes(from_sql) == changes(from_python)


def changes(graph: Graph) -> list[str]:
    return [str(each.flow.change) for each in graph.flows]


def test_pipeline_in_sql_runs_and_goes_on(project: Project) -> None:
    project.write(
        """
        -- what is good of the events
        CREATE OR REFRESH STREAMING TABLE clean (
          CONSTRAINT positive EXPECT (n > 0) ON VIOLATION DROP ROW
        ) AS SELECT k, n, '${run.label}' AS label FROM STREAM(LIVE.events);

        CREATE STREAMING TABLE latest;
        APPLY CHANGES INTO latest FROM STREAM clean KEYS (k) SEQUENCE BY n;

        CREATE OR REFRESH MATERIALIZED VIEW totals (k COMMENT 'the key', total) AS
        SELECT clean.k, sum(clean.n) FROM LIVE.clean GROUP BY ALL
        """,
        "more.sql",
    )
    project.configure({"run.label": "x"})
    project.write(SOURCE.replace("id INT, name STRING, op STRING, seq INT", "k STRING, n INT"))
    for number, rows in enumerate(({"a": 1, "b": 2}, {"a": 5, "b": -2})):
        lines = [f'{{"k":"{k}","n":{n}}}' for k, n in rows.items()]
        (project.landing / f"{number}.json").write_text("\n".join(lines))
        assert project.run().state == "COMPLETED"
    assert project.sql("SELECT * FROM SCHEMA.totals ORDER BY k") == [
        {"k": "a", "total": 6},
        {"k": "b", "total": 2},
    ]
    assert project.sql("SELECT k, n, label FROM SCHEMA.latest ORDER BY k") == [
        {"k": "a", "n": 5, "label": "x"},
        {"k": "b", "n": 2, "label": "x"},
    ]
    (described,) = [row for row in project.sql("DESCRIBE SCHEMA.totals") if row["col_name"] == "k"]
    assert described["comment"] == "the key"


def faults(project: Project) -> list[tuple[str, str]]:
    with pytest.raises(GraphError) as caught:
        project.resolved()
    return [(each.code, str(each.where).rpartition("/")[2]) for each in caught.value.faults]


def test_faults_of_queries_are_told_at_line_and_column(project: Project) -> None:
    project.write(
        """\
        CREATE MATERIALIZED VIEW a AS
          SELECT 1 FROM
          range(3) WHER x;
        CREATE MATERIALIZED VIEW b AS
          SELECT id,
            nothing_like_it FROM c;
        CREATE MATERIALIZED VIEW c (one) AS SELECT 1 AS id, 2;
        CREATE STREAMING TABLE d AS SELECT 1 AS id;
        CREATE MATERIALIZED VIEW e AS SELECT * FROM no_such_table;
        CREATE MATERIALIZED VIEW f AS SELECT explode(array(1));
        CREATE MATERIALIZED VIEW g AS SELECT * FROM event_log('x')
        """,
        "main.sql",
    )
    assert faults(project) == [
        ("QUERY_INVALID", "main.sql:3:17"),
        ("SQL_COLUMNS_DIFFER", "main.sql:7"),
        ("FLOW_KIND_WRONG", "main.sql:8"),
        ("TABLE_NOT_FOUND", "main.sql:9"),
        ("API_NOT_BUILT", "main.sql:11"),
    ]


def test_expressions_without_a_name_take_that_of_the_list(project: Project) -> None:
    project.create("source", "SELECT 1 AS a, 2 AS b")
    project.write(
        """
        CREATE MATERIALIZED VIEW by_place (n BIGINT COMMENT 'rows', a INT, big BIGINT, one INT) AS
          SELECT count(*), a, max(b) + 1, 1 FROM source GROUP BY a;
        CREATE MATERIALIZED VIEW by_name (b INT, a INT) AS SELECT a, b FROM source;
        CREATE MATERIALIZED VIEW odd (`a-1` INT, `b-1` INT) AS
          SELECT b AS `b-1`, a AS `a-1` FROM source;
        CREATE MATERIALIZED VIEW behind (n BIGINT, a INT) AS
          SELECT a, count(*) FROM source GROUP BY a;
        CREATE STREAMING TABLE made (a INT, twice INT GENERATED ALWAYS AS (a * 2)) AS
          SELECT a + 0 FROM STREAM source
        """,
        "main.sql",
    )
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT * FROM by_place") == [{"n": 1, "a": 1, "big": 3, "one": 1}]
    assert project.sql("SELECT * FROM by_name") == [{"b": 2, "a": 1}]
    assert project.sql("SELECT * FROM odd") == [{"a-1": 1, "b-1": 2}]
    assert project.sql("SELECT * FROM behind") == [{"n": 1, "a": 1}]
    assert project.sql("SELECT * FROM made") == [{"a": 1, "twice": 2}]


def test_unknown_column_of_a_sql_query_is_told_at_its_line(project: Project) -> None:
    project.write("CREATE MATERIALIZED VIEW b AS\n\n  SELECT nothing FROM range(1)", "main.sql")
    assert faults(project) == [("QUERY_INVALID", "main.sql:3")]


def test_name_that_a_broken_statement_may_define_points_to_it(project: Project) -> None:
    project.write(
        """
        CREATE STREAMING TABLE base (CONSTRAINT c EXPECT (a > 0) ON VIOLATION WARN) AS SELECT 1;
        CREATE MATERIALIZED VIEW b AS SELECT * FROM base
        """,
        "main.sql",
    )
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    first, second = caught.value.faults
    assert second.code == "TABLE_NOT_FOUND"
    assert second.hint == f"Correct {first.where} first: it may define it."


def test_parameter_without_a_value_is_told_where_to_declare_it(project: Project) -> None:
    project.write("CREATE MATERIALIZED VIEW b AS SELECT :entity AS e", "main.sql")
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    (fault,) = caught.value.faults
    assert (fault.code, str(fault.where).endswith("main.sql:1")) == ("QUERY_INVALID", True)
    assert "`parameters` of the pipeline" in fault.hint


def test_parameters_functions_and_use_in_sql_and_python(project: Project) -> None:
    project.create("outside", "SELECT 7 AS n")
    project.write(
        """
        CREATE TEMPORARY FUNCTION twice(x INT) RETURNS INT RETURN x * 2;
        USE gold_SCHEMA;
        CREATE MATERIALIZED VIEW a AS SELECT twice(n) AS n, :day AS day FROM SCHEMA.outside;
        CREATE MATERIALIZED VIEW b AS SELECT n, '${unit}' AS unit FROM IDENTIFIER(:from)
        """,
        "main.sql",
    )
    project.write(
        """
        from pyspark import pipelines as dp

        spark.sql("USE CATALOG main")
        spark.sql("USE gold_SCHEMA")

        @dp.materialized_view
        def c():
            return spark.sql("SELECT a.n, '${unit}' AS unit FROM a JOIN b ON a.n = b.n")
        """
    )
    project.configure({"unit": "mg"}, parameters={"day": "it's", "from": "a"})
    assert project.run().state == "COMPLETED"
    assert project.sql("SELECT * FROM gold_SCHEMA.a") == [{"n": 14, "day": "it's"}]
    assert project.sql("SELECT * FROM gold_SCHEMA.c") == [{"n": 14, "unit": "mg"}]
    assert project.values("SHOW TABLES IN SCHEMA") == [project.schema]


def test_files_read_in_sql_as_streams_and_as_batches(project: Project) -> None:
    project.write(
        """
        CREATE STREAMING TABLE typed AS
        SELECT *, _metadata.file_name AS file FROM STREAM read_files('VOLUME/in', format => 'json');

        CREATE STREAMING TABLE legacy AS
        SELECT f.k, f.n FROM cloud_files( -- the landing's files :)
          'VOLUME/in', 'json', map('cloudFiles.schemaHints', 'n STRING') /* it's ( */) f
        WHERE f.k <> 'c)';

        CREATE MATERIALIZED VIEW whole AS
        SELECT k, sum(n) AS n, max(more) AS more, count(_rescued_data) AS odd
        FROM read_files('/Volumes/main/' || 'SCHEMA/landing/in', schemaHints => 'n INT, more INT')
        GROUP BY k;

        CREATE MATERIALIZED VIEW plain AS SELECT * FROM read_files(
          'VOLUME/in', schemaEvolutionMode => 'none', modifiedAfter => TIMESTAMP'2020-01-01');

        CREATE MATERIALIZED VIEW named AS
        SELECT r.a, b FROM STREAM_of_no_one AS r;
        CREATE TEMPORARY VIEW STREAM_of_no_one AS
        SELECT * FROM read_files('VOLUME/x y/*.csv', schema => 'a INT, b STRING', header => true)
        """,
        "main.sql",
    )
    odd = project.landing / "x y"
    odd.mkdir()
    (odd / "a {1}.csv").write_text("a,b\n1,x\n")
    (project.landing / "in").mkdir()
    for number, rows in enumerate((['{"k":"a","n":1}'], ['{"k":"a","n":2}', '{"k":"b","n":"z"}'])):
        (project.landing / "in" / f"{number}.json").write_text("\n".join(rows))
        assert project.run().state == "COMPLETED"
    rows = project.sql("SELECT k, n, file, _rescued_data IS NULL AS whole FROM SCHEMA.typed")
    assert sorted(rows, key=lambda row: (row["file"], row["k"])) == [
        {"k": "a", "n": 1, "file": "0.json", "whole": True},
        {"k": "a", "n": 2, "file": "1.json", "whole": True},
        {"k": "b", "n": None, "file": "1.json", "whole": False},
    ]
    assert project.values("SELECT n FROM SCHEMA.legacy") == ["1", "2", "z"]
    assert project.sql("SELECT * FROM SCHEMA.named") == [{"a": 1, "b": "x"}]
    assert [list(row) for row in project.sql("SELECT * FROM SCHEMA.plain LIMIT 1")] == [["k", "n"]]
    assert [tuple(r.values()) for r in project.sql("SELECT * FROM SCHEMA.whole ORDER BY k")] == [
        ("a", 3, None, 0),
        ("b", None, None, 1),
    ]


def test_files_in_sql_are_refused_at_their_line(project: Project) -> None:
    (project.landing / "in").mkdir()
    project.write(
        """\
        CREATE MATERIALIZED VIEW a AS SELECT * FROM read_files('VOLUME/none', format => 'json');
        CREATE MATERIALIZED VIEW b AS SELECT * FROM read_files('VOLUME/in');
        CREATE STREAMING TABLE c AS SELECT * FROM STREAM read_files('s3://x/y', format => 'csv');
        CREATE STREAMING TABLE d AS SELECT * FROM STREAM read_files('VOLUME/in', 'csv');
        CREATE STREAMING TABLE e AS SELECT * FROM STREAM read_files('VOLUME/in', format => 'xlsx');
        CREATE STREAMING TABLE f AS SELECT * FROM cloud_files('VOLUME/in');
        """,
        "main.sql",
    )
    assert faults(project) == [
        ("SOURCE_PATH_NOT_FOUND", "main.sql:1"),
        ("AUTOLOADER_FORMAT_MISSING", "main.sql:2"),
        ("PATH_NOT_BUILT", "main.sql:3"),
        ("READ_FILES_INVALID", "main.sql:4"),
        ("AUTOLOADER_OPTION_INVALID", "main.sql:5"),
        ("READ_FILES_INVALID", "main.sql:6"),
    ]


def test_streams_skip_commits_that_change_rows(project: Project) -> None:
    project.create("source", "SELECT 1 AS id, 'a' AS v")
    project.write(
        """
        CREATE OR REFRESH STREAMING TABLE seen AS
        SELECT b.* FROM STREAM(source) WITH (SKIPCHANGECOMMITS) b WHERE b.id > 0;

        CREATE TEMPORARY VIEW onward AS SELECT * FROM STREAM seen WITH (skipChangeCommits = TRUE);

        CREATE OR REFRESH STREAMING TABLE kept AS SELECT * FROM STREAM(onward)
        """,
        "main.sql",
    )
    assert project.run().state == "COMPLETED"
    project.sql("UPDATE source SET v = 'b'")
    project.sql("UPDATE SCHEMA.seen SET v = 'c'")
    project.sql("INSERT INTO source VALUES (2, 'd')")
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT v FROM SCHEMA.seen ORDER BY id") == ["c", "d"]
    assert project.values("SELECT v FROM SCHEMA.kept ORDER BY id") == ["a", "d"]


@pytest.mark.parametrize("first", ["STREAM(source) s", "main.SCHEMA.source b"])
def test_stream_beside_a_batch_read_of_the_same_table(project: Project, first: str) -> None:
    project.create("source", "SELECT 1 AS id, 0 AS parent")
    first = first.replace("SCHEMA", project.schema)
    other = "STREAM(source) s" if first.endswith("b") else "source b"
    project.write(
        f"CREATE OR REFRESH STREAMING TABLE found AS "
        f"SELECT s.id FROM {first} JOIN {other} ON b.parent = s.id - 1",
        "main.sql",
    )
    project.run()
    project.sql("INSERT INTO source VALUES (2, 0)")  # meets no row that was read before
    project.run()
    assert project.values("SELECT id FROM SCHEMA.found") == [1]

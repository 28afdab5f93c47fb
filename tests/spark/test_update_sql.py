"""SQL in dataset functions: which table a name means, and what may qualify a column."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from harness import Project
from headwater.errors import GraphError, UsageError
from headwater.names import READ_VIEW, TableName, quote, table_name
from headwater.sandbox.live_words import without_live
from headwater.sandbox.sql_text import Relation, Replacement, SqlText
from headwater.sandbox.statements import run_statements

OWN = {"orders", "customers", "events", "streaming_events"}


def rewritten(spark: SparkSession, text: str) -> str:
    """The text as it is run, with V_<table> for each of the pipeline's tables."""

    def replace(relation) -> Replacement | None:  # type: ignore[no-untyped-def]
        parts = relation.parts[1:] if relation.parts[0] == "live" else relation.parts
        name = table_name(".".join(map(quote, parts)), "main", "s")
        return Replacement(f"V_{name.table}", name) if name.table in OWN else None

    return SqlText(spark, text).replaced(replace)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "SELECT main.s.orders.a, LIVE.customers.b FROM LIVE.customers JOIN s.orders",
            "SELECT V_orders.a, V_customers.b FROM V_customers JOIN V_orders",
        ),
        ("SELECT `orders`.`a b` FROM `orders`", "SELECT V_orders.`a b` FROM V_orders"),
        ("SELECT orders.* FROM orders", "SELECT V_orders.* FROM V_orders"),
        (
            "SELECT orders.a FROM orders TABLESAMPLE (10 PERCENT) ORDER BY orders.b",
            "SELECT V_orders.a FROM V_orders TABLESAMPLE (10 PERCENT) ORDER BY V_orders.b",
        ),
        ("SELECT o.a FROM orders o", "SELECT o.a FROM V_orders o"),
        (
            "SELECT orders.a FROM others orders JOIN orders o ON o.b = orders.b",
            "SELECT orders.a FROM others orders JOIN V_orders o ON o.b = orders.b",
        ),
        (
            "SELECT streaming_events.a FROM STREAM streaming_events",
            "SELECT V_streaming_events.a FROM STREAM V_streaming_events",
        ),
        ("SELECT events.a FROM STREAM(LIVE.events)", "SELECT V_events.a FROM STREAM(V_events)"),
        ("SELECT orders.a FROM IDENTIFIER('orders')", "SELECT V_orders.a FROM V_orders"),
        (
            "SELECT orders.a FROM IDENTIFIER('orders' /* it's :) */) WHERE orders.a > ')'",
            "SELECT V_orders.a FROM V_orders WHERE V_orders.a > ')'",
        ),
        (
            "SELECT * FROM STREAM( -- old\n LIVE.events) e, STREAM /* x */ orders WHERE e.a > 0",
            "SELECT * FROM STREAM( -- old\n V_events) e, STREAM /* x */ V_orders WHERE e.a > 0",
        ),
        (
            "WITH events AS (SELECT events.* FROM events) SELECT events.a FROM events",
            "WITH events AS (SELECT V_events.* FROM V_events) SELECT events.a FROM events",
        ),
        (
            "WITH RECURSIVE events AS (SELECT 1 a UNION ALL SELECT a FROM events) TABLE events",
            "WITH RECURSIVE events AS (SELECT 1 a UNION ALL SELECT a FROM events) TABLE events",
        ),
        (
            "SELECT 1 FROM z WHERE EXISTS (SELECT 1 FROM orders WHERE orders.k = z.k)",
            "SELECT 1 FROM z WHERE EXISTS (SELECT 1 FROM V_orders WHERE V_orders.k = z.k)",
        ),
        (
            "SELECT orders.a FROM orders FOR VERSION AS OF 3 JOIN z ON orders.k = z.k",
            "SELECT V_orders.a FROM V_orders FOR VERSION AS OF 3 JOIN z ON V_orders.k = z.k",
        ),
        (
            "SELECT * EXCEPT (orders.k, a), orders.* EXCEPT (orders . b) FROM orders, z",
            "SELECT * EXCEPT (V_orders.k, a), V_orders.* EXCEPT (V_orders . b) FROM V_orders, z",
        ),
        (
            "SELECT transform(orders.xs, x -> x + orders.k) FROM orders",
            "SELECT transform(V_orders.xs, x -> x + V_orders.k) FROM V_orders",
        ),
        (
            "SELECT /*+ BROADCAST(orders) */ max(orders.a) FROM orders GROUP BY orders.k",
            "SELECT /*+ BROADCAST(V_orders) */ max(V_orders.a) FROM V_orders GROUP BY V_orders.k",
        ),
    ],
)
def test_columns_follow_the_table_that_qualifies_them(
    spark: SparkSession, text: str, wanted: str
) -> None:
    assert rewritten(spark, text) == wanted


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("LIVE.orders.a > 1 AND live . b IS NULL", "orders.a > 1 AND b IS NULL"),
        ("a = 'LIVE.b' OR alive.c > 1", "a = 'LIVE.b' OR alive.c > 1"),
        ("live > 1", "live > 1"),
        ("LIVE.a >", "LIVE.a >"),
    ],
)
def test_rules_may_name_tables_of_the_pipeline(
    spark: SparkSession, condition: str, wanted: str
) -> None:
    assert without_live(spark, condition) == wanted


def test_columns_qualified_by_their_table_resolve(project: Project) -> None:
    project.create("ext", "SELECT 1 AS cid, 'x' AS t")
    project.write("""
        import dlt
        from pyspark.sql import SparkSession, functions as F

        @dlt.table
        def customers():
            return SparkSession.getActiveSession().createDataFrame(
                [(1, "Ana"), (2, "Bo")], "id INT, name STRING"
            )

        @dlt.table
        def orders():
            return SparkSession.builder.getOrCreate().range(10, 12).selectExpr("*", "id - 9 cid")

        @dlt.table
        def by_text():
            return spark.sql('''
                SELECT customers.name, main.SCHEMA.orders.id, ext.t FROM LIVE.customers
                JOIN orders ON orders.cid = customers.id LEFT JOIN ext ON ext.cid = orders.cid
            ''')

        @dlt.table
        @dlt.expect("known", "LIVE.orders.id > 10")
        def by_frame():
            joined = spark.read.table("customers").join(
                dlt.read("orders"), F.col("orders.cid") == F.col("SCHEMA.customers.id")
            )
            return joined.select("customers.name", F.col("orders.id"))
    """)
    result = project.run()
    rows = [("Ana", 10), ("Bo", 11)]
    text = project.sql("SELECT * FROM by_text ORDER BY name")
    assert [tuple(row.values()) for row in text] == [(*rows[0], "x"), (*rows[1], None)]
    assert [tuple(r.values()) for r in project.sql("SELECT * FROM by_frame ORDER BY 1")] == rows
    (rule,) = [rule for flow in result.flows for rule in flow.rules.values()]
    assert (rule.passed_records, rule.failed_records) == (1, 1)


def test_table_that_hides_behind_its_own_name_is_an_input(project: Project) -> None:
    project.write("""
        import dlt

        @dlt.table
        def counted():
            return spark.sql("WITH events AS (SELECT * FROM events) SELECT count(*) n FROM events")

        @dlt.table
        def events():
            return spark.range(3)
    """)
    graph = project.run().graph
    counted = TableName("main", project.schema, "counted")
    (flow,) = graph.flows_into(counted)
    assert flow.inputs == {TableName("main", project.schema, "events")}
    assert project.values("SELECT n FROM counted") == [3]


def test_earlier_versions_are_read_of_tables_outside_of_the_pipeline_alone(
    project: Project,
) -> None:
    project.create("ext", "SELECT 1 AS x")
    project.create("clock", "SELECT current_timestamp() AS at")
    project.sql("INSERT INTO SCHEMA.ext VALUES (2)")
    queries = (
        'spark.sql("SELECT * FROM t VERSION AS OF 0 AS a")',
        'spark.sql("SELECT * FROM LIVE.t TIMESTAMP AS OF current_timestamp()")',
        "spark.sql(\"SELECT * FROM t WITH ('versionAsOf' = '0')\")",
        'spark.read.option("versionAsOf", 0).table("t")',
        'spark.sql("SELECT * FROM v VERSION AS OF 0")',
    )
    own = [f"@dlt.table\ndef q{n}():\n    return {query}\n" for n, query in enumerate(queries)]
    query = 'spark.sql("SELECT ext.x FROM ext VERSION AS OF 0")'
    table = f"import dlt\n\n@dlt.table\ndef t():\n    return {query}\n"
    project.write(table + '@dlt.view\ndef v():\n    return spark.read.table("t")\n' + "".join(own))
    with pytest.raises(GraphError) as caught:
        project.run()
    told = [(each.code, getattr(each.where, "line", 0)) for each in caught.value.parts]
    assert told == [("TIME_TRAVEL_OF_DATASET", 11 + 3 * n) for n in range(len(queries))]
    beside = "SELECT a.x FROM STREAM ext a JOIN ext VERSION AS OF 0 b ON a.x = b.x"
    by_time = "SELECT x FROM ext TIMESTAMP AS OF (SELECT max(at) FROM clock)"
    project.write(
        table
        + f"@dlt.table\ndef beside():\n    return spark.sql('{beside}')\n"
        + f"@dlt.table\ndef by_time():\n    return spark.sql('{by_time}')\n"
    )
    flows = {each.flow.target.table: each for each in project.run().graph.flows}
    names = {table: {each.table for each in flow.external} for table, flow in flows.items()}
    assert names == {"t": {"ext"}, "beside": {"ext"}, "by_time": {"ext", "clock"}}
    rows = {table: project.values(f"SELECT x FROM {table} ORDER BY x") for table in flows}
    assert rows == {"t": [1], "beside": [1], "by_time": [1]}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("spark.sql(\"SELECT * FROM event_log('x')\")", "event_log"),
        ("spark.sql(\"SELECT * FROM IDENTIFIER(a || 'b')\")", "IDENTIFIER"),
        ('spark.sql("SELECT * FROM IDENTIFIER(:a) VERSION AS OF 0")', "IDENTIFIER"),
        ('spark.sql("SELECT * FROM IDENTIFIER(explode(array(1)))")', "IDENTIFIER"),
        ('spark.sql("SELECT * FROM IDENTIFIER((SELECT max(x) FROM range(1) t(x)))")', "IDENTIFIER"),
        ("spark.sql(\"SELECT * FROM IDENTIFIER(if(rand() > 2, 'a', 'b'))\")", "IDENTIFIER"),
        ('spark.read.load("s3://bucket/x")', "s3:"),
        ('spark.readStream.schema("a INT").json("dbfs:/x")', "dbfs:"),
        ('spark.read.parquet("gs://bucket/x")', "gs:"),
    ],
)
def test_what_only_a_workspace_reads_is_refused_by_name(
    project: Project, query: str, named: str
) -> None:
    project.write(f"import dlt\n\n@dlt.table\ndef out():\n    return {query}\n")
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    (fault,) = caught.value.faults
    assert fault.code in ("API_NOT_BUILT", "PATH_NOT_BUILT")
    assert named in fault.message
    assert str(fault.where).endswith("main.py:5")


def test_what_sql_makes_is_found_by_the_next_session(project: Project) -> None:
    made = f"x_{project.schema}"
    project.sql(f"CREATE DATABASE {made}")
    project.sql(f"CREATE DATABASE samples.`{made}-2`; CREATE DATABASE IF NOT EXISTS {made}")
    project.sql(f"CREATE TABLE {made}.t AS SELECT 1 AS a")
    project.sql(f"CREATE TABLE samples.`{made}-2`.u AS SELECT 2 AS a")
    names = {str(name) for name in project.store.tables()}
    assert names == {f"main.{made}.t", f"samples.{made}-2.u"}
    project.write(f"""
        import dlt

        @dlt.table
        def out():
            other = spark.sql("SELECT a FROM samples.`{made}-2`.u")
            return spark.read.table("more.{made}.t").union(other)
    """)
    project.run()
    assert project.values("SELECT a FROM out") == [1, 2]


def test_tables_elsewhere_are_kept_and_what_is_not_is_told(
    project: Project, spark: SparkSession, tmp_path: Path
) -> None:
    project.create("ext", "SELECT 1 AS id")
    made, warnings = f"y_{project.schema}", []
    text = f"""
        CREATE DATABASE {made} LOCATION '{tmp_path}/far';
        CREATE TABLE {made}.t AS SELECT 1 AS a;
        CREATE TABLE other.{project.schema}.u AS SELECT 2 AS a;
        CREATE VIEW {project.schema}.v AS SELECT * FROM {made}.t;
        SELECT a FROM {project.schema}.v
    """
    frame = run_statements(spark, project.target, text, warnings.append)
    assert frame is not None
    assert frame.first() == (1,)
    assert [warning.parameters["names"] for warning in warnings] == [[f"{project.schema}.v"]]
    spark.sql(f"DROP VIEW {project.schema}.v")
    places = {str(name): project.store.table_path(name) for name in project.store.tables()}
    assert places[f"main.{made}.t"] == tmp_path / "far" / "t"
    assert f"main.{project.schema}.u" in places


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CREATE TABLE SCHEMA.`odd-name` AS SELECT 1 AS a", "NAME_INVALID"),
        ("SELECT CAST(s AS INT) FROM VALUES ('123-45-6789') t(s)", "SQL_FAILED"),
        ("CREATE TABLE SCHEMA.t AS SELECT CAST('123-45-6789' AS INT) AS a", "SQL_INVALID"),
        ("SELEC 1", "SQL_INVALID"),
        ("SELECT * FROM event_log('flow')", "EVENT_LOG_UNKNOWN"),
    ],
)
def test_failing_sql_says_why_and_leaves_nothing(project: Project, text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        project.sql(text)
    assert caught.value.code == code
    assert "123-45" not in str(caught.value)
    assert "flow'?" not in caught.value.hint
    assert list(project.store.tables()) == []


@pytest.mark.parametrize("last", ["SELECT\n  *\nFROM nowhere", "\n\nUSE CATALOG nowhere"])
def test_sql_of_a_file_says_in_which_line_it_fails(project: Project, last: str) -> None:
    text = f"-- about\nSELECT 1;\n{last};\nSELECT 2"
    with pytest.raises(UsageError) as caught:
        run_statements(project.spark, project.target, text, file=Path("a.sql"))
    assert str(caught.value.where) == "a.sql:5"


@pytest.mark.parametrize(
    ("text", "view", "expected"),
    [
        (
            "INSERT INTO s.t WITH t2 AS (SELECT 1 AS a) SELECT * FROM t2",
            "delta.`/p`",
            "INSERT INTO delta.`/p` WITH t2 AS (SELECT 1 AS a) SELECT * FROM t2",
        ),
        ("SELECT * FROM s.t WITH ('a' = 'b')", "s.u", "SELECT * FROM s.u WITH ('a' = 'b')"),
        ("SELECT * FROM s.t WITH (\n'a' = '(') x", READ_VIEW, f"SELECT * FROM {READ_VIEW} \n x"),
        (
            "SELECT * FROM STREAM(s.t) /* ) */ WITH ('a' = 'b')",
            READ_VIEW,
            f"SELECT * FROM STREAM({READ_VIEW}) /* ) */ ",
        ),
    ],
)
def test_options_stay_with_tables_and_leave_views(
    spark: SparkSession, text: str, view: str, expected: str
) -> None:
    name = TableName("main", "s", "t")

    def replace(relation: Relation) -> Replacement | None:
        return Replacement(view, name) if relation.parts == ("s", "t") else None

    assert SqlText(spark, text).replaced(replace) == expected

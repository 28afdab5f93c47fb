"""AUTO CDC inside a pipeline: the contract's worked vectors, several flows, once, refresh."""

import pytest

from harness import Project
from headwater.errors import GraphError

EVENTS = """
    SELECT * FROM VALUES
      (124, 'Raul', 'Oaxaca', 'INSERT', 1), (123, 'Isabel', 'Monterrey', 'INSERT', 1),
      (125, 'Mercedes', 'Tijuana', 'INSERT', 2), (126, 'Lily', 'Cancun', 'INSERT', 2),
      (123, NULL, NULL, 'DELETE', 6), (125, 'Mercedes', 'Guadalajara', 'UPDATE', 6),
      (125, 'Mercedes', 'Mexicali', 'UPDATE', 5), (123, 'Isabel', 'Chihuahua', 'UPDATE', 5)
    AS t(userId, name, city, operation, sequenceNum)
"""

FLOW = """
    from pyspark import pipelines as dp
    from pyspark.sql.functions import col, expr

    dp.create_streaming_table("users", expect_all={"named": "name IS NOT NULL"})
    dp.create_auto_cdc_flow(
        target="users",
        source="changes",
        keys=["userId"],
        sequence_by=col("sequenceNum"),
        apply_as_deletes=expr("operation = 'DELETE'"),
        except_column_list=["operation", "sequenceNum"],
        stored_as_scd_type=TYPE,
    )
"""


def test_scd1_gives_the_worked_vector_and_again_without_its_helper_state(
    project: Project,
) -> None:
    project.create("changes", EVENTS)
    project.write(FLOW.replace("TYPE", "1"))
    for reset in ((), ("*",)):
        result = project.run(full_refresh=reset)
        assert project.sql("SELECT * FROM users ORDER BY userId") == [
            {"userId": 124, "name": "Raul", "city": "Oaxaca"},
            {"userId": 125, "name": "Mercedes", "city": "Guadalajara"},
            {"userId": 126, "name": "Lily", "city": "Cancun"},
        ]
        (rule,) = result.flows[0].rules.values()
        assert (rule.passed_records, rule.failed_records) == (7, 1)
        assert result.flows[0].rows_written == 3


def test_scd2_gives_the_worked_vector_in_two_updates(project: Project) -> None:
    project.create("changes", f"SELECT * FROM ({EVENTS}) WHERE sequenceNum <> 5")
    project.write(FLOW.replace("TYPE", '"2"'))
    project.run()
    project.sql(f"INSERT INTO changes SELECT * FROM ({EVENTS}) WHERE sequenceNum = 5")
    project.run()
    rows = project.sql("SELECT userId, city, __START_AT s, __END_AT e FROM users ORDER BY 1, 3")
    assert [tuple(row.values()) for row in rows] == [
        (123, "Monterrey", 1, 5),
        (123, "Chihuahua", 5, 6),
        (124, "Oaxaca", 1, None),
        (125, "Tijuana", 2, 5),
        (125, "Mexicali", 5, 6),
        (125, "Guadalajara", 6, None),
        (126, "Cancun", 2, None),
    ]


def test_changed_keys_need_a_full_refresh(project: Project) -> None:
    project.create("changes", EVENTS)
    project.write(FLOW.replace("TYPE", "1"))
    project.run()
    project.write(FLOW.replace("TYPE", "2"))
    with pytest.raises(GraphError) as caught:
        project.run()
    assert caught.value.code == "AUTOCDC_STATE_CHANGED"
    assert project.run(full_refresh=("users",)).state == "COMPLETED"
    assert len(project.sql("SELECT * FROM users")) == 7


def test_several_flows_and_a_once_flow_fill_one_target(project: Project) -> None:
    project.create("first", f"SELECT * FROM ({EVENTS}) WHERE sequenceNum < 5")
    project.create("second", f"SELECT * FROM ({EVENTS}) WHERE sequenceNum = 5")
    project.create("history", f"SELECT * FROM ({EVENTS}) WHERE sequenceNum = 6")
    project.write("""
        import dlt

        dlt.create_streaming_table("users")
        for name, source in (("a", "first"), ("b", "second"), ("c", "history")):
            once = name == "c"
            dlt.apply_changes(
                target="users", source=source, keys=["userId"], sequence_by="sequenceNum",
                apply_as_deletes="operation = 'DELETE'", name=name, once=once,
                except_column_list=["operation", "sequenceNum"], stored_as_scd_type=2,
            )
    """)
    project.run()
    assert len(project.sql("SELECT * FROM users")) == 7
    second = project.run()
    assert {flow.flow: flow.status for flow in second.flows} == {
        "a": "COMPLETED",
        "b": "COMPLETED",
        "c": "IDLE",
    }
    assert len(project.sql("SELECT * FROM users")) == 7


def test_late_event_of_one_flow_does_not_bring_back_what_another_deleted(project: Project) -> None:
    project.create("changes", "SELECT 1 AS id, 1 AS seq, 'ann' AS name")
    project.create("removed", "SELECT 2 AS id, 5 AS seq")
    project.write("""
        from pyspark import pipelines as dp

        for kind, kept in ((1, ["id", "seq", "name"]), (1, ["id", "name"]), (2, ["id", "name"])):
            target = f"people_{kind}_{len(kept)}"
            dp.create_streaming_table(target)
            dp.create_auto_cdc_flow(
                target=target, source="changes", keys=["id"], sequence_by="seq",
                column_list=kept, stored_as_scd_type=kind)
            dp.create_auto_cdc_flow(
                name=f"{target}_removed", target=target, source="removed", keys=["id"],
                sequence_by="seq", apply_as_deletes="true",
                column_list=[name for name in kept if name != "name"], stored_as_scd_type=kind)
    """)
    assert project.run().state == "COMPLETED"
    project.sql("INSERT INTO SCHEMA.changes VALUES (2, 2, 'bob')")
    assert project.run().state == "COMPLETED"
    for table in ("people_1_3", "people_1_2"):
        assert project.values(f"SELECT name FROM SCHEMA.{table}") == ["ann"]
    history = project.sql("SELECT name, __END_AT AS till FROM SCHEMA.people_2_2 ORDER BY id")
    assert history == [{"name": "ann", "till": None}, {"name": "bob", "till": 5}]


def test_late_event_of_one_flow_does_not_bring_back_what_another_truncated(
    project: Project,
) -> None:
    project.create("changes", "SELECT 1 AS id, 1 AS seq, 'ann' AS name")
    project.create("emptied", "SELECT 5 AS seq")
    project.write("""
        from pyspark import pipelines as dp

        for kept in (["id", "seq", "name"], ["id", "name"]):
            target = f"people_{len(kept)}"
            dp.create_streaming_table(target)
            dp.create_auto_cdc_flow(
                target=target, source="changes", keys=["id"], sequence_by="seq", column_list=kept)

            @dp.temporary_view(name=f"{target}_emptied")
            def emptied():
                rows = spark.readStream.table("emptied")
                return rows.selectExpr("CAST(NULL AS INT) AS id", "seq")

            dp.create_auto_cdc_flow(
                name=f"{target}_empty", target=target, source=f"{target}_emptied", keys=["id"],
                sequence_by="seq", apply_as_truncates="true",
                column_list=[name for name in kept if name != "name"])
    """)
    assert project.run().state == "COMPLETED"
    project.sql("INSERT INTO SCHEMA.changes VALUES (2, 2, 'bob'), (3, 6, 'cleo')")
    assert project.run().state == "COMPLETED"
    for table in ("people_3", "people_2"):
        assert project.values(f"SELECT name FROM SCHEMA.{table}") == ["cleo"]


def test_append_flows_union_into_one_table(project: Project) -> None:
    project.create("first", "SELECT 1 AS id")
    project.create("second", "SELECT 2 AS id, 'x' AS extra")
    project.create("old", "SELECT 3 AS id")
    project.write("""
        from pyspark import pipelines as dp

        dp.create_streaming_table("all_of_them", expect_all_or_drop={"positive": "id > 0"})

        @dp.append_flow(target="all_of_them")
        def from_first():
            return spark.readStream.table("first")

        @dp.append_flow(target="all_of_them")
        def from_second():
            return spark.readStream.table("second")

        @dp.append_flow(target="all_of_them", once=True)
        def backfill():
            return spark.read.table("old")
    """)
    project.run()
    project.run()
    assert project.values("SELECT id FROM all_of_them") == [1, 2, 3]


def test_null_keys_fail_the_flow_and_leave_the_table(project: Project) -> None:
    project.create("changes", "SELECT CAST(NULL AS INT) AS id, 1 AS seq")
    project.write("""
        from pyspark import pipelines as dp

        dp.create_streaming_table("t")
        dp.create_auto_cdc_flow(target="t", source="changes", keys=["id"], sequence_by="seq")
    """)
    result = project.run()
    assert result.state == "FAILED"
    assert result.error is not None
    assert result.error.code == "AUTOCDC_NULL_KEY"
    assert project.sql("SELECT * FROM t") == []


def test_bitemporal_target_keeps_what_was_believed(project: Project) -> None:
    project.create("changes", "SELECT 1 AS id, 'x10' AS x, 10 AS bt, 100 AS st")
    text = """
        from pyspark import pipelines as dp
        from pyspark.sql.functions import col

        dp.create_streaming_table("t")
        dp.create_auto_cdc_flow(
            target="t", source="changes", keys=["id"], sequence_by="bt",
            system_sequence_by=col("st"), stored_as_scd_type="bitemporal"MORE)
    """
    project.write(text.replace("MORE", ", except_column_list=['bt', 'st']"))
    project.run()
    project.sql("INSERT INTO changes VALUES (1, 'x20', 20, 200)")
    project.run()
    rows = project.sql("SELECT * FROM t ORDER BY __SYSTEM_START_AT, __START_AT")
    assert list(rows[0])[-4:] == [
        "__START_AT",
        "__END_AT",
        "__SYSTEM_START_AT",
        "__SYSTEM_END_AT",
    ]
    assert [tuple(row.values())[1:] for row in rows] == [
        ("x10", 10, None, 100, 200),
        ("x10", 10, 20, 200, None),
        ("x20", 20, None, 200, None),
    ]
    project.write(text.replace("MORE", ", track_history_column_list=['x']"))
    with pytest.raises(GraphError) as caught:
        project.run()
    assert caught.value.code == "AUTOCDC_ARGUMENTS_CONFLICT"


FEED = FLOW.replace("TYPE", "1").replace(
    '"users", ', '"users", table_properties={"delta.enableChangeDataFeed": "true"}, '
)


def test_change_feed_of_a_target_is_read_on(project: Project) -> None:
    project.create("changes", f"SELECT * FROM ({EVENTS}) WHERE sequenceNum < 5")
    project.write(
        """
        CREATE OR REFRESH STREAMING TABLE changed_in_sql AS SELECT u.userId, city, _change_type
        FROM STREAM(users) WITH (READCHANGEFEED) AS u WHERE u.userId > 0;

        CREATE OR REFRESH MATERIALIZED VIEW first_changes AS
        SELECT _change_type, count(*) AS n FROM table_changes('users', 0, 1) GROUP BY ALL
        """,
        "more.sql",
    )
    project.write(
        FEED
        + """
    @dp.temporary_view
    def feed():
        return spark.readStream.option("readChangeFeed", "true").table("users")

    @dp.table
    def changed():
        return spark.readStream.table("feed").select("userId", "city", "_change_type")

    @dp.materialized_view
    def whole():
        reader = spark.read.option("readChangeData", True).option("startingVersion", 0)
        return reader.table("users").groupBy("_change_type").count()
    """
    )
    assert project.run().state == "COMPLETED"
    project.sql(f"INSERT INTO changes SELECT * FROM ({EVENTS}) WHERE sequenceNum >= 5")
    assert project.run().state == "COMPLETED"
    rows = project.sql("SELECT * FROM changed ORDER BY userId, _change_type, city")
    assert [(*row.values(),) for row in rows] == [
        (123, "Monterrey", "delete"),
        (123, "Monterrey", "insert"),
        (124, "Oaxaca", "insert"),
        (125, "Tijuana", "insert"),
        (125, "Guadalajara", "update_postimage"),
        (125, "Tijuana", "update_preimage"),
        (126, "Cancun", "insert"),
    ]
    in_sql = project.sql("SELECT * FROM changed_in_sql ORDER BY userId, _change_type, city")
    assert in_sql == rows
    changes = [("delete", 1), ("insert", 4), ("update_postimage", 1), ("update_preimage", 1)]
    for table, wanted in (("whole", changes), ("first_changes", [("insert", 4)])):
        counts = project.sql(f"SELECT * FROM {table} ORDER BY 1")
        assert [(*row.values(),) for row in counts] == wanted


def test_change_feed_of_a_view_and_wrong_bounds_are_refused(project: Project) -> None:
    project.write("""
        import dlt

        @dlt.view
        def v():
            return spark.range(3)

        @dlt.table
        def t():
            return spark.range(3)

        @dlt.table
        def of_view():
            return spark.sql("SELECT * FROM table_changes('v', 0)")

        @dlt.table
        def of_null():
            return spark.sql("SELECT * FROM table_changes('t', NULL)")

        @dlt.table
        def by_name():
            return spark.sql("SELECT * FROM table_changes('t', start => 1)")

        @dlt.table
        def since():
            return spark.sql(
                "SELECT _change_type FROM table_changes('t', current_timestamp() - INTERVAL 1 DAY)"
            )
    """)
    with pytest.raises(GraphError) as caught:
        project.run()
    told = [(each.code, getattr(each.where, "line", 0)) for each in caught.value.parts]
    assert told == [
        ("CHANGE_FEED_OF_VIEW", 14),
        ("TABLE_CHANGES_INVALID", 18),
        ("TABLE_CHANGES_INVALID", 22),
    ]

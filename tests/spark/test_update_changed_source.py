"""A source that is changed between updates: what was written stays right, or it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Project
from headwater.cdc import memory
from headwater.engine.request import UpdateRequest
from headwater.engine.update import UpdateResult
from headwater.errors import GraphError
from headwater.events.rows import Event
from headwater.names import TableName

CHANGES = """
from pyspark import pipelines as dp
from pyspark.sql.functions import expr

dp.create_streaming_table("t"TABLE)
dp.create_auto_cdc_flow(target="t", source="events", keys=["id"], sequence_by="seq"MORE)
"""
DELETES = ", apply_as_deletes=expr(\"op = 'D'\")"


def changes(project: Project, more: str = "", table: str = "") -> None:
    project.write(CHANGES.replace("MORE", more).replace("TABLE", table))


def send(project: Project, *rows: str) -> None:
    values = ", ".join(f"({row})" for row in rows)
    query = f"SELECT id, seq, CAST(v AS STRING) AS v, op FROM VALUES {values} AS e(id, seq, v, op)"
    if project.store.table_path(TableName("main", project.schema, "events")).exists():
        project.sql(f"INSERT INTO SCHEMA.events {query}")
    else:
        project.create("events", query)


def refused(project: Project, code: str) -> None:
    with pytest.raises(GraphError) as raised:
        project.run()
    assert raised.value.code == code


@pytest.mark.parametrize("kind", ["1", "2"])
def test_deletes_that_were_taken_once_can_not_cease(project: Project, kind: str) -> None:
    send(project, "1, 1, 'a', 'U'", "2, 1, 'b', 'U'")
    more = f', stored_as_scd_type={kind}, except_column_list=["op"]'
    changes(project, more)
    project.run()
    changes(project, more + DELETES)
    send(project, "1, 5, NULL, 'D'")
    project.run()
    changes(project, more)
    send(project, "1, 3, 'late', 'U'")
    refused(project, "AUTOCDC_STATE_CHANGED")
    changes(project, more + DELETES)
    project.run()
    gone = "" if kind == "1" else " WHERE __END_AT IS NULL"
    assert project.values(f"SELECT id FROM SCHEMA.t{gone}") == [2]


def test_table_is_filled_by_change_flows_or_by_others(project: Project) -> None:
    send(project, "1, 1, 'a', 'U'")
    changes(project)
    project.run()
    appended = """
from pyspark import pipelines as dp

dp.create_streaming_table("t")

@dp.append_flow(target="t", name="t")
def f():
    return spark.readStream.table("events")
"""
    project.write(appended)
    refused(project, "AUTOCDC_STATE_CHANGED")
    project.run(full_refresh=("t",))
    changes(project)
    refused(project, "AUTOCDC_STATE_CHANGED")


def test_sequence_that_the_target_declares_with_less_is_remembered_whole(project: Project) -> None:
    project.create(
        "events",
        "SELECT 1 AS id, TIMESTAMP'2026-01-01 10:00:00' AS seq, 'new' AS v, 'U' AS op",
    )
    changes(project, table=', schema="id INT, seq DATE, v STRING, op STRING"')
    project.run()
    project.sql("INSERT INTO SCHEMA.events VALUES (1, TIMESTAMP'2026-01-01 09:00:00', 'late', 'U')")
    project.run()
    assert project.values("SELECT v FROM SCHEMA.t") == ["new"]
    changes(project)  # and a target that remembered nothing can't come to it
    refused(project, "AUTOCDC_STATE_CHANGED")


def test_truncate_with_a_key_is_remembered_for_all_keys(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_BATCHES_BETWEEN_COMPACTIONS", 2)
    changes(project, ", apply_as_truncates=expr(\"op = 'T'\")")
    for row in ("1, 3, NULL, 'T'", "1, 5, 'a', 'U'", "2, 2, 'late', 'U'"):
        send(project, row)
        project.run()
    assert project.values("SELECT id FROM SCHEMA.t") == [1]


def test_remembered_events_grow_with_the_types_of_the_target(project: Project) -> None:
    wide = ", table_properties={'delta.enableTypeWidening': 'true'}"
    more = ', stored_as_scd_type=2, except_column_list=["seq", "op"]' + DELETES
    project.create("events", "SELECT 1 AS id, 1 AS seq, 7 AS v, 'U' AS op")
    changes(project, more, wide)
    project.run()
    project.sql("ALTER TABLE SCHEMA.events SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')")
    project.sql("ALTER TABLE SCHEMA.events ALTER COLUMN v TYPE BIGINT")
    project.sql("INSERT INTO SCHEMA.events VALUES (1, 3, 5000000000, 'U'), (1, 2, 8, 'U')")
    project.run()
    assert project.values("SELECT v FROM SCHEMA.t ORDER BY __START_AT") == [7, 8, 5000000000]


def test_sequence_that_comes_into_the_target_later_is_refused(project: Project) -> None:
    send(project, "1, 1, 'a', 'U'", "1, 2, 'a', 'U'")
    more = ", stored_as_scd_type=2, except_column_list=COLUMNS" + DELETES
    changes(project, more.replace("COLUMNS", '["seq", "op"]'))
    project.run()
    changes(project, more.replace("COLUMNS", '["op"]'))
    refused(project, "AUTOCDC_STATE_CHANGED")


def test_table_that_becomes_private_and_public_again_is_never_half_another(
    project: Project,
) -> None:
    table = """
from pyspark import pipelines as dp

@dp.table(name="t"PRIVATE)
def t():
    return spark.readStream.table("events")

@dp.materialized_view
def seen():
    return spark.read.table("t").select("id")
"""
    send(project, "1, 1, 'a', 'U'")
    for number, private in ((1, ""), (2, ", private=True"), (3, ", private=True")):
        project.write(table.replace("PRIVATE", private))
        if number == 2:
            assert next(each.action for each in project.plan().tables) == "FULL_REFRESH"
        project.run()
        assert sorted(project.values("SELECT id FROM SCHEMA.seen")) == list(range(1, number + 1))
        send(project, f"{number + 1}, 1, 'a', 'U'")
    project.write(table.replace("PRIVATE", ""))
    refused(project, "TABLE_NOT_OWNED")
    project.sql("DROP TABLE SCHEMA.t")
    project.run()
    assert sorted(project.values("SELECT id FROM SCHEMA.t")) == [1, 2, 3, 4]


def test_idle_once_flow_did_not_fail(project: Project) -> None:
    send(project, "1, 1, 'a', 'U'")
    project.write("""
from pyspark import pipelines as dp

dp.create_streaming_table("t")

@dp.append_flow(target="t", once=True)
def first():
    return spark.read.table("events")

@dp.materialized_view
@dp.expect_or_fail("small", "n < 2")
def m():
    return spark.read.table("events").selectExpr("count(*) AS n")
""")
    project.run()
    send(project, "2, 1, 'a', 'U'")
    assert project.run().state == "FAILED"
    assert {
        each.flow for each in project.run(refresh_failed=True).flows if each.status != "EXCLUDED"
    } == {"m"}


FOLLOWED = """
from pyspark import pipelines as dp

@dp.table
def t():
    return spark.readStream.option("maxFilesPerTrigger", 1).table("SCHEMA.rows")
"""


ADDED = "ALTER TABLE SCHEMA.rows ADD COLUMNS (x INT)"


class Everything(frozenset[str]):
    """All changes of tables, as if each had been seen before."""

    def __contains__(self, change: object) -> bool:
        return True


def streamed(project: Project, **request: Any) -> UpdateResult:
    """Stream two files of a table that gets a column once the first has been read."""
    project.create("rows", "SELECT 1 AS id, 'a' AS v")
    project.sql("INSERT INTO SCHEMA.rows VALUES (2, 'b')")
    project.write(FOLLOWED)
    changes = [ADDED, "INSERT INTO SCHEMA.rows VALUES (3, 'c', 7)"]

    def listen(event: Event) -> None:
        while event.event_type == "stream_progress" and changes:
            project.sql(changes.pop(0))

    return project.updater(listen).run(UpdateRequest(**request))


def test_column_that_comes_while_a_stream_runs_begins_the_update_anew(project: Project) -> None:
    result = streamed(project)
    assert (result.state, len(result.update_ids)) == ("COMPLETED", 2)
    project.run()
    assert project.values("SELECT x FROM SCHEMA.t WHERE x IS NOT NULL") == [7]
    assert project.values("SELECT id FROM SCHEMA.t") == [1, 2, 3]


def test_change_of_columns_that_comes_back_fails_the_flow(project: Project) -> None:
    result = streamed(project, schema_changes=Everything())
    assert (result.state, len(result.update_ids)) == ("FAILED", 1)
    assert result.error is not None
    assert result.error.code == "FLOW_FAILED"
    assert "--full-refresh" in result.error.hint


def test_renamed_column_of_a_source_asks_for_a_full_refresh(project: Project) -> None:
    project.create("rows", "SELECT 1 AS id, 'a' AS v")
    mapped = "TBLPROPERTIES ('delta.columnMapping.mode' = 'name')"
    project.sql(f"ALTER TABLE SCHEMA.rows SET {mapped}")
    project.write(FOLLOWED)
    project.run()
    project.sql("ALTER TABLE SCHEMA.rows RENAME COLUMN v TO w")
    project.sql("INSERT INTO SCHEMA.rows VALUES (2, 'b')")
    error = project.run().error
    assert error is not None
    assert "were renamed, dropped or got other types" in error.hint
    assert project.run(full_refresh=("t",)).state == "COMPLETED"
    assert project.values("SELECT w FROM SCHEMA.t") == ["a", "b"]

"""`GENERATED ALWAYS AS` columns of AUTO CDC targets: made of each row as it is written."""

import pytest

from harness import Project
from headwater.errors import GraphError

EVENTS = """
    SELECT * FROM VALUES (1, 'Ada', DATE'2024-01-01', 'I'), (2, 'Bo', DATE'2024-01-01', 'I'),
      (1, 'Eve', DATE'2024-03-01', 'I') AS t(id, name, day, op)
"""

VERSIONS = """
    CREATE STREAMING TABLE people (
      id INT, name STRING, day DATE, __START_AT DATE, __END_AT DATE,
      is_current BOOLEAN GENERATED ALWAYS AS (__END_AT IS NULL) COMMENT 'still so',
      until DATE GENERATED ALWAYS AS (nvl(__END_AT, DATE'9999-12-31')),
      key STRING GENERATED ALWAYS AS (concat(id, '/', name)));
    CREATE FLOW f AS AUTO CDC INTO people FROM STREAM changes KEYS (id)
      APPLY AS DELETE WHEN op = 'D' SEQUENCE BY day COLUMNS * EXCEPT (op) STORED AS SCD TYPE 2;
"""
NOW = "SELECT key, is_current, CAST(until AS STRING) until FROM people ORDER BY key, __START_AT"


def test_versions_know_whether_they_are_current(project: Project) -> None:
    project.create("changes", EVENTS)
    project.write(VERSIONS, "p.sql")
    project.run()
    assert _rows(project) == [
        ("1/Ada", False, "2024-03-01"),
        ("1/Eve", True, "9999-12-31"),
        ("2/Bo", True, "9999-12-31"),
    ]
    project.sql(
        "INSERT INTO changes VALUES (1, 'Mo', DATE'2024-02-01', 'I'),"
        " (2, NULL, DATE'2024-05-01', 'D'), (3, 'Cy', DATE'2024-05-01', 'I')"
    )
    project.run()
    late = [
        ("1/Ada", False, "2024-02-01"),
        ("1/Eve", True, "9999-12-31"),
        ("1/Mo", False, "2024-03-01"),
        ("2/Bo", False, "2024-05-01"),
        ("3/Cy", True, "9999-12-31"),
    ]
    assert _rows(project) == late
    added = (
        "key STRING GENERATED ALWAYS AS (concat(id, '/', name)), more INT GENERATED ALWAYS AS (1)"
    )
    project.write(
        VERSIONS.replace("key STRING GENERATED ALWAYS AS (concat(id, '/', name))", added), "p.sql"
    )
    with pytest.raises(GraphError, match="lack generated columns: more"):
        project.run()
    project.run(full_refresh=("*",))
    assert _rows(project) == late


def _rows(project: Project) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in project.sql(NOW)]


def test_each_way_to_merge_fills_them_and_changes_no_row_for_them(project: Project) -> None:
    project.create("changes", "SELECT 1 AS id, 'a' AS name, 1 AS at, 10 AS known")
    project.create("whole", "SELECT * FROM VALUES (1, 'a'), (2, 'b') AS t(id, name)")
    project.write(
        """
        CREATE STREAMING TABLE patched (
          id INT, name STRING, at INT, loud STRING GENERATED ALWAYS AS (upper(name)),
          known INT GENERATED ALWAYS AS (-1));
        CREATE FLOW p AS AUTO CDC INTO patched FROM STREAM changes KEYS (id)
          IGNORE NULL UPDATES SEQUENCE BY at;

        CREATE STREAMING TABLE believed (
          id INT, name STRING, __START_AT INT, __END_AT INT, __SYSTEM_START_AT INT,
          __SYSTEM_END_AT INT, still BOOLEAN GENERATED ALWAYS AS (__SYSTEM_END_AT IS NULL));
        CREATE FLOW b AS AUTO CDC INTO believed FROM STREAM changes KEYS (id) SEQUENCE BY at
          SYSTEM SEQUENCE BY known COLUMNS id, name STORED AS BITEMPORAL;
        """,
        "changes.sql",
    )
    project.write(
        """
        from pyspark import pipelines as dp

        dp.create_streaming_table("copied", schema='''
            id INT, name STRING, loud STRING GENERATED ALWAYS AS (upper(name)),
            __START_AT BIGINT, __END_AT BIGINT''')
        dp.create_auto_cdc_from_snapshot_flow(
            target="copied", source="whole", keys=["id"], stored_as_scd_type=2)
        """
    )
    project.run()
    project.sql("INSERT INTO changes VALUES (1, NULL, 2, 20), (1, 'b', 1, 30)")
    project.sql("INSERT INTO whole VALUES (3, 'c')")
    project.sql("UPDATE whole SET name = 'z' WHERE id = 2")
    (copied,) = [each for each in project.run().flows if each.flow.endswith("copied")]
    assert copied.rows_written == 3

    def rows(query: str) -> list[tuple[object, ...]]:
        return [tuple(row.values()) for row in project.sql(query)]

    # The name of the event before is kept, and its own `known` is taken.
    assert rows("SELECT name, at, loud, known FROM patched") == [("b", 2, "B", 20)]
    assert rows("SELECT DISTINCT still FROM believed WHERE __SYSTEM_END_AT IS NULL") == [(True,)]
    assert rows("SELECT loud, __END_AT FROM copied ORDER BY loud") == [
        ("A", None),
        ("B", 1),
        ("C", None),
        ("Z", None),
    ]


def test_expression_may_use_the_targets_columns_only(project: Project) -> None:
    project.create("changes", EVENTS)
    project.write(VERSIONS.replace("concat(id, '/', name)", "op"), "p.sql")
    with pytest.raises(GraphError, match=r"Column 'key' of .*people' can't be generated"):
        project.run()

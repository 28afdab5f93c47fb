"""SQL functions of a workspace: secrets are read, what has no counterpart is refused by name."""

from __future__ import annotations

import pytest

from harness import Project
from headwater.errors import GraphError

READERS = """
CREATE STREAMING TABLE files AS
SELECT k FROM STREAM read_files(
  'VOLUME/in', format => 'csv', sep => concat(secret('demo', 'mark'), '') -- secret('a', 'b')
);
CREATE STREAMING TABLE legacy AS
SELECT k FROM cloud_files(
  'VOLUME/in', 'csv', map('sep', coalesce(try_secret('a', 'b'), SECRET ( "demo" , 'mark' ))))
"""


def faults(project: Project) -> list[tuple[str, str]]:
    """Return code and place of what stops the pipeline."""
    with pytest.raises(GraphError) as caught:
        project.resolved()
    return [(each.code, str(each.where).rpartition("/")[2]) for each in caught.value.faults]


def test_options_of_readers_take_secrets(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_SECRET_DEMO_MARK", "'")
    (project.landing / "in").mkdir()
    (project.landing / "in" / "a.csv").write_text("k'n\n1'2\n")
    project.write(READERS, "main.sql")
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT k FROM SCHEMA.files") == [1]
    assert project.values("SELECT k FROM SCHEMA.legacy") == ["1"]


def test_secret_that_can_not_be_had_is_a_fault(project: Project) -> None:
    (project.landing / "in").mkdir()
    calls = ("secret('demo', 'none')", "secret('a')", "secret(a, 'b')", "secret(concat('a'), 'b')")
    project.write(
        "".join(
            f"CREATE STREAMING TABLE t{number} AS"
            f" SELECT * FROM STREAM read_files('VOLUME/in', format => 'csv', sep => {call});\n"
            for number, call in enumerate(calls)
        ),
        "main.sql",
    )
    assert faults(project) == [
        ("SECRET_UNKNOWN", "main.sql:1"),
        *[("SECRET_INVALID", f"main.sql:{line}") for line in (2, 3, 4)],
    ]


def test_functions_of_a_workspace_are_refused_by_name(project: Project) -> None:
    project.write(
        """\
        CREATE MATERIALIZED VIEW a AS SELECT secret('demo', 'mark') AS k;
        CREATE MATERIALIZED VIEW b AS
          SELECT ai_query('model', 'text') AS k;
        CREATE MATERIALIZED VIEW c AS SELECT 1 AS k WHERE `is_member`('nurses');
        CREATE STREAMING TABLE d AS SELECT * FROM STREAM read_kinesis(streamName => 's')
        """,
        "main.sql",
    )
    project.write(
        """\
        from pyspark import pipelines as dp
        from pyspark.sql import functions as F

        @dp.materialized_view
        def e():
            return spark.range(1).withColumn("cell", F.expr("h3_longlatash3(1.0, 2.0, 3)"))
        """
    )
    with pytest.raises(GraphError) as caught:
        project.resolved()
    assert {str(each).partition(" is not supported")[0] for each in caught.value.faults} == {
        f"[API_NOT_BUILT] {name}(...) in SQL"
        for name in ("secret", "ai_query", "is_member", "read_kinesis", "h3_longlatash3")
    }
    assert {str(each.where).rpartition("/")[2] for each in caught.value.faults} == {
        "main.sql:1",
        "main.sql:3",
        "main.sql:4",
        "main.sql:5",
        "main.py:6",
    }


def test_json_without_a_schema_is_refused_by_name(project: Project) -> None:
    project.write(
        """\
        CREATE MATERIALIZED VIEW a AS
          SELECT from_json('{}', NULL, map('schemaLocationKey', 'k')) AS row;
        CREATE MATERIALIZED VIEW b AS SELECT from_json('{}', 'nothing of a schema') AS row;
        """,
        "main.sql",
    )
    project.write(
        """\
        from pyspark import pipelines as dp
        from pyspark.sql import functions as F

        @dp.materialized_view
        def c():
            return spark.range(1).select(F.from_json(F.lit("{}"), None, {"schemaLocationKey": "k"}))
        """
    )
    with pytest.raises(GraphError) as caught:
        project.resolved()
    first, second, third = caught.value.faults
    for fault, line in ((first, "main.py:6"), (second, "main.sql:2")):
        assert "from_json without a schema is not supported" in str(fault)
        assert str(fault.where).endswith(line)
    assert third.code == "QUERY_INVALID"

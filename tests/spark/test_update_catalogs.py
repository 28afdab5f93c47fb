"""Catalogs with tables of the same names: each is its own table, for pipelines and for SQL."""

from __future__ import annotations

import pytest

from harness import Project
from headwater.errors import UsageError
from headwater.machine.session import own_catalog

SOURCE = """
    from pyspark import pipelines as dp

    @dp.materialized_view(name="bronze_SCHEMA.SCHEMA.people")
    def bronze():
        return spark.range(4)

    @dp.table(name="silver_SCHEMA.SCHEMA.people")
    @dp.expect_or_drop("even", "id % 2 = 0")
    def silver():
        return spark.readStream.table("bronze_SCHEMA.SCHEMA.source")

    @dp.materialized_view
    def people():
        return spark.sql('''SELECT count(*) AS n, max(b.id) AS b, max(people.id) AS s
            FROM silver_SCHEMA.SCHEMA.people AS people, bronze_SCHEMA.SCHEMA.people AS b''')
"""


@pytest.fixture
def layers(project: Project) -> Project:
    project.sql("CREATE CATALOG bronze_SCHEMA; CREATE DATABASE bronze_SCHEMA.SCHEMA")
    project.sql("CREATE TABLE bronze_SCHEMA.SCHEMA.source AS SELECT id FROM range(3)")
    project.write(SOURCE)
    return project


def counts(project: Project) -> list[int]:
    """Rows of the table in bronze, in silver and in the default catalog, read in one query."""
    (row,) = project.sql("""
        SELECT (SELECT count(*) FROM bronze_SCHEMA.SCHEMA.people) AS b,
               (SELECT count(*) FROM silver_SCHEMA.SCHEMA.people) AS s, people.n
        FROM main.SCHEMA.people
    """)
    return list(row.values())


def test_layers_as_catalogs_are_different_tables(layers: Project) -> None:
    for _ in range(2):
        assert layers.run().state == "COMPLETED"
        assert counts(layers) == [4, 2, 8]
    assert layers.sql("SELECT * FROM SCHEMA.people") == [{"n": 8, "b": 3, "s": 2}]
    assert own_catalog(layers.spark, f"silver_{layers.schema}") is not None
    assert own_catalog(layers.spark, "main") is None


def test_statements_change_the_table_of_the_catalog_they_name(layers: Project) -> None:
    layers.run()
    layers.sql("""
        USE CATALOG silver_SCHEMA; USE DATABASE SCHEMA;
        INSERT INTO people VALUES (6), (8);
        UPDATE silver_SCHEMA.SCHEMA.people SET id = 10 WHERE people.id = 8;
        DELETE FROM people WHERE id = 0;
        MERGE INTO bronze_SCHEMA.SCHEMA.people AS b USING silver_SCHEMA.SCHEMA.people AS s
        ON b.id = s.id WHEN NOT MATCHED THEN INSERT *;
        USE CATALOG main;
        CREATE TABLE SCHEMA.copy AS SELECT people.id FROM silver_SCHEMA.SCHEMA.people
    """)
    assert counts(layers) == [6, 3, 8]
    assert layers.values("SELECT id FROM SCHEMA.copy") == [2, 6, 10]
    layers.sql("USE silver_SCHEMA.SCHEMA; TRUNCATE TABLE people")
    assert counts(layers) == [6, 0, 8]
    before = "SELECT SCHEMA.source.id FROM bronze_SCHEMA.SCHEMA.source VERSION AS OF 0 ORDER BY 1"
    assert layers.values(before) == [0, 1, 2]
    layers.sql("USE silver_SCHEMA.SCHEMA; DROP TABLE people")
    assert not layers.store.table_path(layers.name("people", catalog="silver")).exists()
    assert layers.values("SELECT count(*) FROM bronze_SCHEMA.SCHEMA.people") == [6]


def test_pipeline_reads_tables_of_such_catalogs_that_others_made(layers: Project) -> None:
    layers.run()
    layers.write("""
        from pyspark import pipelines as dp

        @dp.table
        def streamed():
            return spark.readStream.option("skipChangeCommits", "true").table(
                "silver_SCHEMA.SCHEMA.people").select("people.id")

        @dp.materialized_view
        def both():
            return spark.sql('''SELECT b.id FROM bronze_SCHEMA.SCHEMA.people b
                JOIN silver_SCHEMA.SCHEMA.people ON b.id = silver_SCHEMA.SCHEMA.people.id''')

        @dp.materialized_view
        def before():
            return spark.sql("SELECT p.id FROM silver_SCHEMA.SCHEMA.people VERSION AS OF 0 AS p")
    """)
    assert layers.run().state == "COMPLETED"
    assert layers.values("SELECT id FROM SCHEMA.before") == []
    assert layers.values("SELECT id FROM SCHEMA.streamed") == [0, 2]
    assert layers.values("SELECT id FROM SCHEMA.both") == [0, 2]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("USE CATALOG nowhere", "CATALOG_UNKNOWN"),
        ("SHOW GRANTS ON SCHEMA SCHEMA", "SQL_NOT_SUPPORTED"),
        ("CREATE VOLUME SCHEMA.v; CREATE VOLUME SCHEMA.v", "VOLUME_EXISTS"),
        ("CREATE TABLE silver_SCHEMA.SCHEMA.more (id INT)", "CATALOG_NOT_WRITABLE"),
        ("USE CATALOG silver_SCHEMA; CREATE TABLE SCHEMA.more (id INT)", "CATALOG_NOT_WRITABLE"),
    ],
)
def test_what_can_not_be_done_in_such_a_catalog_is_refused(
    layers: Project, text: str, code: str
) -> None:
    layers.run()
    with pytest.raises(UsageError) as caught:
        layers.sql(text)
    assert caught.value.code == code

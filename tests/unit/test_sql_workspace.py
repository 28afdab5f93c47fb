"""Statements of a workspace: what is done here, what has no effect, what is refused by name."""

from __future__ import annotations

import pytest

from headwater.sql.cursor import SqlSyntaxError
from headwater.sql.statements import UseNamespace
from headwater.sql.workspace import (
    CreateCatalog,
    CreateVolume,
    CreateWidget,
    DropSchema,
    NoEffect,
    WorkspaceStatement,
    created_widget,
    is_about_widgets,
    without_inert_clauses,
    workspace_statement,
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("USE CATALOG main", UseNamespace("main", None)),
        ("set catalog `my-cat`;", UseNamespace("my-cat", None)),
        ("USE CATALOG 'main'; -- the first", UseNamespace("main", None)),
        ("DROP SCHEMA IF EXISTS c.s CASCADE", DropSchema("c", "s")),
        ("DROP SCHEMA s", None),
        ("-- where\n/* we\nare */ USE main.silver", UseNamespace("main", "silver")),
        ("USE CATALOG IDENTIFIER(:c)", UseNamespace("named", None)),
        ("CREATE CATALOG IF NOT EXISTS Dev MANAGED LOCATION 's3://x'", CreateCatalog("Dev")),
        ("CREATE VOLUME landing", CreateVolume(("landing",), False)),
        (
            "create external volume if not exists c.s.v location 'abfss://x' comment 'y'",
            CreateVolume(("c", "s", "v"), True, True),
        ),
        ("CREATE VOLUME IDENTIFIER(:c || '.s.v')", CreateVolume(("named",), False)),
        ("GRANT USE CATALOG, SELECT ON CATALOG main TO `a@b.c`", NoEffect("GRANT")),
        ("SET TAG ON TABLE t a = b", NoEffect("SET TAG")),
        ("COMMENT ON CATALOG main IS 'x'", NoEffect("COMMENT ON CATALOG")),
        ("ALTER TABLE a.b.c SET TAGS ('k' = 'v')", NoEffect("ALTER TABLE ... SET TAGS")),
        ("ALTER TABLE t ALTER COLUMN a.b UNSET TAGS ('k')", NoEffect("ALTER TABLE ... UNSET TAGS")),
        ("ALTER TABLE t ALTER COLUMN c SET MASK f", NoEffect("ALTER TABLE ... SET MASK")),
        ("ALTER SCHEMA s OWNER TO `me`", NoEffect("ALTER SCHEMA ... OWNER TO")),
        (
            "ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY (id)",
            NoEffect("ALTER TABLE ... PRIMARY KEY"),
        ),
        ("ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0)", None),
        ("ALTER TABLE t ALTER COLUMN c SET NOT NULL", None),
        ("ALTER TABLE t SET TBLPROPERTIES (a = 'SET TAGS')", None),
        ("COMMENT ON TABLE t IS 'x'", None),
        ("CREATE TABLE catalog (id INT)", None),
        ("SET spark.x = GRANT", None),
        ("SELECT 'USE CATALOG main'", None),
        ("USE CATALOG", None),
        ("GRANT x ON y TO z; DROP TABLE t", None),
        ("ALTER TABLE t ALTER COLUMN a SET TAGS ('x'), ALTER COLUMN b TYPE BIGINT", None),
        ("CREATE CATALOG a.b", None),
        (" " * 300 + "/* a */ " * 100 + "(SELECT 1)", None),
        ("DROP TABLE volume", None),
        ("REFRESH TABLE t", None),
        ("", None),
    ],
)
def test_statement_is_read(text: str, wanted: WorkspaceStatement | None) -> None:
    assert workspace_statement(text, lambda _: "named") == wanted


@pytest.mark.parametrize(
    "text",
    [
        "COPY INTO t FROM '/x' FILEFORMAT = CSV",
        "CREATE OR REFRESH STREAMING TABLE t AS SELECT 1",
        "REFRESH MATERIALIZED VIEW t",
        "SHOW GRANTS ON TABLE t",
        "CREATE EXTERNAL LOCATION x URL 's3://y'",
    ],
)
def test_statement_without_meaning_here_is_refused_by_name(text: str) -> None:
    with pytest.raises(SqlSyntaxError, match="is not supported on this machine") as caught:
        workspace_statement(text)
    assert caught.value.code == "SQL_NOT_SUPPORTED"
    assert caught.value.hint


def test_widgets_are_made_by_sql() -> None:
    text = "CREATE WIDGET DROPDOWN kind DEFAULT 'a b' CHOICES SELECT 'a b'"
    assert created_widget(text) == CreateWidget("kind", "a b")
    assert created_widget("CREATE WIDGET TEXT day") == CreateWidget("day", "")
    assert [is_about_widgets(each) for each in (text, "REMOVE WIDGET day", "SELECT 1")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "wanted", "left_out"),
    [
        (
            "CREATE OR REPLACE TABLE a.t (id BIGINT NOT NULL PRIMARY KEY, "
            "s STRUCT<primary: INT> COMMENT 'a key', CONSTRAINT f FOREIGN KEY (id) REFERENCES u(id)"
            ") USING DELTA CLUSTER BY AUTO COMMENT 'x'",
            "CREATE OR REPLACE TABLE a.t (id BIGINT NOT NULL, s STRUCT<primary: INT> "
            "COMMENT 'a key') USING DELTA COMMENT 'x'",
            ("PRIMARY KEY", "FOREIGN KEY", "REFERENCES", "CLUSTER BY AUTO"),
        ),
        (
            "CREATE TABLE IDENTIFIER(:t) (id INT CONSTRAINT pk PRIMARY KEY) AS SELECT 1 AS auto",
            "CREATE TABLE IDENTIFIER(:t) (id INT) AS SELECT 1 AS auto",
            ("PRIMARY KEY",),
        ),
        (
            "CREATE SCHEMA IF NOT EXISTS c.s MANAGED LOCATION 's3://x' COMMENT 'y'",
            "CREATE SCHEMA IF NOT EXISTS c.s COMMENT 'y'",
            ("MANAGED LOCATION",),
        ),
    ],
)
def test_clauses_without_effect_are_left_out(
    text: str, wanted: str, left_out: tuple[str, ...]
) -> None:
    assert without_inert_clauses(text) == (wanted, left_out)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (id INT COMMENT 'PRIMARY KEY')",
        "CREATE TABLE t AS SELECT 'CLUSTER BY AUTO' AS a",
        "CREATE TABLE t (id INT, references STRING, s STRUCT<references: INT>)",
        "CREATE TABLE t (id INT) CLUSTER BY (auto)",
        "CREATE TABLE t (id INT PRIMARY KEY",
        "CREATE TABLE t (id INT, CONSTRAINT c CHECK (id > 0), PRIMARY KEY (id))",
        "INSERT INTO t SELECT 'PRIMARY'",
    ],
)
def test_other_statements_stay_as_they_are(text: str) -> None:
    assert without_inert_clauses(text) == (text, ())

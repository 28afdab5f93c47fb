"""Texts that tasks run: notebooks become cells, SQL becomes statements, paths become files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headwater.errors import UsageError
from headwater.jobs.files import find_file, read_text
from headwater.jobs.sql import read_query
from headwater.notebooks import Cell, read_cells, run_arguments
from headwater.sql.split import split_statements

SOURCE = """\
# Databricks notebook source
# MAGIC %md
# MAGIC # A title

# COMMAND ----------

# MAGIC %run ./setup $day="2024 01"

# COMMAND ----------

# DBTITLE 1,Numbers
x = 1
y = 2

# COMMAND ----------

# MAGIC %sql
# MAGIC SELECT 1;
# MAGIC SELECT 2

# COMMAND ----------

# MAGIC %pip install something
# COMMAND ----------
# MAGIC %python
# MAGIC z = 3
"""


def test_source_notebook_gives_cells_with_the_lines_of_the_file() -> None:
    cells = read_cells(SOURCE, "etl.py")
    assert [(cell.kind, cell.number) for cell in cells] == [
        ("run", 2),
        ("python", 3),
        ("sql", 4),
        ("pip", 5),
        ("python", 6),
    ]
    lines = SOURCE.splitlines()
    for cell in cells:
        if cell.kind != "pip":
            first = next(line for line in cell.text.splitlines() if line.strip())
            offset = cell.text[: cell.text.index(first)].count("\n")
            assert first in lines[cell.line + offset - 1]


def test_ipynb_gives_the_same_cells_as_source() -> None:
    def code(source: object) -> dict[str, object]:
        return {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}

    cells = [
        {"cell_type": "markdown", "source": "# A title", "metadata": {}},
        code('%run ./setup $day="2024 01"'),
        code(["x = 1\n", "y = 2"]),
        code("%sql\nSELECT 1;\nSELECT 2"),
        code(""),
        code("%pip install something"),
    ]
    found = read_cells(json.dumps({"cells": cells, "nbformat": 4}), "etl.ipynb")
    assert found == [
        Cell("run", './setup $day="2024 01"', 2, 1),
        Cell("python", "x = 1\ny = 2", 3, 1),
        Cell("sql", "\nSELECT 1;\nSELECT 2", 4, 1),
        Cell("pip", "install something", 6, 1),
    ]


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("a.py", "print(1)", "NOTEBOOK_INVALID"),
        ("a.py", "", "NOTEBOOK_INVALID"),
        ("a.ipynb", "{}", "NOTEBOOK_INVALID"),
        ("a.ipynb", "[1]", "NOTEBOOK_INVALID"),
        ("a.ipynb", "not json", "NOTEBOOK_INVALID"),
        ("a.py", "# Databricks notebook source\n# MAGIC %scala\n# MAGIC 1", "MAGIC_UNSUPPORTED"),
    ],
)
def test_what_is_no_notebook_is_refused(name: str, text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_cells(text, name)
    assert caught.value.code == code


def test_run_arguments_keep_spaces_in_quotes() -> None:
    assert run_arguments('./a/setup $day="a b" $n=1') == ("./a/setup", {"day": "a b", "n": "1"})


TRICKY = r"""
-- a comment; with :no and {{ no }}
SELECT ':no', 'it''s; :no', "q; :no", `a;:no` /* ; :no */, :yes, x::int, m:field,
       {{ also }} || r'\', arr[1:2], 'a\'; :no' FROM t WHERE a=:yes; -- last; one

;;
SELECT 2
"""


def test_statements_end_at_semicolons_outside_of_strings_and_comments() -> None:
    first, second = split_statements(TRICKY)
    assert first.text.startswith("SELECT ':no'")
    assert first.text.endswith("a=:yes")
    assert second.text == "SELECT 2"
    assert (first.line, second.line) == (3, 7)


def test_markers_are_found_where_values_can_stand() -> None:
    first, second = map(read_query, split_statements(TRICKY))
    assert first.markers == {"yes", "also"}
    assert ":also || r'\\'" in first.text
    assert second.markers == frozenset()


def test_braces_in_a_string_are_told() -> None:
    [statement] = map(read_query, split_statements("SELECT '{{ day }}' AS d"))
    assert statement.in_strings == {"day"}
    assert statement.text == "SELECT '{{ day }}' AS d"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("BEGIN SELECT 1; SELECT 2; END; SELECT 3", ["BEGIN SELECT 1; SELECT 2; END", "SELECT 3"]),
        (
            "begin if a then begin x; end; end if; select case when 1 then 2 end; end; y",
            ["begin if a then begin x; end; end if; select case when 1 then 2 end; end", "y"],
        ),
        ("SELECT begin FROM t; SELECT end FROM t", ["SELECT begin FROM t", "SELECT end FROM t"]),
        ("BEGIN TRANSACTION; x; COMMIT", ["BEGIN TRANSACTION", "x", "COMMIT"]),
        ("SELECT CASE WHEN a THEN 1 END; x", ["SELECT CASE WHEN a THEN 1 END", "x"]),
        ("SELECT bar'x;' ; y", ["SELECT bar'x;'", "y"]),
        ("(x); 'open; string", ["(x)", "'open", "string"]),
    ],
)
def test_scripts_of_spark_stay_whole(text: str, expected: list[str]) -> None:
    assert [each.text for each in split_statements(text)] == expected


def test_text_without_statements_gives_none() -> None:
    assert split_statements(" ; -- nothing\n /* here */ ;") == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside.sql").touch()
    base = tmp_path / "base"
    for name in ("etl/load.py", "load.py", "sql/check.sql"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).touch()
    return base


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("sql/check.sql", "sql/check.sql"),
        ("./sql/../sql/check.sql", "sql/check.sql"),
        ("/Workspace/Users/me/project/etl/load", "etl/load.py"),
        ("/Workspace/Users/me/load", "load.py"),
    ],
)
def test_paths_are_found_below_the_root(root: Path, path: str, expected: str) -> None:
    assert find_file(root, path, ("", ".py")) == root / expected


def test_missing_file_gives_the_nearest(root: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_file(root, "sql/chek.sql")
    assert caught.value.code == "FILE_NOT_FOUND"
    assert "sql/check.sql" in caught.value.hint


@pytest.mark.parametrize(
    "path", ["../outside.sql", "sql/../../outside.sql", "/x/../../outside.sql"]
)
def test_paths_do_not_lead_out_of_the_root(root: Path, path: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_file(root, path)
    assert caught.value.code == "PATH_OUTSIDE_ROOT"


def test_links_do_not_lead_out_of_the_root(root: Path) -> None:
    (root / "link.sql").symlink_to(root.parent / "outside.sql")
    with pytest.raises(UsageError) as caught:
        find_file(root, "link.sql")
    assert caught.value.code == "PATH_OUTSIDE_ROOT"


def test_byte_order_mark_is_no_part_of_a_text(root: Path) -> None:
    (root / "load.py").write_bytes(b"\xef\xbb\xbfSELECT 1")
    assert read_text(root, root / "load.py") == "SELECT 1"


def test_file_that_is_not_utf8_is_named(root: Path) -> None:
    (root / "etl/load.py").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError) as caught:
        read_text(root, root / "etl/load.py")
    assert (caught.value.code, caught.value.where) == ("FILE_NOT_UTF8", "etl/load.py")


def test_cell_with_marked_and_other_lines_is_refused_at_the_line() -> None:
    text = "# Databricks notebook source\n# MAGIC %md\n# MAGIC # T\n# a comment\n\nx = 1\n"
    with pytest.raises(UsageError) as caught:
        read_cells(text, "etl.py")
    assert (caught.value.code, str(caught.value.where)) == ("NOTEBOOK_INVALID", "etl.py:6")

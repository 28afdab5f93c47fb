"""The place of a fault: stated as a value, refined by Python's frames where Python runs.

Where a place of a SQL file is stated, the frames of these tests are there to be found, and are not.
"""

import json
import sys
from pathlib import Path

import pytest

from headwater.errors import DefinitionError, Location
from headwater.graph import locations
from headwater.graph.api import PipelineApi
from headwater.graph.loader import load_files
from headwater.graph.locations import current_location, function_location, run_at
from headwater.graph.modules import bound_modules
from headwater.graph.registry import Registry
from headwater.graph.sources import read_source

SQL = Location("/bundle/silver.sql", 12)
HERE = __file__


def test_datasets_of_a_sql_file_are_declared_at_the_place_that_is_stated() -> None:
    registry = Registry("main", "default")
    api = PipelineApi(registry)

    def declare() -> None:
        rule = api.expect("positive", "a > 0")
        api.table(rule(lambda: None), name="orders")
        api.create_streaming_table("events", expect_all={"known": "id IS NOT NULL"})
        api.create_auto_cdc_flow("events", "orders", keys=["id"], sequence_by="at")
        api.flows.append_flow(lambda: None, target="events", name="more")

    run_at(SQL, declare)
    assert {each.location for each in registry.datasets.values()} == {SQL}
    assert {each.location for each in registry.flows.values()} == {SQL}


@pytest.mark.parametrize(
    ("declare", "code"),
    [
        (lambda api: api.create_streaming_table("a.b.c.d"), "NAME_INVALID"),
        (lambda api: api.create_streaming_table("t", comment=3), "ARGUMENT_INVALID"),
        (lambda api: api.flows.append_flow(target="t", import_checkpoint="x"), "API_NOT_BUILT"),
        (lambda api: api.expect("", "a > 0"), "ARGUMENT_INVALID"),
    ],
)
def test_faults_of_a_sql_file_are_raised_at_the_place_that_is_stated(declare, code) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DefinitionError) as raised:
        run_at(SQL, declare, PipelineApi(Registry("main", "default")))
    assert (raised.value.code, raised.value.where) == (code, SQL)
    assert str(raised.value.where) == "/bundle/silver.sql:12"


def test_second_definition_in_another_sql_statement_names_both_places() -> None:
    registry = Registry("main", "default")
    for line in (1, 9):
        where = Location("/bundle/silver.sql", line)
        run_at(where, PipelineApi(registry).create_streaming_table, "events")
    (fault,) = registry.faults
    assert (fault.code, str(fault.where)) == ("DUPLICATE_DATASET", "/bundle/silver.sql:9")
    assert fault.parameters["first"] == Location("/bundle/silver.sql", 1)


def test_line_of_python_is_found_in_what_runs_and_not_above_it() -> None:
    whole = Location("/bundle/a.py")
    found = run_at(whole, lambda: current_location())
    assert (found.file, found.line) == (HERE, sys._getframe().f_lineno - 1)
    assert run_at(whole, current_location) == whole  # the frames of this test are above


def test_inner_place_counts_and_the_outer_one_again_after_it() -> None:
    def both() -> tuple[Location, Location]:
        return run_at(Location("/b.sql", 2), current_location), current_location()

    assert run_at(SQL, both) == (Location("/b.sql", 2), SQL)


def test_place_is_given_back_when_something_fails() -> None:
    def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        run_at(SQL, fail)
    assert current_location().file == HERE


def test_function_of_the_user_is_where_it_stands() -> None:
    def query() -> None: ...

    assert run_at(Location("/bundle/a.py"), function_location, query).file == HERE
    assert run_at(Location("/bundle/a.py", 4), function_location, len).line == 4
    assert run_at(SQL, function_location, query) == SQL


def notebook(folder: Path, *cells: str) -> Path:
    code = [{"cell_type": "code", "source": cell} for cell in cells]
    file = folder / "etl.ipynb"
    file.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": "# T"}, *code]}))
    return file


def load(file: Path) -> Registry:
    registry = Registry("main", "default")
    with bound_modules(registry):
        load_files([file], registry, {})
    return registry


DECLARE = "import dlt\n\n@dlt.table\ndef orders():\n    return 1 / 0\n"


def test_datasets_and_faults_of_a_notebook_have_their_cell(tmp_path: Path) -> None:
    again = "\n@dlt.table(\n    name='orders')\ndef b(): ...\n"
    registry = load(notebook(tmp_path, DECLARE, again, "x = 1\nraise KeyError(x)"))
    (dataset,) = registry.datasets.values()
    assert (dataset.location.cell, dataset.location.line) == (2, 3)
    assert [(f.code, str(f.where).rpartition("/")[2]) for f in registry.faults] == [
        ("DUPLICATE_DATASET", "etl.ipynb, cell 3, line 2"),
        ("DUPLICATE_FLOW", "etl.ipynb, cell 3, line 2"),
        ("SOURCE_FAILED", "etl.ipynb, cell 4, line 2"),
    ]


def test_error_in_a_function_of_a_notebook_is_told_at_its_line(tmp_path: Path) -> None:
    (flow,) = load(notebook(tmp_path, DECLARE)).flows.values()
    with pytest.raises(ZeroDivisionError) as raised:
        run_at(flow.location, flow.query)
    found = locations.user_line(raised.value, flow.location)
    assert str(found).endswith("etl.ipynb, cell 2, line 5")


@pytest.mark.parametrize(
    ("cell", "code", "place"),
    [
        ("\ndef f(:\n", "SOURCE_SYNTAX", "cell 3, line 2"),
        ("x = 1\n%fs rm x", "NOTEBOOK_MAGIC_NOT_BUILT", "cell 3, line 2"),
        ("%scala\nval x = 1", "NOTEBOOK_MAGIC_NOT_BUILT", "cell 3, line 1"),
        ("%run ./none", "NOTEBOOK_NOT_FOUND", "cell 3, line 1"),
    ],
)
def test_notebook_with_a_wrong_cell_declares_nothing(
    tmp_path: Path, cell: str, code: str, place: str
) -> None:
    registry = load(notebook(tmp_path, DECLARE, cell))
    (fault,) = registry.faults
    assert (fault.code, str(fault.where).endswith(place)) == (code, True)
    assert registry.datasets == {}


def test_future_import_counts_in_later_cells(tmp_path: Path) -> None:
    cells = ("from __future__ import annotations", "def f(x: nothing_like_it): ...")
    assert load(notebook(tmp_path, *cells)).faults == []


def test_source_notebook_and_file_keep_the_lines_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "etl.py"
    for head in ("# Databricks notebook source\nx = 1\n\n# COMMAND ----------\n", "x = 1\n\n"):
        file.write_text(head + "raise KeyError(x)\n")
        (fault,) = load(file).faults
        assert str(fault.where).endswith(f"etl.py:{head.count(chr(10)) + 1}")


def test_line_of_a_notebooks_whole_text_is_a_line_of_a_cell(tmp_path: Path) -> None:
    source = read_source(notebook(tmp_path, "a = 1\nb = 2\n\n", "\n\nc = 3", "", "d = 4\n"))
    found = [source.location(at + 1) for at, line in enumerate(source.text.splitlines()) if line]
    assert [(each.cell, each.line) for each in found] == [(2, 1), (2, 2), (3, 3), (5, 1)]

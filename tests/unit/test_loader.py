"""Loading source files: globals, notebooks, faults, dependencies."""

import importlib
import json
import os
import sys
from pathlib import Path

import pytest

from headwater.errors import UsageError
from headwater.graph.dependencies import import_paths
from headwater.graph.loader import load_files
from headwater.graph.modules import bound_modules
from headwater.graph.registry import Registry
from headwater.sandbox.interception import intercepted
from headwater.sandbox.patches import patched_pyspark
from headwater.sandbox.source import NoContext


def load(*files: Path, **namespace: object) -> Registry:
    registry = Registry("main", "default")
    with bound_modules(registry):
        load_files(files, registry, namespace)
    return registry


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_file_gets_the_globals_of_a_workspace(tmp_path: Path) -> None:
    file = write(tmp_path / "a.py", "import dlt\n@dlt.table(name=spark)\ndef f(): ...\n")
    assert [str(name) for name in load(file, spark="x").datasets] == ["main.default.x"]


def test_spark_context_of_a_notebook_is_refused_at_the_line_that_uses_it(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.py", "def total():\n    return sc.parallelize([1]).sum()\n\ntotal()\n"
    )
    (fault,) = load(file, sc=NoContext()).faults
    assert fault.code == "SERVERLESS_SPARK_CONTEXT"
    assert str(fault.where).endswith("a.py:2")
    assert "spark.createDataFrame" in fault.hint


def test_one_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "a.py", "import nothing_like_it\n"),
        write(tmp_path / "b.py", "def f(:\n"),
        write(tmp_path / "c.py", "import dlt\n@dlt.table\ndef f(): ...\n"),
        write(tmp_path / "d.sql", "USE SCHEMA s;\n SELECT 1"),
        write(tmp_path / "d.scala", "val x = 1"),
        write(tmp_path / "e.py", "\n\nraise KeyError('k')\n"),
    ]
    registry = load(*files)
    assert [(fault.code, str(fault.where).rsplit("/", 1)[-1]) for fault in registry.faults] == [
        ("SOURCE_FAILED", "a.py:1"),
        ("SOURCE_SYNTAX", "b.py:1"),
        ("SQL_NOT_BUILT", "d.sql:2:2"),
        ("SOURCE_LANGUAGE_NOT_BUILT", "d.scala"),
        ("SOURCE_FAILED", "e.py:3"),
    ]
    assert len(registry.datasets) == 1


def notebook(path: Path, *cells: str) -> Path:
    code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return write(path, json.dumps({"cells": [{"cell_type": "markdown", "source": "# t"}, *code]}))


def test_notebook_cells_share_their_names(tmp_path: Path) -> None:
    file = notebook(tmp_path / "n.ipynb", "import dlt", "@dlt.table\ndef f(): ...\n")
    registry = load(file)
    assert (list(map(str, registry.datasets)), registry.faults) == (["main.default.f"], [])


@pytest.mark.parametrize("name", ["n.ipynb", "n.sql"])
def test_cell_that_lists_files_is_passed_over(tmp_path: Path, name: str) -> None:
    if name == "n.sql":
        text = "-- Databricks notebook source\n-- MAGIC %fs ls /x\n\n-- COMMAND ----------\n\n"
        file = write(tmp_path / name, text + f"{SQL.format('a')}\n")
    else:
        file = notebook(tmp_path / name, "%fs head /x", "%fs\nls /x", f"%sql\n{SQL.format('a')}")
    registry = load(file)
    assert (registry.faults, [each.table for each in registry.datasets]) == ([], ["a"])


@pytest.mark.parametrize("magic", ["%fs rm x", "%scala", "!ls", "%pip uninstall x"])
def test_notebook_magics_are_refused_by_name(tmp_path: Path, magic: str) -> None:
    registry = load(notebook(tmp_path / "n.ipynb", magic))
    assert [fault.code for fault in registry.faults] == ["NOTEBOOK_MAGIC_NOT_BUILT"]
    assert (magic.split()[0].replace("!ls", "%sh")) in registry.faults[0].message


def test_pip_of_what_is_installed_is_passed_over_and_the_rest_is_named(tmp_path: Path) -> None:
    cell = "%pip install -q pyspark pytest -r r.txt\n%pip list\nx = 1\n%pip install no-such-thing\n"
    registry = load(notebook(tmp_path / "n.ipynb", cell))
    assert [(f.code, str(f.where).rpartition("/")[2]) for f in registry.faults] == [
        ("DEPENDENCY_MISSING", "n.ipynb, cell 2, line 4")
    ]


def test_run_brings_the_names_of_another_notebook(tmp_path: Path) -> None:
    shared = "# Databricks notebook source\nimport dlt\nNAME = 'given'\n"
    write(tmp_path / "lib" / "shared.py", shared + "# COMMAND ----------\n# MAGIC %run ./more\n")
    write(tmp_path / "lib" / "more.py", "# Databricks notebook source\nMORE = '_more'\n")
    file = notebook(
        tmp_path / "n.ipynb", "%run ./lib/shared", "@dlt.table(name=NAME + MORE)\ndef f(): ...\n"
    )
    registry = load(file)
    assert (list(map(str, registry.datasets)), registry.faults) == (["main.default.given_more"], [])
    assert [each.name for each in registry.files] == ["shared.py", "more.py", "n.ipynb"]


def test_notebooks_that_run_each_other_are_named(tmp_path: Path) -> None:
    for one, other in ("ab", "ba"):
        write(tmp_path / f"{one}.py", f"# Databricks notebook source\n# MAGIC %run ./{other}\n")
    assert [fault.code for fault in load(tmp_path / "a.py").faults] == ["NOTEBOOKS_NESTED"]


SQL = "CREATE OR REFRESH MATERIALIZED VIEW {} AS SELECT 1"


def test_sql_cells_of_notebooks_of_either_language(tmp_path: Path) -> None:
    python = write(
        tmp_path / "n.py",
        f"# Databricks notebook source\n# MAGIC %sql\n# MAGIC {SQL.format('a')}\n",
    )
    text = f"-- Databricks notebook source\n{SQL.format('b')}\n-- COMMAND ----------\n"
    sql = write(
        tmp_path / "n.sql", text + "-- MAGIC %python\n-- MAGIC import dlt\n-- MAGIC x / 0\n"
    )
    json_sql = notebook(tmp_path / "n.ipynb", SQL.format("c"), "%python\nx = 1", "SELEC 1")
    content = json.loads(json_sql.read_text())
    content["metadata"] = {"application/vnd.databricks.v1+notebook": {"language": "sql"}}
    json_sql.write_text(json.dumps(content))
    registry = load(python, sql, json_sql)
    assert [
        (name.table, str(each.location).rpartition("/")[2])
        for name, each in registry.datasets.items()
    ] == [
        ("a", "n.py:3"),
        ("b", "n.sql:2"),
        ("c", "n.ipynb, cell 2, line 1"),
    ]
    assert [(each.code, str(each.where).rpartition("/")[2]) for each in registry.faults] == [
        ("SOURCE_FAILED", "n.sql:6"),
        ("SQL_NOT_BUILT", "n.ipynb, cell 4, line 1, column 1"),
    ]


def test_use_and_set_hold_for_the_statements_behind_them_in_the_file(tmp_path: Path) -> None:
    first = write(
        tmp_path / "a.sql",
        f"{SQL.format('a')};\nUSE CATALOG c; USE SCHEMA s; SET x = named; "
        f"SET spark.sql.ansi.enabled = false;\n{SQL.format('${x}')}",
    )
    second = write(tmp_path / "b.sql", f"{SQL.format('b')}; {SQL.format('other.d')}")
    registry = load(first, second)
    assert [
        (str(name), dict(registry.flows[flow].spark_conf))
        for name, flow in zip(registry.datasets, registry.flows, strict=True)
    ] == [
        ("main.default.a", {}),
        ("c.s.named", {"spark.sql.ansi.enabled": "false"}),
        ("main.default.b", {}),
        ("main.other.d", {}),
    ]
    assert registry.flows["c.s.named"].namespace == ("c", "s")


def test_sql_faults_are_all_told_and_the_rest_is_declared(tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.sql",
        f"{SQL.format('${none}')};\n\n  CREATE MATERIALIZED VIEW t COMMENT x AS SELECT 1;\n"
        f"{SQL.format('t')};\n{SQL.format('t')}",
    )
    registry = load(file)
    assert [(each.code, str(each.where).rpartition("/")[2]) for each in registry.faults] == [
        ("SQL_PARAMETER_UNKNOWN", "a.sql:1:37"),
        ("SQL_SYNTAX", "a.sql:3:38"),
        ("DUPLICATE_DATASET", "a.sql:5"),
        ("DUPLICATE_FLOW", "a.sql:5"),
    ]
    assert [name.table for name in registry.datasets] == ["t"]


@pytest.mark.parametrize("text", ["", "-- only a comment", "\n;;\n/* x */"])
def test_empty_sql_file_declares_nothing(tmp_path: Path, text: str) -> None:
    registry = load(write(tmp_path / "a.sql", text))
    assert (registry.datasets, registry.faults) == ({}, [])


def test_python_magic_of_a_source_notebook_is_run_at_its_line(tmp_path: Path) -> None:
    text = "# Databricks notebook source\nx = 1\n# COMMAND ----------\n# MAGIC %python\n"
    registry = load(write(tmp_path / "n.py", text + "# MAGIC x / 0\n"))
    assert [(f.code, str(f.where)[-5:]) for f in registry.faults] == [("SOURCE_FAILED", ".py:5")]


def test_root_path_and_editable_projects_are_importable(tmp_path: Path) -> None:
    write(tmp_path / "root" / "beside_it.py", "X = 1\n")
    write(tmp_path / "project" / "src" / "inside_it" / "__init__.py", "Y = 2\n")
    file = write(tmp_path / "a.py", "import beside_it, inside_it\n")
    lines = [f"--editable {tmp_path / 'project'}"]
    with import_paths(tmp_path / "root", [], lines):
        assert load(file).faults == []
    assert not {"beside_it", "inside_it"} & set(sys.modules)
    assert str(tmp_path / "root") not in sys.path


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("no-such-package-at-all", "DEPENDENCY_MISSING"),
        ("pyspark<1", "DEPENDENCY_MISSING"),
        ("???", "DEPENDENCY_INVALID"),
        ("./dist/*.whl", "DEPENDENCY_MISSING"),
        ("-e /no/such/folder", "DEPENDENCY_MISSING"),
    ],
)
def test_missing_dependencies_are_named(tmp_path: Path, line: str, code: str) -> None:
    with pytest.raises(UsageError) as caught, import_paths(None, [], [line]):
        pytest.fail("the dependency was accepted")
    assert caught.value.code == code


def test_module_beside_a_source_file_is_importable_below_root_path(tmp_path: Path) -> None:
    write(tmp_path / "rules_beside.py", "WHERE = 'root'\n")
    write(tmp_path / "etl" / "rules_beside.py", "WHERE = 'beside'\n")
    write(tmp_path / "etl" / "only_beside.py", "X = 1\n")
    write(tmp_path / "etl" / "calendar.py", "1 / 0\n")
    file = write(tmp_path / "etl" / "a.py", "import only_beside, rules_beside\n")
    sys.modules.pop("calendar", None)
    with import_paths(tmp_path, [file], []) as for_workers:
        assert load(file).faults == []
        assert importlib.import_module("calendar").__name__ == "calendar"  # Python's own
        assert for_workers == [str(tmp_path)]
        assert sys.modules["rules_beside"].__dict__["WHERE"] == "root"
    assert not {"only_beside", "rules_beside"} & set(sys.modules)


def test_installed_packages_stay_loaded_after_an_update(tmp_path: Path) -> None:
    """Many can't be loaded twice in a process; here one is installed below the bundle's folder."""
    installed = tmp_path / ".venv" / "site-packages"
    write(installed / "package_once.py", "X = 1\n")
    write(tmp_path / "mine_again.py", "X = 1\n")
    file = write(tmp_path / "a.py", "import package_once, mine_again\n")
    sys.path.append(str(installed))
    try:
        with import_paths(tmp_path, [file], []):
            assert load(file).faults == []
        assert ("package_once" in sys.modules, "mine_again" in sys.modules) == (True, False)
    finally:
        sys.path.remove(str(installed))
        sys.modules.pop("package_once", None)


def test_text_cells_are_passed_over_and_python_cells_are_run(tmp_path: Path) -> None:
    cells = ("%md\n# Title\nText", "%python\nimport dlt", "@dlt.table\ndef f(): ...\n", "\n1/0")
    registry = load(notebook(tmp_path / "n.ipynb", *cells))
    assert list(map(str, registry.datasets)) == ["main.default.f"]
    assert [str(fault.where).rsplit("/", 1)[-1] for fault in registry.faults] == [
        "n.ipynb, cell 5, line 2"
    ]


def test_module_that_gives_a_notebooks_names_is_bound(tmp_path: Path) -> None:
    from headwater.sandbox.runtime_names import bound_runtime

    class Session:
        def sql(self) -> None: ...

    text = "from databricks.sdk.runtime import *\nfrom databricks.sdk.runtime import dbutils as d\n"
    text += "assert (dbutils, d) == ('u', 'u')\n"
    text += "from pyspark.sql.functions import *\ncountDistinct\n"
    file = write(tmp_path / "a.py", text)
    with bound_runtime({"spark": Session(), "dbutils": "u", "display": print}):
        assert load(file).faults == []
    assert "databricks.sdk.runtime" not in sys.modules


def test_volumes_are_folders_for_python_while_a_file_is_loaded(tmp_path: Path) -> None:
    folder = write(tmp_path / "landing" / "a.csv", "x\n").parent
    source = write(
        tmp_path / "a.py",
        """
import dlt, glob, os, pathlib, shutil
V = "/Volumes/main/s/landing"
with open(f"{V}/a.csv") as f:
    read = f.read()
(pathlib.Path(V) / "b.txt").write_text("y")
os.makedirs(f"{V}/in/ner", exist_ok=True)
shutil.copy(f"{V}/a.csv", f"{V}/in/ner")
os.rename(f"{V}/b.txt", f"{V}/c.txt")
os.remove(f"{V}/c.txt")
names = [*sorted(os.listdir(V)), *glob.glob(f"{V}/*.csv"), *(len(each) for *each, _ in os.walk(V))]
exists = [os.path.isdir(V), pathlib.Path(V, "none").exists(), os.path.getsize(f"{V}/a.csv")]
@dlt.table(name="t", comment=repr((read, names, exists)))
def t(): ...
""",
    )

    class Reads:
        def local_path(self, path: str) -> str:
            return path.replace("/Volumes/main/s/landing", str(folder))

    with patched_pyspark(), intercepted(Reads()):  # type: ignore[arg-type]
        registry = load(source)
    assert registry.faults == []
    (dataset,) = registry.datasets.values()
    assert dataset.comment == repr(
        ("x\n", ["a.csv", "in", "/Volumes/main/s/landing/a.csv", 2, 2, 2], [True, False, 2])
    )
    assert not Path("/Volumes/main/s").exists()


def test_file_that_is_written_in_place_is_parted_from_its_links(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    names = ("appended", "written", "opened", "touched", "read")
    for name in names:
        write(tmp_path / "others" / name, "x")
        os.link(tmp_path / "others" / name, landing / name)
        os.utime(landing / name, (1, 1))
    source = write(
        tmp_path / "a.py",
        """
import os, pathlib
V = pathlib.Path("/Volumes/main/s/landing")
with open(V / "appended", "a") as file:
    file.write("y")
(V / "written").write_text("y")
os.write(os.open(str(V / "opened"), os.O_WRONLY | os.O_APPEND), b"y")
os.utime(V / "touched")
(V / "read").read_text()
""",
    )

    class Reads:
        def local_path(self, path: str) -> str:
            return path.replace("/Volumes/main/s/landing", str(landing))

    with patched_pyspark(), intercepted(Reads()):  # type: ignore[arg-type]
        assert load(source).faults == []
    others = [tmp_path / "others" / name for name in names]
    assert [(each.read_text(), each.stat().st_mtime) for each in others] == [("x", 1)] * len(names)
    assert [(landing / name).read_text() for name in names] == ["xy", "y", "xy", "x", "x"]
    assert sorted(each.name for each in landing.iterdir()) == sorted(names)
    assert (landing / "read").stat().st_nlink == 2


def test_module_loaded_from_elsewhere_makes_room_until_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, value in (("installed", 1), ("project", 2)):
        (tmp_path / folder / "src" / "flow_rules").mkdir(parents=True)
        (tmp_path / folder / "src" / "flow_rules" / "__init__.py").write_text(f"LEAST = {value}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "installed" / "src"))
    before = importlib.import_module("flow_rules")
    with import_paths(None, [], [f"--editable {tmp_path / 'project'}"]):
        assert importlib.import_module("flow_rules").LEAST == 2
        assert importlib.import_module("json") is json
    assert importlib.import_module("flow_rules") is before
    del sys.modules["flow_rules"]


def test_folder_that_is_no_package_hides_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "flow_papers.py").touch()
    (tmp_path / "project" / "flow_papers").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    before = importlib.import_module("flow_papers")
    with import_paths(tmp_path / "project", [], []):
        assert importlib.import_module("flow_papers") is before
    del sys.modules["flow_papers"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("import nowhere_to_be_found", "environment.dependencies"),
        ("from os import nothing", "Python prompt"),
        ("raise ValueError('[TABLE_OR_VIEW_NOT_FOUND] x')", "Create the table first"),
        ("1 / 0", "Correct that line"),
    ],
)
def test_hint_of_a_file_that_fails_fits_its_error(tmp_path: Path, text: str, hint: str) -> None:
    (fault,) = load(write(tmp_path / "a.py", text)).faults
    assert hint in fault.hint

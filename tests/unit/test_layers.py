"""Imports go one way: what a package of headwater may import of the others."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "headwater"

ALLOWED = {
    "errors": set(),
    "files": set(),
    "names": {"errors"},
    "settings": set(),
    "bundle": {"errors"},
    "graph": {"errors", "names"},
    "lint": {"errors", "graph"},
    "events": {"errors"},
    "expectations": {"errors", "names", "graph"},
    "cdc": {"errors", "names", "graph"},
    "autoloader": {"errors", "files", "names"},
    "machine": {"errors", "settings"},
    "state": {
        "errors",
        "files",
        "names",
        "settings",
        "bundle",
        "graph",
        "autoloader",
        "machine",
    },
    "sandbox": {
        "errors",
        "names",
        "settings",
        "bundle",
        "graph",
        "lint",
        "expectations",
        "autoloader",
        "machine",
        "state",
    },
    "engine": {
        "errors",
        "files",
        "names",
        "bundle",
        "graph",
        "lint",
        "events",
        "expectations",
        "cdc",
        "autoloader",
        "machine",
        "sandbox",
        "state",
    },
    "dev": {"errors", "settings", "machine", "landing"},
    "landing": {"errors"},
    "cli": {
        "errors",
        "names",
        "settings",
        "machine",
        "sandbox",
        "state",
        "engine",
        "events",
        "graph",
        "expectations",
        "dev",
        "landing",
    },
}

USES_IF_THERE = ("lakeflow_job_meta/local/pipelines.py", "lakeflow_job_meta/session.py")


def imports_of(file: Path) -> set[str]:
    """Name the parts of headwater that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts == ["headwater"]:
                found.update(alias.name for alias in node.names)
            elif parts[0] == "headwater":
                found.add(parts[1])
        elif isinstance(node, ast.Import):
            parts_of = [alias.name.split(".") for alias in node.names]
            found.update(parts[1] for parts in parts_of if parts[0] == "headwater" and parts[1:])
    return found


def package_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(file: Path) -> None:
    package = package_of(file)
    assert imports_of(file) - {package} <= ALLOWED[package]


RUNS_SPARK = {"machine", "sandbox", "state", "engine"}


def test_spark_internals_stay_in_four_rooms() -> None:
    outside = [
        str(file.relative_to(ROOT))
        for file in FILES
        if package_of(file) not in RUNS_SPARK
        and any(word in file.read_text() for word in ("._jsparkSession", "._jvm", "import py4j"))
    ]
    assert outside == []


def test_command_line_loads_no_spark_before_a_command_runs() -> None:
    code = "import sys, headwater.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    slow = {"pyspark", "py4j", "delta", "deltalake", "pyarrow", "rich", "cryptography", "kafka"}
    assert slow & set(done.stdout.split()) == set()


def test_only_settings_reads_the_environment() -> None:
    readers = [
        str(file.relative_to(ROOT))
        for file in FILES
        if "os.environ.get" in file.read_text() or "os.getenv" in file.read_text()
    ]
    assert readers == ["settings.py"]


def test_domains_need_nothing_of_the_runtime() -> None:
    needing = [
        str(file.relative_to(ROOT.parent))
        for folder in ROOT.parent.iterdir()
        if folder.is_dir() and folder != ROOT
        for file in folder.rglob("*.py")
        if _imports_runtime(file) and file.relative_to(ROOT.parent).as_posix() not in USES_IF_THERE
    ]
    assert needing == []


@pytest.mark.parametrize("name", USES_IF_THERE)
def test_runtime_is_imported_only_where_it_is_used(name: str) -> None:
    """`lakeflow_job_meta` works without headwater: what it takes from it, it takes in functions."""
    tree = ast.parse((ROOT.parent / name).read_text())
    at_load = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("headwater" in ast.unparse(node) for node in at_load)


def _imports_runtime(file: Path) -> bool:
    return any(f"{word} headwater" in file.read_text() for word in ("import", "from"))


def test_runtime_knows_no_domain() -> None:
    words = ("patient", "claims_analytics", "iot_analytics")
    knowing = [
        str(file.relative_to(ROOT))
        for file in FILES
        if any(
            f"import {word}" in file.read_text() or f"from {word}" in file.read_text()
            for word in words
        )
    ]
    assert knowing == []

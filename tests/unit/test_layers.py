"""Imports go one way: what a package of headwater may import of the others."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "headwater"

ALLOWED = {
    "errors": set(),
    "delta": {"files"},
    "files": set(),
    "finding": {"errors"},
    "git_commands": {"errors", "settings"},
    "intervals": set(),
    "markdown": {"errors"},
    "observed": set(),
    "notebooks": {"errors"},
    "names": {"errors"},
    "settings": set(),
    "toml_files": set(),
    "yaml_nodes": {"errors"},
    "yaml_reader": {"errors", "yaml_nodes"},
    "bundle": {"errors", "toml_files", "yaml_nodes", "yaml_reader"},
    "sql": {"errors", "names"},
    "graph": {"errors", "names", "notebooks", "sql"},
    "bundle_check": {"bundle", "errors", "finding", "toml_files", "yaml_nodes"},
    "lint": {"errors", "finding", "graph"},
    "events": {"delta", "errors"},
    "expectations": {"errors", "names", "graph"},
    "quality": {"bundle", "errors", "events", "names", "yaml_nodes"},
    "cdc": {"delta", "errors", "names", "graph", "observed"},
    "autoloader": {"errors", "files", "intervals", "names"},
    "machine": {"errors", "settings"},
    "state": {
        "delta",
        "errors",
        "files",
        "names",
        "settings",
        "bundle",
        "graph",
        "autoloader",
        "machine",
    },
    "tagged_jobs": {"errors"},
    "operations": {
        "bundle",
        "bundle_check",
        "errors",
        "events",
        "files",
        "git_commands",
        "intervals",
        "markdown",
        "names",
        "quality",
        "settings",
        "sql",
        "state",
        "tagged_jobs",
        "yaml_nodes",
    },
    "sandbox": {
        "errors",
        "names",
        "settings",
        "bundle",
        "graph",
        "events",
        "lint",
        "expectations",
        "autoloader",
        "machine",
        "sql",
        "state",
    },
    "analysis": {
        "errors",
        "names",
        "graph",
        "lint",
        "expectations",
        "cdc",
        "autoloader",
        "machine",
        "sandbox",
        "sql",
        "state",
    },
    "flows": {
        "delta",
        "errors",
        "files",
        "names",
        "observed",
        "bundle",
        "graph",
        "events",
        "expectations",
        "cdc",
        "autoloader",
        "machine",
        "state",
        "sandbox",
        "sql",
        "analysis",
    },
    "engine": {
        "errors",
        "intervals",
        "names",
        "settings",
        "bundle",
        "graph",
        "events",
        "expectations",
        "autoloader",
        "machine",
        "state",
        "sandbox",
        "analysis",
        "flows",
    },
    "planning": {
        "analysis",
        "autoloader",
        "engine",
        "errors",
        "flows",
        "graph",
        "names",
        "state",
    },
    "comparison": {
        "analysis",
        "autoloader",
        "bundle",
        "cdc",
        "engine",
        "errors",
        "events",
        "flows",
        "git_commands",
        "graph",
        "markdown",
        "names",
        "sandbox",
        "settings",
        "state",
    },
    "dbt": {
        "bundle",
        "delta",
        "errors",
        "events",
        "files",
        "machine",
        "names",
        "sandbox",
        "settings",
        "sql",
        "state",
        "yaml_nodes",
    },
    "jobs": {
        "dbt",
        "delta",
        "errors",
        "names",
        "notebooks",
        "settings",
        "bundle",
        "machine",
        "sql",
        "state",
        "sandbox",
        "engine",
    },
    "dev": {"errors", "settings", "machine", "landing"},
    "landing": {"errors"},
    "projects": {"errors", "settings", "state"},
    "cli": {
        "bundle",
        "bundle_check",
        "dbt",
        "errors",
        "finding",
        "names",
        "settings",
        "machine",
        "sandbox",
        "state",
        "engine",
        "events",
        "graph",
        "expectations",
        "files",
        "dev",
        "jobs",
        "landing",
        "operations",
        "quality",
        "planning",
        "projects",
        "comparison",
        "tagged_jobs",
        "yaml_nodes",
    },
    "tasks": {"dbt", "errors", "settings"},
    "testing": {
        "errors",
        "names",
        "settings",
        "bundle",
        "sql",
        "graph",
        "events",
        "machine",
        "state",
        "engine",
        "flows",
        "sandbox",
    },
}

LIGHT = {
    "headwater.cli.endings",
    "headwater.cli.groups",
    "headwater.cli.lazy",
    "headwater.cli.output",
    "headwater.errors",
    "headwater.names",
    "headwater.settings",
    "headwater.tagged_jobs.api",
    "headwater.tagged_jobs.found",
    "headwater.tagged_jobs.settings",
    "headwater.tagged_jobs.tags",
    "headwater.yaml_nodes",
    "headwater.yaml_reader",
}
"""What `lakeflow_job_meta` takes of headwater: what needs no more than the extra `job-meta`."""

NEED_THE_EXTRA = {
    "lakeflow_job_meta/local_runs.py": {"headwater.jobs"},
    "lakeflow_job_meta/session.py": {"headwater"},  # jobs, when it is used
}
"""What runs locally, and what it takes beyond that; `session` takes it in a function."""


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


RUNS_SPARK = {"machine", "sandbox", "state", "analysis", "flows", "engine"}


def test_spark_internals_stay_in_six_rooms() -> None:
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


def test_pytest_plugin_loads_no_spark_before_a_fixture_is_asked_for() -> None:
    code = "import sys, headwater.testing.plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pyspark", "py4j", "delta", "deltalake", "pyarrow"} & set(done.stdout.split()) == set()


def lazy_imports(file: Path) -> list[str]:
    """The lines of a file that import inside a function."""
    text = file.read_text()
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef))
    imports = (each for function in functions for each in ast.walk(function))
    numbers = {n.lineno for n in imports if isinstance(n, ast.Import | ast.ImportFrom)}
    return [text.splitlines()[number - 1] for number in sorted(numbers)]


def test_imports_inside_functions_are_few_and_say_why() -> None:
    lines = [line for file in sorted(ROOT.parent.rglob("*.py")) for line in lazy_imports(file)]
    assert len(lines) <= 10
    assert [line for line in lines if "  # here: " not in line] == []


def test_only_settings_reads_the_environment() -> None:
    readers = [
        str(file.relative_to(ROOT))
        for file in FILES
        if "os.environ.get" in file.read_text() or "os.getenv" in file.read_text()
    ]
    assert readers == ["settings.py"]


OF_TASKS = {
    "headwater.errors",
    "headwater.operations.quality_report",
    "headwater.quality.limits",
    "headwater.quality.session",
    "headwater.tasks.dbt",
    "headwater.tasks.files",
    "headwater.tasks.parameters",
    "headwater.tasks.run",
    "headwater.tasks.steps",
}
"""What tasks of a domain's jobs may take: it runs in a workspace with the wheel and ruamel.yaml."""


def modules_of_headwater(nodes: Iterable[ast.AST]) -> set[str]:
    """Name the modules of headwater that imports among `nodes` name."""
    return {
        node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("headwater")
    }


def test_domains_need_nothing_of_the_runtime() -> None:
    needing = [
        str(file.relative_to(ROOT.parent))
        for folder in ROOT.parent.iterdir()
        if folder.is_dir() and folder.name not in ("headwater", "lakeflow_job_meta")
        for file in folder.rglob("*.py")
        if modules_of_headwater(ast.walk(ast.parse(file.read_text())))
        - (OF_TASKS if file.parent.name == "tasks" else set())
    ]
    assert needing == []


JOB_META = sorted((ROOT.parent / "lakeflow_job_meta").rglob("*.py"))


@pytest.mark.parametrize("file", JOB_META, ids=lambda path: path.name)
def test_job_meta_takes_the_light_ground_alone(file: Path) -> None:
    name = file.relative_to(ROOT.parent).as_posix()
    taken = modules_of_headwater(ast.walk(ast.parse(file.read_text())))
    assert taken <= LIGHT | NEED_THE_EXTRA.get(name, set())


def test_runner_of_jobs_knows_no_metadata() -> None:
    texts = {file.name: file.read_text() for file in (ROOT / "jobs").glob("*.py")}
    words = ("job_meta", "control_table", "source_id")
    assert [name for name, text in texts.items() if any(word in text for word in words)] == []


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


def test_no_command_lets_arrow_read_through_python_while_it_ends() -> None:
    calls = [
        (file.relative_to(ROOT).as_posix(), {each.arg for each in node.keywords})
        for file in ROOT.rglob("*.py")
        if ROOT / "testing" not in file.parents
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr.startswith("to_pyarrow_")
    ]
    assert calls
    assert [file for file, given in calls if "filesystem" not in given] == []

"""The control table on real Delta: loads are all or nothing, in one commit or none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyspark.sql import SparkSession

from headwater.errors import UsageError
from lakeflow_job_meta.cli.main import cli
from lakeflow_job_meta.constants import AUDIT_COLUMNS, MODULE_COLUMN, SOURCE_COLUMNS
from lakeflow_job_meta.control_table import ControlTable
from lakeflow_job_meta.errors import MetadataError
from lakeflow_job_meta.export import sources_as_yaml
from lakeflow_job_meta.load_plan import Change, LoadResult, StoredRow, deactivation
from lakeflow_job_meta.metadata_manager import MetadataManager
from lakeflow_job_meta.sources import Source, source_row

OLD_COLUMNS = (
    "source_id STRING, module_name STRING, source_type STRING, execution_order INT, "
    "source_config STRING, target_config STRING, transformation_config STRING, is_active BOOLEAN"
)
TASK = "{task_type: notebook, notebook_path: /Workspace/a}"
HOSTILE = (
    "a'; DROP TABLE main.meta.victim; --",
    'b"`${spark.master}`\n{x} :p ? \\',
    "ü\U0001f600 \u2028%s",
    "x" * 10_000,
)


@pytest.fixture(scope="module")
def schema(spark: SparkSession) -> Iterator[str]:
    spark.sql("CREATE SCHEMA IF NOT EXISTS main.meta")
    yield "main.meta"
    spark.sql("DROP SCHEMA main.meta CASCADE")


@pytest.fixture
def manager(spark: SparkSession, schema: str, request: pytest.FixtureRequest) -> MetadataManager:
    name = request.node.name.removeprefix("test_")[:100]
    return MetadataManager(f"{schema}.{name}", spark=spark)


def write(folder: Path, module: str, *source_ids: str, name: str = "", extra: str = "") -> Path:
    """Write a YAML file with one module."""
    lines = [f"modules:\n- module_name: {module}\n  sources:"]
    lines += [
        f"  - {{source_id: {each}, source_type: nb, transformation_config: {TASK}}}"
        for each in source_ids
    ]
    path = folder / (name or f"{module}.yml")
    path.write_text("\n".join(lines) + (" []" if not source_ids else "") + "\n" + extra)
    return path


def active(manager: MetadataManager) -> list[str]:
    return [f"{each.module_name}/{each.source_id}" for each in manager.get_sources()]


def in_threads(*calls: Callable[[], object]) -> None:
    """Run calls at once, and raise the first error of theirs."""
    errors: list[BaseException] = []
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        ready.wait()
        try:
            call()
        except BaseException as error:  # raised again below, in the thread of the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_load_is_all_or_nothing_and_without_need_no_commit(
    manager: MetadataManager, tmp_path: Path
) -> None:
    path = write(tmp_path, "m", "a", "b")
    assert manager.load_yaml(path) == LoadResult(added=2, modules=("m",))
    assert manager.load_yaml(path) == LoadResult(unchanged=2)
    bad = write(tmp_path, "m", "new", extra="  - source_id: b\n    sourcetype: x\n")
    with pytest.raises(MetadataError) as caught:
        manager.load_yaml(bad)
    found = [(fault.code, fault.where) for fault in caught.value.faults]
    assert found == [
        ("FIELD_MISSING", f"{bad}:5"),
        ("FIELD_MISSING", f"{bad}:5"),
        ("SOURCE_FIELD_UNKNOWN", f"{bad}:6"),
    ]
    assert (manager.version(), active(manager)) == (1, ["m/a", "m/b"])


def test_what_leaves_a_file_is_deactivated_and_comes_back(
    manager: MetadataManager, tmp_path: Path, spark: SparkSession
) -> None:
    path = write(tmp_path, "m", "a", "b")
    manager.load_yaml(path)
    write(tmp_path, "m", "a")
    assert manager.load_yaml(path) == LoadResult(deactivated=1, unchanged=1, modules=("m",))
    held = manager.get_sources(include_inactive=True)
    assert [(each.source_id, each.is_active) for each in held] == [("a", True), ("b", False)]
    write(tmp_path, "m", "a", "b")
    assert manager.load_yaml(path) == LoadResult(updated=1, unchanged=1, modules=("m",))
    row = spark.table(manager.control_table).where("source_id = 'b'").first()
    assert row and row.created_at < row.updated_at and row.updated_by == f"yaml:{path}"
    assert row.content_hash == replace(held[1], is_active=True).content_hash


def test_one_bad_file_of_a_folder_stops_no_other(manager: MetadataManager, tmp_path: Path) -> None:
    write(tmp_path, "a", "x", "y")
    write(tmp_path, "b", "x", "y")
    write(tmp_path, "c", "x", "y")
    assert manager.load_folder(tmp_path).modules == ("a", "b", "c")
    write(tmp_path, "a", "x", "z")
    (tmp_path / "b.yml").write_text("modules: [")
    (tmp_path / "c.yml").unlink()
    result = manager.load_folder(tmp_path)
    assert [file.result for file in result.files] == [
        LoadResult(added=1, deactivated=1, unchanged=1, modules=("a",)),
        None,
        LoadResult(deactivated=2, modules=("c",)),
    ]
    assert [fault.code for fault in result.faults] == ["YAML_INVALID"]
    assert active(manager) == ["a/x", "a/z", "b/x", "b/y"]
    version = manager.version()
    manager.load_folder(tmp_path)
    assert manager.version() == version


def test_concurrent_loads_lose_and_double_nothing(manager: MetadataManager, tmp_path: Path) -> None:
    paths = [write(tmp_path, f"m{n}", "a", "b") for n in range(2)]
    in_threads(*(lambda path=path: manager.load_yaml(path) for path in paths))  # type: ignore[misc]
    assert active(manager) == [f"m{n}/{each}" for n in range(2) for each in "ab"]


def test_concurrent_loads_of_one_module_end_as_one_of_them(
    manager: MetadataManager, tmp_path: Path
) -> None:
    manager.ensure_exists()
    paths = [write(tmp_path, "m", "same", f"s{n}", name=f"{n}.yml") for n in range(2)]
    in_threads(*(lambda path=path: manager.load_yaml(path) for path in paths))  # type: ignore[misc]
    assert active(manager) in (["m/s0", "m/same"], ["m/s1", "m/same"])


def test_a_change_between_read_and_merge_is_seen(
    manager: MetadataManager, tmp_path: Path, spark: SparkSession
) -> None:
    manager.load_yaml(write(tmp_path, "m", "a"))
    table = ControlTable(manager.control_table, spark)
    planned = []

    def plan(rows: Sequence[StoredRow]) -> list[Change]:
        """Deactivate all, while somebody adds one after the first look."""
        planned.append(len(rows))
        if len(planned) == 1:
            manager.load_yaml(write(tmp_path, "n", "b"))
        return [deactivation(row, None) for row in rows if row.is_active]

    table.change(plan)
    assert planned == [1, 2] and active(manager) == []


def test_an_older_table_is_upgraded_in_place(
    manager: MetadataManager, tmp_path: Path, spark: SparkSession
) -> None:
    name = manager.control_table
    spark.sql(f"CREATE TABLE {name} ({OLD_COLUMNS}, note STRING) USING delta")
    spark.sql(f"INSERT INTO {name} VALUES ('a', 'm', 'sql', 1, '{{}}', NULL, '{{}}', true, 'x')")
    assert active(manager) == ["m/a"]
    in_threads(*[manager.ensure_exists] * 3)
    manager.ensure_exists()
    added = [MODULE_COLUMN, *AUDIT_COLUMNS]
    assert spark.table(name).columns == [*SOURCE_COLUMNS, "note", *added]
    assert (manager.version(), active(manager)) == (2, ["m/a"])
    manager.load_yaml(write(tmp_path, "n", "b"))
    assert manager.deactivate("m") == 1
    rows = spark.table(name).orderBy("source_id").select("source_id", "note", "is_active").collect()
    assert [tuple(row) for row in rows] == [("a", "x", False), ("b", None, True)]


def test_creation_at_once_makes_one_table(manager: MetadataManager) -> None:
    in_threads(*[manager.ensure_exists] * 3)
    assert (manager.version(), active(manager)) == (0, [])


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (OLD_COLUMNS.replace("source_type STRING, ", ""), "source_type"),
        (OLD_COLUMNS.replace("is_active BOOLEAN", "is_active STRING"), "is_active"),
        (OLD_COLUMNS + ", created_at STRING", "created_at"),
    ],
)
def test_other_tables_are_refused(
    spark: SparkSession, schema: str, columns: str, named: str
) -> None:
    name = f"{schema}.other_{named}"
    spark.sql(f"CREATE TABLE {name} ({columns}) USING delta")
    for use in (MetadataManager.ensure_exists, MetadataManager.read_all):
        with pytest.raises(UsageError, match=named) as caught:
            use(MetadataManager(name, spark=spark))
        assert caught.value.code == "CONTROL_TABLE_INVALID"


def test_tables_that_cannot_be_used_are_told_apart(spark: SparkSession, schema: str) -> None:
    def code_of(name: str, use: Callable[[MetadataManager], object]) -> str:
        with pytest.raises(UsageError) as caught:
            use(MetadataManager(name, spark=spark))
        return caught.value.code

    spark.sql(f"CREATE TABLE {schema}.parquet ({OLD_COLUMNS}) USING parquet")
    for use in (MetadataManager.read_all, MetadataManager.version, MetadataManager.get_sources):
        assert code_of(f"{schema}.nothing", use) == "CONTROL_TABLE_MISSING"
        assert code_of("no.such.table", use) == "CONTROL_TABLE_UNREACHABLE"
    assert code_of("main.no_schema.t", MetadataManager.ensure_exists) == "CONTROL_TABLE_UNREACHABLE"
    assert code_of(f"{schema}.parquet", MetadataManager.version) == "CONTROL_TABLE_INVALID"
    assert code_of(f"{schema}.parquet", MetadataManager.ensure_exists) == "CONTROL_TABLE_INVALID"
    for odd in ("`odd;name`", "`:p ?`", "`it's`", "`a``b`", "`../../x`"):
        name = f"{schema}.{odd}"
        assert code_of(name, MetadataManager.ensure_exists) == "CONTROL_TABLE_UNREACHABLE"
    assert code_of("a; DROP TABLE b", MetadataManager.version) == "TABLE_NAME_INVALID"
    assert code_of(f"{schema}.nothing", lambda m: m.deactivate("m")) == "CONTROL_TABLE_MISSING"


def test_hostile_names_come_back_as_they_went_in(
    manager: MetadataManager, tmp_path: Path, spark: SparkSession
) -> None:
    spark.sql("CREATE TABLE main.meta.victim (a INT) USING delta")
    sources = [
        Source(
            each, other, each, 1, {each: each}, {}, {"task_type": "notebook", "notebook_path": each}
        )
        for each in HOSTILE
        for other in HOSTILE[:2]
    ]
    path = tmp_path / "it's `a` ${b} file.yml"
    path.write_text(sources_as_yaml(sources), newline="")
    manager.load_yaml(path)
    got = manager.read_all()
    assert got.faults == ()
    assert sorted(map(str, map(source_row, got.sources))) == sorted(
        map(str, map(source_row, sources))
    )
    assert manager.get_sources(HOSTILE[0], source_id=HOSTILE[1])[0].source_id == HOSTILE[1]
    assert manager.deactivate(HOSTILE[0], HOSTILE[1]) == 1
    assert spark.table("main.meta.victim").count() == 0


def test_rows_by_hand_are_sources_and_faults(manager: MetadataManager, spark: SparkSession) -> None:
    manager.ensure_exists()
    spark.sql(
        f"INSERT INTO {manager.control_table} (source_id, module_name, source_type, "
        "transformation_config) VALUES "
        """('a', 'm', 'nb', '{"task_type": "notebook", "notebook_path": "/a"}'), """
        "('broken', 'm', 'nb', '{'), (NULL, 'm', 'nb', '{}'), "
        "('twice', 'n', 'nb', '{}'), ('twice', 'n', 'nb', '{}')"
    )
    metadata = manager.read_all()
    assert [each.source_id for each in metadata.sources] == ["a", "twice", "twice"]
    assert sorted(fault.code for fault in metadata.faults) == [
        "FIELD_MISSING",
        "JSON_INVALID",
        "SOURCE_DUPLICATE",
    ]
    assert metadata.version == 1
    assert sorted(fault.code for fault in manager.validate()) == [
        "FIELD_MISSING",
        "JSON_INVALID",
        "SOURCE_DUPLICATE",
        "TASK_TYPE_MISSING",
    ]
    assert manager.get_all_modules() == ["m", "n"]
    for refused in (manager.get_sources, manager.export_yaml):
        with pytest.raises(MetadataError):
            refused("m")
    assert manager.get_sources("m", source_id="a")[0].is_active


def test_a_load_mends_rows_that_are_not_json(
    manager: MetadataManager, tmp_path: Path, spark: SparkSession
) -> None:
    manager.ensure_exists()
    spark.sql(
        f"INSERT INTO {manager.control_table} (source_id, module_name, source_config) "
        "VALUES ('a', 'm', '{'), ('b', 'm', '{')"
    )
    result = manager.load_yaml(write(tmp_path, "m", "a"))
    assert result == LoadResult(updated=1, deactivated=1, modules=("m",))
    row = spark.table(manager.control_table).where("source_id = 'b'").first()
    assert row and row.source_config == "{" and row.is_active is False


def test_export_loads_back_without_a_change(manager: MetadataManager, tmp_path: Path) -> None:
    path = tmp_path / "m.yml"
    path.write_text(
        "modules:\n- module_name: m\n  description: all of it\n  timeout_seconds: 60\n  sources:\n"
        f"  - {{source_id: a, source_type: nb, transformation_config: {TASK}}}\n"
        "  - source_id: b\n    source_type: sql\n    execution_order: 2\n"
        "    source_config: {n: 1.0, when: 2024-01-01, yes: 'yes'}\n"
        "    transformation_config:\n      task_type: sql_query\n"
        '      sql_task: {warehouse_id: w, sql_query: "SELECT 1\\n  FROM b\\n"}\n'
    )
    manager.load_yaml(path)
    version = manager.version()
    export = tmp_path / "export.yml"
    export.write_text(manager.export_yaml())
    assert manager.load_yaml(export) == LoadResult(unchanged=2)
    assert manager.version() == version
    assert manager.validate(export) == []
    assert "module_name: " in manager.export_yaml("m")
    assert manager.export_yaml("nothing") == "modules: []\n"
    table = ("--control-table", manager.control_table)
    for arguments, code in (
        (["export", "nothing", *table], "MODULE_UNKNOWN"),
        (["export", "m", *table, "--target", "dev"], "OPTION_WITHOUT_EFFECT"),  # it has a session
    ):
        error = CliRunner().invoke(cli, arguments).exception
        assert isinstance(error, UsageError)
        assert error.code == code


def test_deactivation_names_the_user_and_is_idempotent(
    manager: MetadataManager, tmp_path: Path, spark: SparkSession
) -> None:
    manager.load_yaml(write(tmp_path, "m", "a", "b"))
    assert manager.deactivate("m", "a") == 1
    version = manager.version()
    assert manager.deactivate("m", "a") == 0
    assert manager.version() == version
    (row,) = spark.table(manager.control_table).where("NOT is_active").collect()
    assert row.updated_by == spark.sql("SELECT current_user()").collect()[0][0]
    with pytest.raises(UsageError, match="MODULE_UNKNOWN"):
        manager.module_sources("mm")

"""`headwater ops validate-deployment` on this machine: what is there, and what is not."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headwater.cli.main import cli
from headwater.events.log import EventLog
from headwater.events.rows import Event
from headwater.names import TableName
from headwater.operations.dashboards import has_parameters, tables_read
from headwater.operations.expected import missing_columns, spark_type
from headwater.state.target import Target
from unit.operations_support import make_table, shop

BUNDLE = """
bundle: {name: shop}
resources:
  pipelines:
    flow: {catalog: main, schema: silver, libraries: [{file: {path: flow.py}}]}
  volumes:
    landing: {catalog_name: main, schema_name: silver, name: landing}
  dashboards:
    sales: {display_name: Sales, file_path: sales.lvdash.json, warehouse_id: w}
"""
COLUMNS = [("id", "bigint"), ("at", "timestamp")]


def define(target: Target, update_id: str, *tables: str, kind: str = "APPEND") -> None:
    """Write the events of an update that defines tables, each with the columns `id` and `at`."""
    with EventLog(target.event_log("flow"), {"update_id": update_id}) as log:
        log.emit(Event("create_update", "", {"cause": "USER_ACTION"}))
        for name in tables:
            defined = {"dataset_type": "STREAMING_TABLE", "num_flows": 1, "expectations": []}
            log.emit(Event("dataset_definition", "", defined, origin={"dataset_name": name}))
            schema = [{"name": each, "data_type": data} for each, data in COLUMNS]
            flow = {"output_dataset": name, "flow_type": kind, "schema": schema}
            log.emit(Event("flow_definition", "", flow, origin={"flow_name": name}))
        log.emit(Event("update_progress", "", {"state": "COMPLETED"}))


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """A deployment that is whole."""
    found = shop(tmp_path, BUNDLE)
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    make_table(found, "main.silver.events", {"id": [1, 2], "at": [at, at]})
    define(found, "1", "main.silver.events")
    found.store.volume_path("main", "silver", "landing").mkdir(parents=True)
    dashboard(tmp_path, "SELECT * FROM events")
    return found


def dashboard(folder: Path, *queries: str) -> None:
    datasets = [{"name": f"q{n}", "queryLines": [text]} for n, text in enumerate(queries)]
    (folder / "sales.lvdash.json").write_text(json.dumps({"datasets": datasets}))


def run(target: Target, *arguments: str) -> Result:
    command = ["ops", "validate-deployment", *arguments, "--bundle", str(target.bundle.root)]
    return CliRunner().invoke(cli, command)


def faults(target: Target) -> list[tuple[str, str, str]]:
    result = run(target, "--json")
    told = json.loads(result.stdout)
    found = [
        (each["subject"], each["measure"], each["note"])
        for each in told["checks"]
        if each["verdict"] != "ok"
    ]
    assert result.exit_code == bool(found)
    assert told["passed"] is not bool(found)
    return found


def test_whole_deployment_passes(target: Target) -> None:
    assert faults(target) == []
    assert "all checks hold. They are our own checks." in run(target, "--dry-run").stdout


def test_pipeline_that_never_ran_and_what_is_not_there_are_told(tmp_path: Path) -> None:
    empty = shop(tmp_path, BUNDLE)
    assert [each[:2] for each in faults(empty)] == [
        ("flow", "update"),
        ("/Volumes/main/silver/landing", "volume"),
        ("sales", "query"),
    ]


def test_table_that_is_gone_is_told(target: Target) -> None:
    shutil.rmtree(target.store.table_path(TableName("main", "silver", "events")))
    assert [each[:2] for each in faults(target)] == [
        ("main.silver.events", "table"),
        ("sales: q0", "query"),
    ]


def test_columns_that_are_missing_are_named(target: Target) -> None:
    make_table(target, "main.silver.other", {"ID": [1]})
    define(target, "2", "main.silver.events", "main.silver.other")
    assert faults(target) == [("main.silver.other", "columns", "missing: at")]


def test_columns_of_auto_cdc_are_not_compared(target: Target) -> None:
    make_table(target, "main.silver.other", {"key": [1]})
    define(target, "2", "main.silver.other", kind="CHANGE")
    assert faults(target) == []


def test_rows_are_compared_with_the_limits_of_the_gate(target: Target) -> None:
    file = target.bundle.root / "resources" / "limits" / "default.yml"
    file.parent.mkdir(parents=True)
    file.write_text("version: 1\npipelines: {flow: {tables: [{table: events, min_rows: 3}]}}")
    assert faults(target) == [("main.silver.events", "rows", "")]


def test_full_refresh_that_did_not_end_is_told(target: Target) -> None:
    target.pipeline_state("flow").begin_resets([TableName("main", "silver", "events")])
    ((subject, measure, note),) = faults(target)
    assert (subject, measure) == ("flow", "full_refresh")
    assert "run the pipeline again" in note


def test_queries_of_dashboards_name_what_is_not_there(target: Target) -> None:
    dashboard(target.bundle.root, "SELECT 1 FROM events", "SELECT 1 FROM events JOIN silver.gone")
    assert faults(target) == [("sales: q1", "query", "no such table: silver.gone")]


@pytest.mark.parametrize("text", ["{", "[]", '{"datasets": [{"x": 1}]}', '{"datasets": [1]}'])
def test_dashboard_that_cannot_be_read_is_a_fault(target: Target, text: str) -> None:
    (target.bundle.root / "sales.lvdash.json").write_text(text)
    assert faults(target) == [("sales", "query", "its file can't be read as a dashboard")]


def test_dashboard_outside_of_the_bundle_is_not_read(target: Target, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}.lvdash.json"
    outside.write_text(json.dumps({"datasets": []}))
    moved = BUNDLE.replace("sales.lvdash.json", f"../{outside.name}")
    (tmp_path / "databricks.yml").write_text(moved)
    assert [each[2] for each in faults(target)] == ["its file is outside of the bundle"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT * FROM a, b.c AS d, `e f`.g WHERE x IN (1, 2)", ["a", "b.c", "`e f`.g"]),
        ("select * from a x join b y on x.i = y.i left join c using (i, j)", ["a", "b", "c"]),
        ("WITH t AS (SELECT 1 FROM a), u(i) AS (SELECT * FROM t) SELECT * FROM u", ["a"]),
        ("SELECT extract(day FROM at), trim(BOTH 'x' FROM y) FROM t", ["t"]),
        ("SELECT * FROM t WHERE a IS NOT DISTINCT FROM b", ["t"]),
        ("SELECT * FROM (SELECT * FROM t) s, range(3), explode(x)", ["t"]),
        ("SELECT * FROM event_log('p')", []),
        ("SELECT * FROM delta.`/data/x` UNION SELECT * FROM t -- FROM nothing", ["t"]),
        ("SELECT 'FROM x' FROM t LATERAL VIEW explode(y) v AS w", ["t"]),
        ("SELECT * FROM VALUES (1)", []),
        ("SELECT * FROM", []),
        ("", []),
    ],
)
def test_tables_that_a_query_reads(text: str, names: list[str]) -> None:
    assert tables_read(text) == names


def test_parameters_are_told_from_paths_into_json() -> None:
    assert has_parameters("SELECT * FROM t WHERE d = :day")
    assert not has_parameters("SELECT payload:day, x::int, ':day' FROM t")


def test_columns_are_compared_without_case_and_width() -> None:
    expected = {"ID": "int", "price": "decimal(10,2)", "at": "date", "name": "string", "s": "x"}
    found = [("id", "bigint"), ("price", "double"), ("at", "timestamp"), ("name", "int")]
    assert missing_columns(expected, found) == (["s"], ["name"])
    assert [spark_type(each) for each in ("long", "string", '{"type": "struct"}')] == [
        "bigint",
        "string",
        "struct",
    ]


def test_warehouse_without_workspace_is_refused(target: Target) -> None:
    assert getattr(run(target, "--warehouse", "w").exception, "code", None) == (
        "OPTION_WITHOUT_EFFECT"
    )

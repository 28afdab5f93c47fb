"""The examples run on real Delta tables: with no rows, with late ones, and twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from faulty_server import FaultyServer
from headwater.jobs.sql import run_sql
from job_meta_support import client_of, needs_minilake
from lakeflow_job_meta import MetadataManager
from lakeflow_job_meta.local_runs import RunResult, run_module
from lakeflow_job_meta.sources import Source

EXAMPLES = Path(__file__).parents[2] / "examples"
METADATA = EXAMPLES / "metadata_examples.yaml"
SCHEMAS = ("bronze", "silver", "gold", "ops_examples")
CONTROL = "main.ops_examples.etl_control"


class Examples:
    """The examples' metadata in a control table."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.folder = spark, folder
        self.manager = MetadataManager(CONTROL, spark=spark)

    def load(self, batch: int) -> None:
        """Load the metadata, with another batch for the ingestion notebook."""
        text = METADATA.read_text(encoding="utf-8").replace('batch_id: "1"', f'batch_id: "{batch}"')
        file = self.folder / "metadata.yaml"
        file.write_text(text, encoding="utf-8")
        self.manager.load_yaml(file)

    def run(self, module: str) -> RunResult:
        sources = self.manager.get_sources(module)
        return run_module(sources, control_table=CONTROL, spark=self.spark, root=EXAMPLES)

    def ingest(self, batch: int, *, times: int = 1) -> None:
        """Load a batch and run everything."""
        self.load(batch)
        for _ in range(times):
            result = self.run("orders")
            assert [each.message for each in result.results] == [""] * 5
            assert result.succeeded

    def ingest_up_to_silver(self, batch: int) -> None:
        """Load a batch, and run what needs no other task than the ingestion."""
        self.load(batch)
        wanted = ("ingest_orders", "orders_to_silver", "order_changes")
        sources = [each for each in self.sources() if each.source_id in wanted]
        run_module(sources, control_table=CONTROL, spark=self.spark, root=EXAMPLES)

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.spark.sql(text).collect()]

    def check(self, source_id: str) -> tuple[Any, ...]:
        """Return the one row that a check answers with."""
        source = next(each for each in self.sources() if each.source_id == source_id)
        task = source.transformation_config["sql_task"]
        path = task.get("sql_file_path")
        text = (EXAMPLES / path).read_text("utf-8") if path else task["sql_query"]
        frame = run_sql(self.spark, text, task["parameters"], source_id).frame
        assert frame is not None
        [row] = frame.collect()
        return tuple(row)

    def sources(self) -> list[Source]:
        return self.manager.get_sources()


@pytest.fixture
def examples(spark: SparkSession, tmp_path: Path) -> Iterator[Examples]:
    spark.sql("CREATE SCHEMA ops_examples")
    yield Examples(spark, tmp_path)
    for schema in SCHEMAS:
        spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


DAILY = "SELECT string(order_date), country, orders, customers, amount FROM main.gold.daily_orders"
SILVER = "SELECT order_id, email, country, amount FROM main.silver.orders ORDER BY order_id"


def test_orders_with_late_and_faulty_rows_end_in_the_right_figures(examples: Examples) -> None:
    examples.ingest_up_to_silver(1)
    assert examples.rows(SILVER) == [
        (1, "ada@example.org", "DE", Decimal("20.00")),
        (2, "bob@example.org", "FR", Decimal("5.50")),
        (3, "ada@example.org", "DE", Decimal("8.25")),
        (4, None, None, None),
    ]
    assert examples.check("orders_quality") == (6, 1, 2, 1, 1, "PASS")
    examples.ingest(2, times=2)
    assert sorted(examples.rows(DAILY)) == [
        ("2024-05-01", "DE", 2, 2, Decimal("20.00")),  # with one that came two days late
        ("2024-05-01", "FR", 1, 1, Decimal("6.50")),  # corrected later
        ("2024-05-02", "DE", 1, 1, Decimal("8.25")),  # an older version came later
        ("2024-05-02", "unknown", 1, 0, None),
        ("2024-05-03", "FR", 1, 1, Decimal("12.00")),
    ]
    changes = "SELECT order_id, count(*) FROM main.silver.order_changes GROUP BY 1 ORDER BY 1"
    assert examples.rows(changes) == [(1, 1), (2, 2), (3, 3), (4, 1), (5, 1), (6, 1)]
    assert examples.check("orders_freshness")[1:] == (0, "FRESH")


def test_examples_run_on_empty_tables(examples: Examples) -> None:
    examples.ingest(99)
    assert examples.rows(SILVER) == []
    assert examples.rows(DAILY) == []
    assert examples.check("orders_quality")[-1] == "EMPTY"
    assert examples.check("orders_freshness") == (None, None, "EMPTY")
    result = examples.run("orders_watch")
    assert [(each.state, each.rows) for each in result.results] == [("SUCCESS", 1)]


def test_a_missed_threshold_and_an_old_table_are_told(examples: Examples) -> None:
    examples.load(1)
    ingestion = examples.manager.get_sources("orders", source_id="ingest_orders")
    run_module(ingestion, control_table=CONTROL, spark=examples.spark, root=EXAMPLES)
    examples.rows(
        "UPDATE main.bronze.orders SET ingested_at = current_timestamp() - INTERVAL 2 DAY"
    )
    assert examples.check("orders_freshness")[1:] == (2880, "STALE")
    examples.rows("UPDATE main.bronze.orders SET customer_id = NULL")
    assert examples.check("orders_quality")[-1] == "FAIL"


def orchestrate(spark: SparkSession, **parameters: str) -> None:
    """Run the orchestrator notebook twice."""
    config = {
        "task_type": "notebook",
        "notebook_path": "orchestrator_example",
        "base_parameters": {
            "metadata_path": str(METADATA),
            "control_table": CONTROL,
            **parameters,
        },
    }
    source = Source("orchestrate", "start", "notebook", 1, transformation_config=config)
    left_out = "not done locally: %pip in orchestrator_example.ipynb:cell 2"
    for _ in range(2):
        [result] = run_module([source], control_table=CONTROL, spark=spark, root=EXAMPLES).results
        assert (result.state, result.message) == ("SUCCESS", left_out)


def test_orchestrator_notebook_loads_the_metadata(examples: Examples) -> None:
    orchestrate(examples.spark)
    assert examples.manager.get_all_modules() == ["orders", "orders_watch"]


@pytest.mark.servers
@pytest.mark.servers
@needs_minilake
def test_orchestrator_notebook_makes_the_jobs_once(
    examples: Examples, proxy: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", proxy.endpoint)
    monkeypatch.setenv("DATABRICKS_TOKEN", "none")
    orchestrate(examples.spark, apply="yes")
    jobs = [each.settings for each in client_of(proxy.endpoint).jobs.list()]
    assert sorted(each.name or "" for each in jobs if each) == ["orders", "orders_watch"]


def test_query_in_the_metadata_is_the_one_in_the_file(examples: Examples) -> None:
    examples.load(1)
    lines = (EXAMPLES / "sql_query_task/01_data_quality_check.sql").read_text("utf-8").splitlines()
    query = "\n".join(line for line in lines if not line.startswith("--"))
    [source] = [each for each in examples.sources() if each.source_id == "orders_quality"]
    assert source.transformation_config["sql_task"]["sql_query"].strip() == query.strip()


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_hold_no_output(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []

"""The tests that the dbt project brings: each finds what it should, and runs when it should."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from iot_dbt import PROJECT, Dbt, drop_schemas
from pyspark.sql import SparkSession

pytestmark = pytest.mark.iot

PREFIX = "checked"


@dataclass(frozen=True)
class Case:
    """A generic test and tables for it: rows after `columns`, as VALUES has them."""

    columns: str
    good: str
    bad: Mapping[str, str]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    column: str | None = None


CASES = {
    "accepted_range": Case(
        "v", "(0), (10), (NULL)", {"low": "(-1)", "high": "(11)"}, {"min": 0, "max": 10}, "v"
    ),
    "not_null_proportion": Case(
        "v", "(1), (1), (1), (NULL)", {"few": "(1), (NULL)"}, {"at_least": 0.75}, "v"
    ),
    "unique_combination": Case(
        "a, b", "(1, 1), (1, 2)", {"twice": "(1, 1), (1, 1)"}, {"columns": ["a", "b"]}
    ),
    "relationships_at_least": Case(
        "v",
        "(1), (2), (3), (NULL)",
        {"few": "(1), (3), (4)"},
        {"to": "ref('parent')", "field": "id", "percent": 60},
        "v",
    ),
    "fresh_within": Case(
        "v",
        "(timestamp '2026-03-09 12:00'), (timestamp '2020-01-01')",
        {"old": "(timestamp '2026-03-09 11:59')", "empty": "(cast(null as timestamp))"},
        {"hours": 24},
        "v",
    ),
    "no_gaps": Case(
        "k, d",
        "(1, date '2026-01-01'), (1, date '2026-01-02'), (2, date '2026-01-05')",
        {"gap": "(1, date '2026-01-01'), (1, date '2026-01-03')"},
        {"key": "k", "date_column": "d"},
    ),
    "expression_is_true": Case(
        "a, b", "(1, 2)", {"false": "(2, 1)", "unknown": "(NULL, 1)"}, {"expression": "a < b"}
    ),
    "row_count_equals": Case(
        "v",
        "(1), (2), (3)",
        {"few": "(1), (2)", "many": "(1), (2), (3), (4)"},
        {"compare": "ref('parent')", "minus": 1},
    ),
    "sum_equals": Case(
        "v",
        "(1.00), (1.99)",
        {"far": "(1.00), (1.98)", "empty": "(NULL)"},
        {"compare": "ref('parent')", "compare_column": "id", "tolerance": 0.01},
        "v",
    ),
    "scd1_matches_changes": Case(
        "k, cdc_seq",
        "('a', 2), ('c', 5)",
        {
            "older": "('a', 1), ('c', 5)",
            "resurrected": "('a', 2), ('b', 3), ('c', 5)",
            "lost": "('a', 2)",
        },
        {"source": "ref('changes')", "key": "k"},
    ),
    "valid_intervals": Case(
        "k, s, e",
        "(1, timestamp '2026-01-01', timestamp '2026-01-02'), (1, timestamp '2026-01-02', NULL)",
        {
            "overlap": "(1, timestamp '2026-01-01', NULL), (1, timestamp '2026-01-02', NULL)",
            "backwards": "(1, timestamp '2026-01-02', timestamp '2026-01-01')",
        },
        {"key": "k", "from": "s", "to": "e"},
    ),
    "monotonic": Case(
        "k, o, v",
        "(1, 1, 1), (1, 2, 1), (1, 3, 2), (2, 4, 0)",
        {"falls": "(1, 1, 2), (1, 2, 1)"},
        {"by": "k", "order": "o"},
        "v",
    ),
    "no_future": Case(
        "v",
        "(timestamp '2026-03-10 12:05'), (NULL)",
        {"ahead": "(timestamp '2026-03-10 12:05:01')"},
        {"minutes": 5},
        "v",
    ),
    "no_nan": Case("v", "(1.5D), (NULL)", {"nan": "(double('NaN'))"}, {}, "v"),
    "stable_schema": Case(
        "a, b", "(1, 'x')", {"other type": "(1L, 'x')"}, {"columns": ["a int", "b string"]}
    ),
}
MODELS = {
    "parent": "select * from values (1), (2) as t(id)",
    "changes": "select * from values ('a', 1, 'I', 'h'), ('a', 2, 'U', 'h'), ('b', 3, 'D', 'h'), "
    "('b', 3, 'I', 'i'), ('c', 5, 'I', 'h') as t(k, seq, op, record_hash)",
}


@pytest.fixture(scope="module")
def results(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """What each test says of its good and its bad tables."""
    folder = tmp_path_factory.mktemp("checked")
    dbt = Dbt(spark, PREFIX, folder, project=_project_of(folder))
    as_of = json.dumps({"as_of_ts": "2026-03-10 12:00"})
    found = dbt.run("build", "--vars", as_of, succeeds=False)
    yield {name: str(result.status) for name, result in found.items()}
    drop_schemas(spark, PREFIX, ("gold",))


def _project_of(folder: Path) -> Path:
    """Make a project of views of the cases, with the tests of the real one."""
    shutil.copytree(PROJECT / "macros", folder / "macros")
    shutil.copytree(PROJECT / "tests" / "generic", folder / "tests" / "generic")
    settings = {
        "name": "checked",
        "profile": "iot",
        "flags": {"require_generic_test_arguments_property": True},
    }
    (folder / "dbt_project.yml").write_text(json.dumps(settings))
    models = folder / "models"
    models.mkdir()
    for name, query in MODELS.items():
        (models / f"{name}.sql").write_text(query)
    described = []
    for test, case in CASES.items():
        for kind, rows in {"good": case.good, **case.bad}.items():
            name = _name(test, kind)
            (models / f"{name}.sql").write_text(f"select * from values {rows} as t({case.columns})")
            use = {"name": f"test_{name}", "arguments": dict(case.arguments)}
            if case.column:
                use["column_name"] = case.column
            described.append({"name": name, "data_tests": [{test: use}]})
    (models / "models.yml").write_text(json.dumps({"models": described}))
    return folder


def _name(test: str, kind: str) -> str:
    return f"{test}_{kind.replace(' ', '_')}"


def test_every_generic_test_has_cases() -> None:
    assert set(CASES) == {path.stem for path in (PROJECT / "tests" / "generic").glob("*.sql")}


@pytest.mark.parametrize("test", CASES)
def test_generic_test_passes_good_rows_and_finds_bad_ones(
    results: dict[str, str], test: str
) -> None:
    found = {kind: results[f"test_{_name(test, kind)}"] for kind in ("good", *CASES[test].bad)}
    assert found == {"good": "pass"} | dict.fromkeys(CASES[test].bad, "fail")


@pytest.fixture(scope="module")
def selections(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[str]]:
    """What `--select WORD` selects."""
    dbt = Dbt(spark, "parsed", tmp_path_factory.mktemp("parsed"))
    return {
        word: dbt.names("--select", word)
        for word in ("staging", "marts", "data_quality", "integration")
    }


def test_builds_leave_out_tests_of_data_quality_and_integration(
    selections: dict[str, set[str]],
) -> None:
    for layer in ("staging", "marts"):
        assert selections[layer].isdisjoint(selections["data_quality"])
        assert selections[layer].isdisjoint(selections["integration"])
    assert {path.stem for path in (PROJECT / "tests" / "data_quality").iterdir()} == selections[
        "data_quality"
    ]
    assert {path.stem for path in (PROJECT / "tests" / "integration").iterdir()} == selections[
        "integration"
    ]


def test_builds_have_their_models_and_tests(selections: dict[str, set[str]]) -> None:
    models = {
        layer: {path.stem for path in (PROJECT / "models" / layer).rglob("*.sql")}
        for layer in ("staging", "marts")
    }
    assert (len(models["staging"]), len(models["marts"])) == (8, 9)
    for layer, names in models.items():
        assert names <= selections[layer]
    assert "unique_stg_customers_customer_id" in selections["staging"]
    assert "fct_orders_net_is_in_one_amount" in selections["marts"]
    assert "fct_orders_net_is_in_one_amount" not in selections["staging"]

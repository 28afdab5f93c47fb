"""What a comparison finds between two tables, and between two commits of a project."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pyspark.sql import SparkSession

from headwater.cli.main import cli
from headwater.comparison.tables import RowChange, RowDifference, compare_rows
from headwater.errors import GraphError, UpdateError, UsageError

BUNDLE = """
bundle: {name: test}
targets: {dev: {default: true}}
variables:
  outside: {default: ""}
resources:
  volumes:
    landing: {catalog_name: main, schema_name: cmp, name: landing}
  pipelines:
    flow:
      catalog: main
      schema: cmp
      libraries: [{glob: {include: "p/**"}}]
      configuration: {outside: "${var.outside}"}
"""

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F
from rules import LEAST

print("said by the source")

@dp.table
@dp.expect_or_drop("large", f"amount >= {LEAST}")
def orders():
    landed = spark.readStream.format("cloudFiles").option("cloudFiles.format", "json")
    landed = landed.schema("id INT, customer STRING, amount INT").load("/Volumes/main/cmp/landing")
    return landed.select("*", "_metadata.file_path", F.current_timestamp().alias("taken"))

dp.create_streaming_table("customers")
dp.create_auto_cdc_flow(target="customers", source="orders", keys=["customer"], sequence_by="id",
                        column_list=["id", "customer", "amount"])

dp.create_sink("elsewhere", "kafka", {"kafka.bootstrap.servers": "nowhere:1", "topic": "t"})

@dp.append_flow(target="elsewhere")
def sent():
    return spark.readStream.table("orders").selectExpr("customer AS value")
"""


def write(spark: SparkSession, folder: Path, query: str) -> Path:
    spark.sql(query).write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(
        str(folder)
    )
    return folder


@pytest.fixture
def compared(spark: SparkSession, tmp_path: Path) -> Callable[..., RowDifference]:
    def compare(before: str, after: str, **options: Any) -> RowDifference:
        paths = [
            write(spark, tmp_path / name, f"SELECT * FROM {query}")
            for name, query in (("before", before), ("after", after))
        ]
        return compare_rows(spark, *paths, **options)

    return compare


def test_fields_of_a_struct_are_compared_in_any_order(
    compared: Callable[..., RowDifference],
) -> None:
    rows = "(SELECT 1 AS id, named_struct('a', 1, 'b', 2) AS s)"
    turned = "(SELECT 1 AS id, named_struct('B', {b}, 'a', 1) AS s)"
    assert compared(rows, turned.format(b=2), keys=("id",)).is_none
    assert compared(rows, turned.format(b=3), keys=("id",)).columns == {"s": 1}
    assert compared(rows, turned.format(b=2)).is_none
    listed = "(SELECT array(named_struct('{0}', {2}, '{1}', {3})) AS s)"
    other = compared(listed.format("a", "b", 1, 2), listed.format("b", "a", 1, 2))
    assert (other.only_base, other.only_head) == (1, 1)


def test_rows_of_one_key_are_compared_value_by_value(
    compared: Callable[..., RowDifference],
) -> None:
    found = compared(
        "VALUES (1, 'a', 1.5), (2, 'b', NULL), (3, 'c', 3.0) AS t(id, name, amount)",
        "VALUES (1, 'a', 1.5), (2, 'x', 2.5), (4, 'd', 4.0) AS t(id, name, amount)",
        keys=("id",),
    )
    assert (found.rows, found.only_base, found.only_head, found.changed) == ((3, 3), 1, 1, 1)
    assert found.columns == {"name": 1, "amount": 1}
    by_kind = {each.kind: each for each in found.examples}
    assert by_kind["only base"] == RowChange("only base", {"id": 3})
    assert by_kind["only now"] == RowChange("only now", {"id": 4})
    assert by_kind["changed"].key == {"id": 2}
    assert by_kind["changed"].values["name"] == ("b", "x")


def test_null_key_is_a_key_like_any_other(compared: Callable[..., RowDifference]) -> None:
    rows = "VALUES (NULL, 1), (2, {}) AS t(id, n)"
    found = compared(rows.format(2), rows.format(3), keys=("id",))
    assert (found.only_base, found.only_head, found.columns) == (0, 0, {"n": 1})
    found = compared(
        rows.format("CAST(NULL AS INT)"), rows.format("CAST(NULL AS INT)"), keys=("id",)
    )
    assert found.is_none


def test_key_that_two_rows_share_is_none(compared: Callable[..., RowDifference]) -> None:
    found = compared(
        "VALUES (1, 'a'), (1, 'b') AS t(id, name)", "VALUES (1, 'a') AS t(id, name)", keys=("id",)
    )
    assert (found.keys, found.rows, found.only_base, found.only_head) == ((), (2, 1), 1, 0)


def test_whole_rows_count_as_often_as_they_are_there(
    compared: Callable[..., RowDifference],
) -> None:
    found = compared("VALUES (1), (1), (2), (NULL) AS t(n)", "VALUES (1), (NULL), (3) AS t(n)")
    assert (found.rows, found.only_base, found.only_head) == ((4, 3), 2, 1)
    assert {(each.kind, each.key["n"]) for each in found.examples} == {
        ("only base", 1),
        ("only base", 2),
        ("only now", 3),
    }


def test_maps_are_compared_and_ignored_or_retyped_columns_are_not(
    compared: Callable[..., RowDifference],
) -> None:
    before = "SELECT 1 AS id, map('a', 1) AS m, 1 AS kind, now() AS at"
    after = "SELECT 1 AS id, map('a', {}) AS m, '1' AS kind, now() AS at"
    same = compared(f"({before})", f"({after.format(1)})", keys=("id",), ignored=("AT",))
    assert same.is_none
    found = compared(f"({before})", f"({after.format(2)})", keys=("id",), ignored=("at",))
    assert found.columns == {"m": 1}
    found = compared(f"({before})", f"({after.format(2)})", ignored=("at",))
    assert (found.only_base, found.only_head) == (1, 1)


def test_maps_are_compared_to_the_microsecond_and_in_any_order_of_keys(
    compared: Callable[..., RowDifference],
) -> None:
    query = "(SELECT 1 AS id, array(named_struct('m', map({}, map(1, timestamp'{}')))) AS m)"
    row = "'{}', map(1, timestamp'2026-01-01 00:00:00.00000{}')"
    swapped = "(SELECT 1 AS id, map({}, {}) AS m)"
    first, second = row.format("a", 1), row.format("b", 1)
    before = swapped.format(first, second)
    assert compared(before, swapped.format(second, first), keys=("id",)).is_none
    found = compared(before, swapped.format(first, row.format("b", 2)), keys=("id",))
    assert found.columns == {"m": 1}
    times = [query.format("'a'", f"2026-01-01 00:00:00.00000{n}") for n in (1, 2)]
    assert compared(*times).only_base == 1
    assert compared(times[0], times[0]).is_none


def test_names_count_without_their_case(compared: Callable[..., RowDifference]) -> None:
    before, after = "(SELECT 1 AS Id, 1 AS Amount)", "(SELECT 1 AS id, 2 AS amount)"
    for keys in (("ID",), ("id",)):
        found = compared(before, after, keys=keys)
        assert (found.changed, found.columns, found.keys) == (1, {"amount": 1}, ("id",))
    assert compared(before, after).only_base == 1


def test_example_names_the_columns_that_differ_alone(
    compared: Callable[..., RowDifference],
) -> None:
    row = "(SELECT 1 AS id, double('NaN') AS nan, {} AS n)"
    found = compared(row.format(1), row.format(2), keys=("id",))
    assert [each.values for each in found.examples] == [{"n": (1, 2)}]


def test_variants_are_compared(compared: Callable[..., RowDifference]) -> None:
    row = (
        """(SELECT 1 AS id, parse_json('{{"a": {}}}') AS v, named_struct('v', parse_json('1')) s)"""
    )
    assert compared(row.format(1), row.format(1), keys=("id",)).is_none
    assert compared(row.format(1), row.format(2), keys=("id",)).columns == {"v": 1}


def test_empty_tables_do_not_differ(compared: Callable[..., RowDifference]) -> None:
    empty = "(SELECT 1 AS id WHERE false)"
    assert compared(empty, empty, keys=("id",)).is_none
    assert compared(empty, empty).rows == (0, 0)


Command = Callable[..., Result]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a sound commit, a tag of a broken one, and orders in its landing volume."""
    folder = tmp_path_factory.mktemp("compared") / "project"
    (folder / "p").mkdir(parents=True)
    for name, text in (
        ("databricks.yml", BUNDLE),
        ("p/main.py", SOURCE),
        ("p/rules.py", "LEAST = 1\n"),
        (".gitignore", ".headwater/\n"),
    ):
        (folder / name).write_text(text)
    landing = folder / ".headwater/dev/volumes/main/cmp/landing"
    landing.mkdir(parents=True)
    rows = [{"id": n, "customer": "abc"[n % 3], "amount": n} for n in range(1, 10)]
    for number in range(3):
        lines = map(json.dumps, rows[3 * number : 3 * number + 3])
        (landing / f"{number}.json").write_text("\n".join(lines))
    git = shutil.which("git")
    assert git

    def run(*words: str) -> None:
        who = ("-c", "user.name=n", "-c", "user.email=n@example.com")
        subprocess.run([git, *who, *words], cwd=folder, check=True)

    run("init", "-q")
    run("add", "-A")
    (folder / "p/main.py").write_text(SOURCE.replace("expect_or_drop", "expect_or_fail"))
    (folder / "p/rules.py").write_text("LEAST = 5\n")
    run("commit", "-qm", "sound")
    run("commit", "-qam", "broken")
    run("tag", "broken")
    run("reset", "-q", "--hard", "HEAD~")
    reads = SOURCE.replace('"/Volumes/main/cmp/landing"', 'spark.conf.get("outside")')
    (folder / "p/main.py").write_text(reads)
    run("commit", "-qam", "unsafe")
    run("tag", "unsafe")
    run("reset", "-q", "--hard", "HEAD~")
    return folder


@pytest.fixture
def command(repository: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(repository)
    (repository / "p/main.py").write_text(SOURCE)
    (repository / "p/rules.py").write_text("LEAST = 1\n")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(
            cli,
            ["compare", "--base", "HEAD", *arguments],
            obj={"spark": spark},
            standalone_mode=False,
            catch_exceptions=False,
        )

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """All files but Python's bytecode, which any import may write."""
    files = (each for each in folder.rglob("*") if each.is_file() and each.suffix != ".pyc")
    return {str(each.relative_to(folder)): each.read_bytes() for each in files}


def test_same_code_gives_the_same_tables_with_clock_and_paths(
    repository: Path, command: Command
) -> None:
    before = contents(repository)
    done = command("--sample", "2")
    assert done.exit_code == 0, done.stdout
    assert "No difference in 2 tables." in done.stdout
    assert contents(repository) == before


def test_changed_module_is_seen_in_rows_and_rules(repository: Path, command: Command) -> None:
    (repository / "p/rules.py").write_text("LEAST = 9\n")
    done = command("--json", "--key", "customers=customer", "--key", "orders=id")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert "said by the source" in done.stderr
    tables = {each["table"].rpartition(".")[2]: each for each in told["tables"]}
    assert tables["orders"]["rows"] == [9, 1]
    assert (tables["orders"]["only_base"], tables["orders"]["keys"]) == (8, ["id"])
    customers = tables["customers"]
    assert (customers["rows"], customers["only_base"], customers["keys"]) == (
        [3, 1],
        2,
        ["customer"],
    )
    assert [(each["rule"], each["failed"]) for each in told["rules"]] == [("large", [0, 8])]
    shown = json.dumps(told)
    assert "key_hash" in shown
    assert '"b"' not in shown


def test_failing_head_is_reported_and_failing_base_is_an_error(
    repository: Path, command: Command
) -> None:
    (repository / "p/main.py").write_text(SOURCE.replace("expect_or_drop", "expect_or_fail"))
    (repository / "p/rules.py").write_text("LEAST = 5\n")
    done = command()
    assert done.exit_code == 1
    assert "**The update failed:** [EXPECTATION_VIOLATION]" in done.stdout
    with pytest.raises(UpdateError, match="COMPARE_BASE_FAILED"):
        command("--base", "broken")


def test_table_with_a_path_of_its_own_is_refused(
    repository: Path, command: Command, tmp_path: Path
) -> None:
    text = SOURCE.replace("@dp.table\n", "@dp.table(path=spark.conf.get('outside') or None)\n")
    (repository / "p/main.py").write_text(text)
    with pytest.raises(GraphError, match="COMPARE_WRITES_OUTSIDE"):
        command("--var", f"outside={tmp_path / 'mine'}")
    assert not (tmp_path / "mine").exists()


def test_source_that_cleans_up_a_folder_of_others_is_refused(
    repository: Path, command: Command, tmp_path: Path
) -> None:
    landed = tmp_path / "mine" / "a.json"
    landed.parent.mkdir()
    landed.write_text('{"id": 1, "customer": "a", "amount": 5}')
    cleaning = '.option("cloudFiles.cleanSource", "DELETE")'
    text = SOURCE.replace('"json")\n', f'"json"){cleaning}\n')
    text = text.replace('"/Volumes/main/cmp/landing"', 'spark.conf.get("outside")')
    (repository / "p/main.py").write_text(text)
    with pytest.raises(GraphError, match="COMPARE_WRITES_OUTSIDE"):
        command("--var", f"outside={landed.parent}", "--base", "unsafe")
    assert landed.exists()


def test_unknown_commit_pipeline_and_folder_are_refused(
    repository: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for words, code in ((("--base", "nowhere"), "GIT_REF_UNKNOWN"), (("--on", "x"), "PIPELINE")):
        with pytest.raises(UsageError, match=code):
            command(*words)
    shutil.copytree(repository, tmp_path / "plain", ignore=shutil.ignore_patterns(".git"))
    monkeypatch.chdir(tmp_path / "plain")
    with pytest.raises(UsageError, match="GIT_CHECKOUT_MISSING"):
        command()

"""`headwater ops estimate-cost`: arithmetic, the basis of figures, and faults of the file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from headwater.cli.main import cli
from headwater.errors import UsageError
from headwater.operations.costs import (
    Storage,
    Workload,
    cost_per_run,
    lines_of,
    runs_in_month,
    storage_cost_per_month,
    warnings_of,
    work_minutes_of,
)
from headwater.operations.costs_file import read_estimate

EXAMPLE = Path(__file__).parents[2] / "resources" / "costs" / "example.yml"
INGEST = Workload(
    "ingest",
    runs_per_month=730,
    nodes=1,
    start_minutes=4,
    work_minutes=2,
    vm_price_per_hour=0.11,
    dbu_per_node_hour=1,
    dbu_price=0.36,
)
CHECKS = replace(INGEST, name="checks", work_minutes=3, dbu_price=0.15)


def test_cycle_of_two_clusters_costs_what_was_worked_out_by_hand() -> None:
    cycle = cost_per_run(INGEST) + cost_per_run(CHECKS)
    assert round(cycle, 4) == 0.0433
    assert [round(runs_in_month(each) * cycle) for each in (60, 30, 15)] == [32, 63, 127]
    assert round(runs_in_month(60, 12, 22) * cycle) == 11


def test_dbus_are_paid_while_it_works_and_machines_all_the_time() -> None:
    assert cost_per_run(replace(INGEST, work_minutes=0)) == pytest.approx(4 / 60 * 0.11)
    assert cost_per_run(replace(INGEST, start_minutes=0)) == pytest.approx(2 / 60 * 0.47)
    assert cost_per_run(replace(INGEST, nodes=3)) == pytest.approx(3 * cost_per_run(INGEST))


def test_volume_gives_the_duration_and_more_nodes_shorten_it() -> None:
    assert work_minutes_of(30, 15, 1) == 120
    assert work_minutes_of(30, 15, 4) == 30


def test_storage_is_what_comes_times_how_long_it_stays() -> None:
    assert storage_cost_per_month(Storage("s", 100, 12, 0.02)) == pytest.approx(24)
    (line,) = lines_of([], [Storage("s", 100, 12, 0.02)])
    assert line.runs_per_month is None


def test_runs_that_overlap_are_told() -> None:
    assert warnings_of([replace(INGEST, every_minutes=6)]) == []
    (told,) = warnings_of([replace(INGEST, every_minutes=5)])
    assert "'ingest' takes 6 minutes and starts every 5" in told


def test_example_is_read_and_all_of_its_prices_are_assumptions() -> None:
    found = read_estimate(EXAMPLE)
    assert [each.name for each in found.lines] == [
        "patient_flow",
        "nightly checks",
        "landing and tables",
    ]
    assert found.lines[0].minutes_per_run == 6
    assert found.assumptions == list(found.figures)
    assert {"prices.spot_vm", "prices.jobs_dbu"} <= {each.path for each in found.figures}
    assert found.cost_per_month == pytest.approx(sum(x.cost_per_month for x in found.lines))


HEAD = "version: 1\nprices: {spot_vm: 0.1}\nworkloads:\n"
FULL = (
    "- {name: w, runs_per_month: 1, nodes: 1, start_minutes: 0, work_minutes: 60,"
    " vm_price_per_hour: spot_vm, dbu_per_node_hour: 1, dbu_price: 0.3}"
)


def written(folder: Path, text: str) -> Path:
    file = folder / "costs.yml"
    file.write_text(text)
    return file


def test_basis_of_a_figure_is_kept(tmp_path: Path) -> None:
    measured = FULL.replace(
        "work_minutes: 60", "work_minutes: {value: 60, basis: measured, source: event log}"
    )
    found = read_estimate(written(tmp_path, HEAD + measured))
    assert found.cost_per_month == pytest.approx(0.4)
    assert len(found.assumptions) == len(found.figures) - 1
    (one,) = [each for each in found.figures if each.basis == "measured"]
    assert (one.path, one.source) == ("w.work_minutes", "event log")


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("version: 1", "version: 2", "at the top"),
        ("runs_per_month: 1,", "", "Keep one"),
        ("runs_per_month: 1", "runs_per_month: 1, every_minutes: 5", "Keep one"),
        ("runs_per_month: 1", "every_minutes: 0", "above 0"),
        ("nodes: 1", "nodes: -1", "Write a number"),
        ("nodes: 1", "nodes: .inf", "number"),
        ("nodes: 1", "nodes: [1]", "Write a number"),
        ("nodes: 1,", "", "Add 'nodes: NUMBER'"),
        ("_hour: spot_vm", "_hour: sopt_vm", "'spot_vm'"),
        ("dbu_price: 0.3", "dbu_price: {value: 1, basis: assumde}", "'assumed'"),
        ("dbu_price: 0.3", "dbu_price: {basis: assumed}", "value: NUMBER"),
        ("dbu_price: 0.3", "dbu_price: {valeu: 1}", "'value'"),
        ("work_minutes: 60", "gigabytes_per_run: 1, gigabytes_per_node_hour: 0", "above 0"),
        ("name: w", "nmae: w", "name:"),
        (FULL, "  []", "Add one of them"),
    ],
)
def test_faults_of_a_file_of_costs_have_a_line_and_a_hint(
    tmp_path: Path, old: str, new: str, hint: str
) -> None:
    file = written(tmp_path, (HEAD + FULL).replace(old, new))
    with pytest.raises(UsageError, match="COSTS_INVALID") as caught:
        read_estimate(file)
    assert hint in caught.value.hint
    assert "costs.yml:" in str(caught.value.where)


def test_estimate_is_printed_with_its_assumptions(tmp_path: Path) -> None:
    arguments = ["ops", "estimate-cost", "--file", str(written(tmp_path, HEAD + FULL))]
    told = json.loads(CliRunner().invoke(cli, [*arguments, "--json", "--dry-run"]).stdout)
    assert (told["currency"], round(told["cost_per_month"], 6)) == ("USD", 0.4)
    text = CliRunner().invoke(cli, arguments).stdout
    assert "A month: 0.40 USD, estimated." in text
    assert "7 figures are assumptions, 0 measured or quoted" in text
    gone = CliRunner().invoke(cli, ["ops", "estimate-cost", "--file", "none.yml"])
    assert getattr(gone.exception, "code", None) == "COSTS_NOT_FOUND"

"""What the tasks of the patient flow's jobs do without Spark: parameters, and simulated events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from headwater.errors import UsageError
from headwater.tasks.parameters import checked, from_arguments
from patient_analytics.tasks.parameters import EVENTS, RUN, TABLE
from patient_analytics.tasks.simulate import COLUMNS, read_truth, simulate_events


class Widgets:
    """Widgets of a notebook, of which some have a value."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def text(self, name: str, default: str, label: str) -> None:
        assert label
        self.values.setdefault(name, default)

    def get(self, name: str) -> str:
        return self.values[name]


def test_arguments_are_read_in_both_forms() -> None:
    told = from_arguments([EVENTS, RUN], ["--events=5", "--run_id", "r1"])
    assert told == {"events": "5", "run_id": "r1"}


def test_all_wrong_parameters_are_named_at_once_without_their_values() -> None:
    with pytest.raises(UsageError, match="PARAMETER_INVALID") as caught:
        checked([EVENTS, RUN, TABLE], {"events": "secret!", "tabel": "a.b.c", "run_id": "r"})
    assert "'events' is not how many events to simulate" in caught.value.message
    assert "there is no 'tabel'. Did you mean 'table'?" in caught.value.message
    assert "'table' is missing" in caught.value.message
    assert "secret!" not in str(caught.value)


def events_below(folder: Path) -> list[dict[str, object]]:
    files = sorted(folder.glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def parameters(folder: Path, **changes: str) -> dict[str, str]:
    return {
        "landing_path": str(folder),
        "events": "200",
        "run_id": "r1",
        "target": "test",
        **changes,
    }


@pytest.mark.parametrize("events", ["1", "3", "5", "9"])
def test_few_events_land_in_files_with_all_columns(tmp_path: Path, events: str) -> None:
    assert simulate_events(None, parameters(tmp_path, events=events))["events"] == int(events)
    assert len(events_below(tmp_path)) == int(events)
    for file in tmp_path.glob("*.parquet"):
        assert pq.read_schema(file).equals(COLUMNS), "a file without a discharge has the column"


def test_files_have_the_columns_of_the_contract() -> None:
    contract = Path(__file__).parents[2] / "resources" / "contracts" / "patient_events.yml"
    columns = YAML(typ="safe").load(contract.read_text())["columns"]
    types = {"string": "STRING", "int64": "BIGINT"}
    assert {each["name"]: each["type"] for each in columns} == {
        field.name: types[str(field.type)] for field in COLUMNS
    }


def test_runs_have_events_of_their_own(tmp_path: Path) -> None:
    ids = []
    for run in ("123456789012345", "543210987654321"):  # the same digits
        simulate_events(None, parameters(tmp_path / run, run_id=run))
        ids.append({each["event_id"] for each in events_below(tmp_path / run)})
    assert ids[0].isdisjoint(ids[1])


def test_events_of_a_run_land_once_with_their_truth(tmp_path: Path) -> None:
    told = simulate_events(None, parameters(tmp_path))
    assert told["landed"]
    events = events_below(tmp_path)
    assert len(events) == told["events"] == 200
    truth = read_truth(str(tmp_path), "r1")
    assert truth["missing_key"] == sum(each["patient_id"] is None for each in events)
    assert (
        truth["clean"] + sum(truth[kind] for kind in truth if kind not in ("clean", "events"))
        == 200
    )
    again = simulate_events(None, parameters(tmp_path))
    assert (again["landed"], again["events"]) == (False, 200)
    assert events_below(tmp_path) == events


def test_run_that_was_killed_before_its_truth_lands_the_same_files(tmp_path: Path) -> None:
    simulate_events(None, parameters(tmp_path))
    before = {each.name: each.read_bytes() for each in tmp_path.glob("*.parquet")}
    (tmp_path / "_truth" / "r1.json").unlink()
    (tmp_path / sorted(before)[0]).unlink()
    simulate_events(None, parameters(tmp_path))
    assert {each.name: each.read_bytes() for each in tmp_path.glob("*.parquet")} == before


def test_other_run_lands_other_events(tmp_path: Path) -> None:
    simulate_events(None, parameters(tmp_path))
    simulate_events(None, parameters(tmp_path, run_id="r2"))
    ids = [each["event_id"] for each in events_below(tmp_path)]
    assert len(set(ids)) == len(ids) == 400


def test_production_gets_no_simulated_events(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TARGET_REFUSED"):
        simulate_events(None, parameters(tmp_path, target="prod"))
    assert list(tmp_path.iterdir()) == []


def test_truth_of_a_run_that_did_not_land_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TRUTH_MISSING"):
        read_truth(str(tmp_path), "r9")


def test_truth_holds_counts_alone(tmp_path: Path) -> None:
    simulate_events(None, parameters(tmp_path))
    told = json.loads((tmp_path / "_truth" / "r1.json").read_text())
    assert all(isinstance(each, int) for each in told.values())

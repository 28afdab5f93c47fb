"""Contract files: what is read from them, and how a fault in one is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headwater.errors import ContractError
from headwater.landing.contract import contract_of, read_contract
from patient_analytics.simulator import Simulation, simulate

ROOT = Path(__file__).parents[2]
HOSPITAL = ROOT / "resources/contracts/patient_events.yml"


def test_hospital_contract_names_all_that_the_simulator_sends() -> None:
    event = next(simulate(Simulation()))
    assert {each.name for each in read_contract(HOSPITAL).columns} == set(event)


def test_types_become_arrow_types() -> None:
    fields = {each.name: each for each in read_contract(HOSPITAL).fields}
    assert (fields["age"].type, fields["age"].nullable) == (pa.int64(), True)
    assert (fields["event_id"].type, fields["event_id"].nullable) == (pa.string(), False)


def test_contract_survives_its_mapping() -> None:
    contract = read_contract(HOSPITAL)
    assert contract_of(contract.to_mapping(), Path("claim.json")) == contract


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "no keys"),
        ("topic: [\n", "not YAML"),
        ("columns: []\n", "has no topic"),
        ("topic: t\ncolumns: []\n", "no columns"),
        ("topic: t\ncolums: []\n", "Did you mean 'columns'?"),
        ("topic: t\ncolumns: [{type: STRING}]\n", "no name"),
        ("topic: t\ncolumns: [{name: a, type: STRIN}]\n", "Did you mean 'STRING'?"),
        ("topic: t\ncolumns: [{name: a}]\n", "It is one of STRING"),
        ("topic: t\ncolumns: [{name: _offset, type: INT}]\n", "starts with _"),
        ("topic: t\ncolumns: [{name: a, type: INT, nullable: maybe}]\n", "nullable"),
        ("topic: t\ncolumns: [{name: a, type: INT}, {name: a, type: INT}]\n", "twice"),
        ("topic: t\ncolumns: [{name: a, type: INT}, {name: A, type: INT}]\n", "twice"),
        ("topic: t\ncolumns: [{name: '', type: INT}]\n", "no name"),
        ("topic: \udcff\n", "UTF-8"),
    ],
)
def test_fault_is_named_with_file_and_mending(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "contract.yml"
    file.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ContractError) as caught:
        read_contract(file)
    assert caught.value.code == "CONTRACT_INVALID"
    assert words in str(caught.value)
    assert "contract.yml" in str(caught.value)
    assert caught.value.hint


def test_missing_contract_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as caught:
        read_contract(tmp_path / "none.yml")
    assert caught.value.code == "CONTRACT_NOT_FOUND"

"""The generator of claims: control totals agree on what it writes, as on Synthea's own files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from claims_analytics.generator import OptionError, Options, Report, generate
from claims_analytics.generator.versions import HEADERS
from claims_equations import equations_of
from claims_reconciliation import Ledger, read_folder, read_rows, warn_counts

Made = Callable[[Options], tuple[Path, Report]]

SIZES = [
    Options(patients=40, seed=7),
    Options(patients=1, seed=3),
    Options(patients=30, seed=11, anomalies=True),
    Options(patients=25, seed=5, start_date=date(1980, 1, 1), anomalies=True),
    Options(patients=25, seed=2, start_date=date(2023, 9, 1), end_date=date(2024, 3, 1)),
    Options(patients=25, seed=2, version="old", anomalies=True),
    Options(patients=25, seed=2, version="new", anomalies=True),
    Options(patients=20, seed=4, skew=2.0),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Generate each set of options once."""
    known: dict[Options, tuple[Path, Report]] = {}

    def make(options: Options) -> tuple[Path, Report]:
        if options not in known:
            folder = tmp_path_factory.mktemp("claims")
            known[options] = folder, generate(options, folder)
        return known[options]

    return make


@pytest.fixture
def real() -> Path:
    folder = os.environ.get("HEADWATER_TEST_SYNTHEA")
    if not folder:
        pytest.skip("HEADWATER_TEST_SYNTHEA does not name a folder of Synthea's files")
    return Path(folder)


def broken(folder: Path, complete_from: str) -> list[str]:
    found = equations_of(Ledger(read_folder(folder)), complete_from)
    return [f"{each.name}: {each.left} {each.right}" for each in found if not each.holds]


@pytest.mark.parametrize("options", SIZES, ids=str)
def test_every_equation_holds(options: Options, made: Made) -> None:
    folder, report = made(options)
    assert broken(folder, report.complete_from) == []


def test_every_equation_holds_on_the_real_files(real: Path) -> None:
    assert broken(real, "2023-01-28") == []


def test_real_files_have_the_figures_of_the_specification(real: Path) -> None:
    ledger = Ledger(read_folder(real))
    sums = {each.name.split()[0]: each.left for each in equations_of(ledger, "2023-01-28")}
    names = ("C1", "C7", "C8", "C9", "C10", "C17", "C30", "C31", "C32")
    assert [str(sums[name]) for name in names] == [
        "1092402.73",
        "1092402.73",
        "1088030.37",
        "11101.22",
        "2259172.04",
        "88806",
        "1267",
        "258.32",
        "39202.38",
    ]
    assert warn_counts(ledger) == {
        "service_to_valid": 164,
        "copay_within_charge": 189,
        "line_balances": 189,
        "diagnosis_is_diagnosis": 476,
        "diagnosis_not_repeated": 40,
        "status_closed": 2,
        "not_after_death": 2,
        "covered_by_enrolment": 1,
        "unique_prescription": 1,
        "dispenses_plausible": 1,
        "dispenses_fit_span": 1,
        "medication_payer_matches_enrolment": 1,
        "within_encounter": 73,
    }


def test_without_anomalies_no_rule_counts(made: Made) -> None:
    folder, report = made(SIZES[0])
    assert report.counts == {}
    assert warn_counts(Ledger(read_folder(folder))) == {}


@pytest.mark.parametrize("options", [each for each in SIZES if each.version == "real"], ids=str)
def test_headers_are_those_of_the_specification(options: Options, made: Made) -> None:
    folder, _ = made(options)
    assert {file.stem for file in folder.glob("*.csv")} == set(HEADERS)
    for table, header in HEADERS.items():
        assert (folder / f"{table}.csv").read_bytes().split(b"\n", 1)[0].decode() == header


def test_headers_are_those_of_the_real_files(real: Path) -> None:
    found = {file.stem: file.read_text("utf-8").split("\n", 1)[0] for file in real.glob("*.csv")}
    assert found == HEADERS


def test_equal_options_write_equal_bytes(made: Made, tmp_path: Path) -> None:
    options = SIZES[2]
    folder, report = made(options)
    assert generate(options, tmp_path) == report
    for file in folder.glob("*.csv"):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_seed_changes_rows(made: Made, tmp_path: Path) -> None:
    generate(Options(patients=1, seed=4), tmp_path)
    folder, _ = made(SIZES[1])
    name = "patients.csv"
    assert (tmp_path / name).read_bytes() != (folder / name).read_bytes()


def test_rows_of_a_patient_do_not_depend_on_how_many_there_are(made: Made, tmp_path: Path) -> None:
    generate(Options(patients=20, seed=7), tmp_path)
    folder, _ = made(SIZES[0])
    for table in ("patients", "claims_transactions", "observations", "payer_transitions"):
        few, many = ((where / f"{table}.csv").read_text("utf-8") for where in (tmp_path, folder))
        assert many.startswith(few)


def test_report_counts_rows(made: Made) -> None:
    folder, report = made(SIZES[0])
    assert {t: len(rows) for t, rows in read_folder(folder).items() if rows} == report.rows


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"patients": 0}, "patients"),
        ({"patients": 100_001}, "patients"),
        ({"version": "newest"}, "version"),
        ({"skew": -1.0}, "skew"),
        ({"start_date": date(2024, 1, 1), "end_date": date(2023, 1, 1)}, "end date"),
    ],
)
def test_options_are_checked(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Options(**wrong)  # type: ignore[arg-type]


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "claims_analytics.generator", *arguments]
    source = Path(__file__).parents[2] / "src"
    environment = {**os.environ, "PYTHONPATH": str(source)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def test_command_writes_files_and_truth(tmp_path: Path) -> None:
    truth = tmp_path / "truth.json"
    done = run_command(
        str(tmp_path / "out"), "--patients", "3", "--end-date", "2024-02-02", "--truth", str(truth)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(read_rows(tmp_path / "out" / "patients.csv")) == 3
    assert '"complete_from": "2023-02-02"' in truth.read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--patients", "0"),
        ("--synthea-version", "newest"),
        ("--start-date", "yesterday"),
        ("--start-date", "2024-02-02", "--end-date", "2024-02-01"),
        ("--truth", "/dev/null/truth.json"),
        ("--unknown",),
    ],
)
def test_faults_of_the_user_end_in_two_lines(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run_command(str(tmp_path / "out"), "--patients", "1", *arguments)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("error: [")
    assert second.startswith("  fix: ")

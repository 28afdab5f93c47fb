"""The generator of claims: control totals agree on what it writes, as on Synthea's own files."""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from claims_analytics.generator import OptionError, Options, Report, generate
from claims_analytics.generator.versions import HEADERS
from claims_equations import equations_of
from claims_reconciliation import Ledger, Row, drop_counts, read_folder, read_rows, warn_counts

Made = Callable[[Options], "Run"]

MANY_ANOMALIES = Options(patients=60, seed=1, anomalies=True)
KEYS = {  # where rows come again to correct others; elsewhere rows are their own keys
    "encounters": ["Id"],
    "medications": ["PATIENT", "ENCOUNTER", "CODE", "START"],
    "patients": ["Id"],
}
SIZES = [
    MANY_ANOMALIES,
    Options(patients=40, seed=7),
    Options(patients=1, seed=3),
    Options(patients=30, seed=11, anomalies=True),
    Options(patients=10, seed=5, start_date=date(1980, 1, 1), anomalies=True),
    Options(patients=25, seed=2, start_date=date(2023, 9, 1), end_date=date(2024, 3, 1)),
    Options(patients=25, seed=2, version="old", anomalies=True),
    Options(patients=25, seed=2, version="new", anomalies=True),
    Options(patients=12, seed=4, start_date=date(2020, 1, 1), skew=2.0),
]


class Run(NamedTuple):
    """Generated files, what was reported, and what the reconciliation read."""

    folder: Path
    report: Report
    ledger: Ledger


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Generate each set of options once."""
    known: dict[Options, Run] = {}

    def make(options: Options) -> Run:
        if options not in known:
            folder = tmp_path_factory.mktemp("claims")
            report = generate(options, folder)
            known[options] = Run(folder, report, Ledger(read_folder(folder)))
        return known[options]

    return make


@pytest.fixture(scope="module")
def real_folder() -> Path:
    folder = os.environ.get("HEADWATER_TEST_SYNTHEA")
    if not folder:
        pytest.skip("HEADWATER_TEST_SYNTHEA does not name a folder of Synthea's files")
    return Path(folder)


@pytest.fixture(scope="module")
def real(real_folder: Path) -> Ledger:
    return Ledger(read_folder(real_folder))


def broken(ledger: Ledger, complete_from: str) -> list[str]:
    found = equations_of(ledger, complete_from)
    return [f"{each.name}: {each.left} {each.right}" for each in found if not each.holds]


@pytest.mark.parametrize("options", SIZES, ids=str)
def test_every_equation_holds(options: Options, made: Made) -> None:
    run = made(options)
    assert broken(run.ledger, run.report.complete_from) == []


@pytest.mark.parametrize(
    ("table", "column", "equation"),
    [
        ("claims_transactions", "UNITAMOUNT", "C29"),
        ("encounters", "TOTAL_CLAIM_COST", "C13"),
        ("encounters", "PAYER_COVERAGE", "C14"),
        ("encounters", "BASE_ENCOUNTER_COST", "C31"),
        ("medications", "PAYER_COVERAGE", "C15"),
        ("medications", "TOTALCOST", "C16"),
        ("immunizations", "BASE_COST", "C23"),
        ("procedures", "BASE_COST", "C32"),
        ("payers", "AMOUNT_COVERED", "C28"),
    ],
)
def test_wrong_amount_breaks_its_equation(
    table: str, column: str, equation: str, made: Made
) -> None:
    folder, report, _ = made(SIZES[1])
    tables = read_folder(folder)
    row = max(tables[table], key=lambda row: (row.get("START", ""), row[column]))
    row[column] = f"{float(row[column] or 0) + 100:.2f}"
    assert equation in {each.split()[0] for each in broken(Ledger(tables), report.complete_from)}


@pytest.mark.parametrize(
    ("table", "equation"),
    [
        ("claims", "C30"),
        ("procedures", "uncategorised"),
        ("immunizations", "uncategorised"),
        ("medications", "C30"),
        ("patients", "orphans"),
        ("payer_transitions", "gaps"),
    ],
)
def test_missing_row_breaks_its_equation(table: str, equation: str, made: Made) -> None:
    folder, report, _ = made(SIZES[1])
    tables = read_folder(folder)
    lost = tables[table].pop(1)
    if table == "claims":
        transactions = tables["claims_transactions"]
        transactions[:] = [row for row in transactions if row["CLAIMID"] != lost["Id"]]
    assert equation in {each.split()[0] for each in broken(Ledger(tables), report.complete_from)}


def test_every_equation_holds_on_the_real_files(real: Ledger) -> None:
    assert broken(real, "2023-01-28") == []


def test_real_files_have_the_figures_of_the_specification(real: Ledger) -> None:
    sums = {each.name.split()[0]: each.left for each in equations_of(real, "2023-01-28")}
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
    assert warn_counts(real) == {
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
    run = made(SIZES[1])
    assert run.report.counts == {}
    assert warn_counts(run.ledger) == {}


@pytest.mark.parametrize("options", [each for each in SIZES if each.version == "real"], ids=str)
def test_headers_are_those_of_the_specification(options: Options, made: Made) -> None:
    folder = made(options).folder
    assert {file.stem for file in folder.glob("*.csv")} == set(HEADERS)
    for table, header in HEADERS.items():
        assert (folder / f"{table}.csv").read_bytes().split(b"\n", 1)[0].decode() == header


def test_headers_are_those_of_the_real_files(real_folder: Path) -> None:
    found = {
        file.stem: file.read_text("utf-8").split("\n", 1)[0] for file in real_folder.glob("*.csv")
    }
    assert found == HEADERS


def test_equal_options_write_equal_bytes(made: Made, tmp_path: Path) -> None:
    options = MANY_ANOMALIES
    folder, report, _ = made(options)
    assert generate(options, tmp_path) == report
    for file in folder.glob("*.csv"):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_seed_changes_rows(made: Made, tmp_path: Path) -> None:
    generate(Options(patients=1, seed=4), tmp_path)
    folder = made(SIZES[2]).folder
    name = "patients.csv"
    assert (tmp_path / name).read_bytes() != (folder / name).read_bytes()


def test_rows_of_a_patient_do_not_depend_on_how_many_there_are(made: Made, tmp_path: Path) -> None:
    generate(Options(patients=20, seed=7), tmp_path)
    folder = made(SIZES[1]).folder
    for table in ("patients", "claims_transactions", "observations", "payer_transitions"):
        few, many = ((where / f"{table}.csv").read_text("utf-8") for where in (tmp_path, folder))
        assert many.startswith(few)


@pytest.mark.parametrize("options", [each for each in SIZES if each.version != "old"], ids=str)
def test_report_counts_what_rules_count(options: Options, made: Made) -> None:
    _, report, ledger = made(options)
    told = {name: n for name, n in report.counts.items() if name != "zero_charge_procedures"}
    assert told == warn_counts(ledger)
    assert report.dropped == drop_counts(ledger.raw)
    assert report.as_of == ledger.as_of.isoformat()


def test_anomalies_have_every_kind(made: Made) -> None:
    report = made(MANY_ANOMALIES).report
    assert set(report.counts) == {
        "amount_not_negative",
        "copay_within_charge",
        "cost_not_negative",
        "covered_by_enrolment",
        "diagnosis_is_diagnosis",
        "diagnosis_not_repeated",
        "dispenses_fit_span",
        "dispenses_plausible",
        "line_balances",
        "medication_payer_matches_enrolment",
        "not_after_death",
        "service_to_valid",
        "status_closed",
        "unique_prescription",
        "within_encounter",
        "zero_charge_procedures",
    }
    assert set(report.damaged) == {
        "ragged_long",
        "ragged_short",
        "unreadable_stop",
        "wrong_encoding",
    }
    assert len(report.dropped) == 10


def test_damaged_lines_are_in_the_files(made: Made) -> None:
    folder, report, _ = made(MANY_ANOMALIES)
    fields = [
        line.count(",") for line in (folder / "observations.csv").read_text().splitlines()[1:]
    ]
    assert fields.count(9) == report.damaged["ragged_long"]
    assert fields.count(7) == report.damaged["ragged_short"]
    with pytest.raises(UnicodeDecodeError):
        (folder / "providers.csv").read_text("utf-8")
    providers = (folder / "providers.csv").read_text("latin-1").splitlines()
    assert sum(not line.isascii() for line in providers) == report.damaged["wrong_encoding"]
    conditions = read_rows(folder / "conditions.csv")
    assert (
        sum(row["STOP"] == "0000-00-00" for row in conditions) == report.damaged["unreadable_stop"]
    )


def test_skew_makes_some_people_come_very_often(made: Made) -> None:
    ratios = []
    for skew in (0.0, 3.0):
        folder = made(Options(patients=40, seed=4, start_date=date(2020, 1, 1), skew=skew)).folder
        people = Counter(row["PATIENT"] for row in read_rows(folder / "encounters.csv"))
        ratios.append(max(people.values()) / statistics.median(people.values()))
    assert ratios[0] < 4 < 10 < ratios[1]


def test_lines_of_the_last_year_alone_are_exported(made: Made) -> None:
    folder, report, _ = made(SIZES[1])
    deaths = {row["Id"]: row["DEATHDATE"] for row in read_rows(folder / "patients.csv")}
    for table, column in (("procedures", "START"), ("immunizations", "DATE")):
        living = [row for row in read_rows(folder / f"{table}.csv") if not deaths[row["PATIENT"]]]
        assert living
        assert min(row[column] for row in living) >= report.complete_from
    starts = [row["START"] for row in read_rows(folder / "encounters.csv")]
    assert min(starts) < "2015"


@pytest.mark.parametrize(
    ("version", "table", "columns"),
    [
        ("old", "payer_transitions", ["PATIENT", "START_YEAR", "END_YEAR", "PAYER", "OWNERSHIP"]),
        ("old", "immunizations", ["DATE", "PATIENT", "ENCOUNTER", "CODE", "DESCRIPTION", "COST"]),
        ("new", "conditions", ["START", "STOP", "PATIENT", "ENCOUNTER", "SYSTEM", "CODE"]),
        ("new", "payer_transitions", ["PATIENT", "MEMBERID", "START_DATE", "END_DATE"]),
    ],
)
def test_versions_name_columns_as_synthea_did(
    version: str, table: str, columns: list[str], made: Made
) -> None:
    folder = made(Options(patients=25, seed=2, version=version, anomalies=True)).folder
    first = read_rows(folder / f"{table}.csv")[0]
    assert list(first)[: len(columns)] == columns


def latest(table: str, folders: list[Path]) -> list[tuple[str, ...]]:
    """Return the rows of deliveries after corrections, in the columns of the specification."""
    names = HEADERS[table].split(",")
    merged: dict[tuple[str, ...], list[Row]] = {}
    for folder in folders:
        if not (folder / f"{table}.csv").exists():
            continue
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in read_rows(folder / f"{table}.csv"):
            groups.setdefault(tuple(row[name] for name in KEYS.get(table, names)), []).append(row)
        merged |= groups
    return sorted(tuple(row[n] for n in names) for rows in merged.values() for row in rows)


@pytest.mark.parametrize("number", [2, 3])
def test_deliveries_after_corrections_are_the_whole(
    number: int, made: Made, tmp_path: Path
) -> None:
    options = Options(patients=30, seed=11)
    whole = made(options).folder
    generate(dataclasses.replace(options, deliveries=number), tmp_path)
    folders = [tmp_path / f"delivery_{part}" for part in range(1, number + 1)]
    for table in HEADERS:
        assert latest(table, folders) == latest(table, [whole]), table


def test_delivery_2_has_late_and_corrected_rows(tmp_path: Path) -> None:
    report = generate(Options(patients=30, seed=11, deliveries=3), tmp_path)
    first, second, third = (tmp_path / f"delivery_{part}" for part in (1, 2, 3))
    assert (first / "patients.csv").read_bytes() == (second / "patients.csv").read_bytes()
    headers = {row["Id"] for row in read_rows(first / "claims.csv")}
    claims = {row["CLAIMID"] for row in read_rows(first / "claims_transactions.csv")}
    assert len(claims - headers) == report.delivered["late_claims"] > 0
    known = {row["Id"]: row["TOTAL_CLAIM_COST"] for row in read_rows(first / "encounters.csv")}
    again = [row for row in read_rows(second / "encounters.csv") if row["Id"] in known]
    assert len(again) == report.delivered["corrected_encounters"] > 0
    assert all(row["TOTAL_CLAIM_COST"] != known[row["Id"]] for row in again)
    assert report.delivered["corrected_prescriptions"] > 0
    assert report.delivered["late_procedures"] > 0
    assert read_rows(third / "observations.csv")[0]["STATUS"] == "final"
    homes = {row["Id"]: row["ADDRESS"] for row in read_rows(first / "patients.csv")}
    moved = read_rows(third / "patients.csv")
    assert len(moved) == report.delivered["moved_patients"] > 0
    assert all(row["ADDRESS"] != homes[row["Id"]] for row in moved)


def test_anomalies_come_once_in_deliveries(made: Made, tmp_path: Path) -> None:
    report = generate(dataclasses.replace(MANY_ANOMALIES, deliveries=3), tmp_path)
    whole = made(MANY_ANOMALIES).report
    assert (report.counts, report.dropped) == (whole.counts, whole.dropped)
    found: Counter[str] = Counter()
    for part in sorted(tmp_path.iterdir()):
        found += drop_counts(read_folder(part))
    assert found == whole.dropped
    widths: Counter[int] = Counter()
    for part in sorted(tmp_path.iterdir()):
        header, *lines = (part / "observations.csv").read_text("utf-8").splitlines()
        widths.update(line.count(",") - header.count(",") for line in lines)
    assert widths[1] == whole.damaged["ragged_long"]
    assert widths.total() - widths[0] - widths[1] == whole.damaged["ragged_short"]


def test_report_counts_rows(made: Made) -> None:
    run = made(SIZES[1])
    assert {t: len(rows) for t, rows in run.ledger.raw.items() if rows} == run.report.rows


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

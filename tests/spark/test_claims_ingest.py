"""Files of claims become rows of bronze: each once, in whatever state they come.

One folder gets three deliveries, which most tests look at: an ingestion is dear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from pyspark.sql import SparkSession

from claims_analytics.sources import SOURCES
from claims_analytics.tasks.control import Control
from headwater.errors import UpdateError
from spark.claims_support import Killed, Landing, kill_at, new_places

pytestmark = pytest.mark.claims

DEVICES = "UDI,PATIENT,CODE\n"
ODD = ("u1,p1", "u2,p2,2,surplus", "u3,Víctor,3", "u4,p4,4")
FIRST: Mapping[str, str | bytes] = {
    "allergies/a.csv": "PATIENT,CODE\np1,08\np2,2\n",
    "allergies/b.csv": "PATIENT,CODE\np3,\n",
    "allergies/.hidden.csv": "PATIENT,CODE\np4,4\n",
    "allergies/_half_written.csv": "PATIENT,CODE\np5,5\n",
    "careplans/a.csv": "Id,PATIENT\n",
    "devices/odd.csv": (DEVICES + "".join(f"{line}\n" for line in ODD)).encode("latin-1"),
    "encounters/a.csv": "Id,PATIENT\ne0,p1\n",
    "organizations/bad.csv": "NAME\nTwo\n",
    "organizations/a[1] {x,y}*%20ü.csv": "Id,NAME\no1,One\n",
    "payers/a.csv": "Id,NAME\ny1,One\n",
    "providers/own.csv": "Id,record_hash\nr1,x\n",
}
MENDED: Mapping[str, str | bytes] = {
    "encounters/b.csv": "Id,PATIENT,START\ne1,p1,2024-02-02T10:00:00Z\n",
    "organizations/bad.csv": 'Id,NAME,CITY\no2,"say ""hi"", you","back\\"\n',
    "providers/own.csv": "Id\nr1\n",
}
SECOND: Mapping[str, str | bytes] = {
    "allergies/a.csv": FIRST["allergies/a.csv"],
    "allergies/b.csv": "PATIENT,CODE\n",
    "encounters/b.csv": "Id,PATIENT,START\ne1,p1,2023-01-01T10:00:00Z\ne2,p1,nonsense\n",
    "payers/b.csv": "\ufeffid,ZIP\r\ny2,02155\r\n",
    "devices/more.csv": f"{DEVICES}u5,p5\n",
}


@dataclass(frozen=True)
class Deliveries:
    """What came of the three: the first is refused in part, and goes on when it is mended."""

    landing: Landing
    refused: UpdateError
    left: list[str]
    first: Mapping[str, Any]
    second: Mapping[str, Any]
    archived: list[Mapping[str, Any]]

    def runs(self) -> list[tuple[str, str, str]]:
        """Return id, status and date of each run."""
        rows = self.landing.spark.table(self.landing.places.control("ingest_runs")).collect()
        return sorted((row.ingest_run_id, row.status, str(row.as_of_date)) for row in rows)


@pytest.fixture(scope="module")
def taken(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Deliveries:
    landing = Landing(spark, new_places(spark), tmp_path_factory.mktemp("taken"))

    def land(files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            landing.land(*path.split("/"), content)

    land(FIRST)
    with pytest.raises(UpdateError) as raised:
        landing.ingest("17")
    left = [name for name, *_ in landing.ledger()]
    land(MENDED)
    first = landing.ingest("17")
    archived = [landing.archive()]
    land(SECOND)
    second = landing.ingest("17")
    archived.append(landing.archive())
    return Deliveries(landing, raised.value, left, first, second, archived)


def test_wrong_header_is_told_after_all_others_are_taken(taken: Deliveries) -> None:
    folder = taken.landing.folder
    assert taken.refused.code == "HEADER_WRONG"
    bad = f"bronze_organizations: {folder}/organizations/bad.csv has no column Id"
    assert bad in taken.refused.message
    assert f"bronze_providers: {folder}/providers/own.csv has a column" in taken.refused.message
    assert "7 others were taken in" in taken.refused.message, "and what is known of them is told"
    assert "(3 of their rows broke row_fits_header; no file came of " in taken.refused.message
    assert taken.refused.parameters["files"] == len(taken.left)
    assert sorted(taken.left) == [
        "a.csv",
        "a.csv",
        "a.csv",
        "a.csv",
        "a[1] {x,y}*%20ü.csv",
        "b.csv",
        "odd.csv",
    ]


def test_refused_files_hold_nothing_up_and_come_later_when_they_are_mended(
    taken: Deliveries,
) -> None:
    (refused, *finished), (first, *mended), _ = taken.runs()
    assert finished == ["FINISHED", "None"], "the others can be loaded"
    assert (first, *mended) == (taken.first["ingest_run_id"], "FINISHED", "2024-02-02")
    assert (taken.first["files"], taken.first["rows"], taken.first["known"]) == (3, 3, 7)
    assert taken.landing.rows("organizations", "Id", "ingest_run_id") == [
        ("o1", refused),
        ("o2", first),
    ]


def test_kinds_without_a_file_are_told(taken: Deliveries) -> None:
    kinds = {path.partition("/")[0] for path in FIRST}
    assert taken.first["file_missing"] == sorted(set(SOURCES) - kinds)


def test_rows_of_each_file_are_bronze_rows(taken: Deliveries) -> None:
    assert taken.landing.rows("allergies", "PATIENT", "CODE") == [
        ("p1", "08"),
        ("p2", "2"),
        ("p3", None),
    ]


def test_header_alone_makes_a_table_without_rows(taken: Deliveries) -> None:
    assert taken.landing.rows("careplans", "Id", "PATIENT") == []
    assert [(name, rows) for name, _, rows, _ in taken.landing.ledger("careplans")] == [
        ("a.csv", 0)
    ]


def test_lines_that_do_not_fit_are_rescued_whole(taken: Deliveries) -> None:
    assert taken.landing.rows("devices", "UDI", "_rescued_data") == [
        ("u1", "u1,p1"),
        ("u2", "u2,p2,2,surplus"),
        ("u3", '{"encoding":"not UTF-8"}'),
        ("u4", None),
        ("u5", "u5,p5"),
    ]


def test_new_column_is_added_and_a_missing_one_is_null(taken: Deliveries) -> None:
    assert taken.landing.rows("payers", "Id", "NAME", "ZIP") == [
        ("y1", "One", None),
        ("y2", None, "02155"),
    ]


def test_same_bytes_under_the_same_path_are_not_read_again(taken: Deliveries) -> None:
    assert taken.second["known"] == 1
    noted = [name for name, *_ in taken.landing.ledger("allergies")]
    assert noted == ["a.csv", "b.csv", "b.csv"]


def test_other_bytes_under_the_same_path_are_a_new_delivery(taken: Deliveries) -> None:
    assert (taken.second["files"], taken.second["rows"]) == (4, 4)
    refused, first, second = (run for run, *_ in taken.runs())
    assert taken.landing.rows("encounters", "Id", "ingest_run_id") == [
        ("e0", refused),
        ("e1", first),
        ("e1", second),
        ("e2", second),
    ]


def test_archive_keeps_each_delivery_and_leaves_hidden_files(taken: Deliveries) -> None:
    assert taken.archived == [{"moved": 10, "left": 0}, {"moved": 5, "left": 0}]
    assert all(moved for *_, moved in taken.landing.ledger())
    allergies = taken.landing.folder / "allergies"
    kept = sorted(path.relative_to(allergies).as_posix() for path in allergies.rglob("*.csv"))
    first, _, second = (run for run, *_ in taken.runs())
    assert kept == [
        ".hidden.csv",
        "_half_written.csv",
        f"archive/{first}/a.csv",
        f"archive/{first}/b.csv",
        f"archive/{second}/b.csv",
    ]
    assert (allergies / kept[3]).read_text() == FIRST["allergies/b.csv"]


def test_finished_run_that_runs_again_gets_a_later_id(taken: Deliveries) -> None:
    first, second = taken.first["ingest_run_id"], taken.second["ingest_run_id"]
    assert first < second, "what was loaded up to the first would not see the second's rows"
    assert Control(taken.landing.spark, taken.landing.places).newest() == second


def test_date_that_is_known_never_falls(taken: Deliveries) -> None:
    assert [as_of for *_, as_of in taken.runs()] == ["None", "2024-02-02", "2024-02-02"]


def test_rows_that_do_not_fit_their_header_are_counted(taken: Deliveries) -> None:
    assert taken.second["rules"] == {"row_fits_header": 1}


def test_quotes_are_doubled_inside_a_quoted_text(taken: Deliveries) -> None:
    name = 'say "hi", you'
    assert (name, "back\\") in taken.landing.rows("organizations", "NAME", "CITY")


KINDS = {"careplans": "Id,PATIENT\n", "devices": f"{DEVICES}u1,p1,1\nu2,p1,1\n"}
"""One file without rows, one with some."""

KILLS = (("append careplans", "note devices"), ("note careplans", "append devices"), ("finish",))
"""Each step of an ingestion; the two kinds are taken in side by side."""


def outcome(landing: Landing, name: str) -> dict[str, list[Any]]:
    """Return all that a delivery left behind; run ids, times and its name aside."""
    return {
        "rows": landing.rows("devices", "UDI", "record_hash", "_rescued_data", under=name),
        "ledger": [entry[1:] for entry in landing.ledger(under=name)],
        "files": [parts[:2] for parts in landing.files(name)],
    }


def test_killed_tasks_end_as_undisturbed_ones(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    landing = Landing(spark, new_places(spark), tmp_path_factory.mktemp("killed"))

    def deliver(name: str) -> str:
        for kind, content in KINDS.items():
            landing.land(kind, name, content)
        return name

    names = [deliver("undisturbed.csv")]
    landing.ingest()
    for number, steps in enumerate(KILLS):
        for rerun in ("same", "other"):
            names.append(deliver(f"{rerun}_{number}.csv"))
            with pytest.raises(Killed):
                landing.ingest(names[-1], kill_at(*steps))
            landing.ingest(names[-1] if rerun == "same" else "")
    for step in ("move careplans", "move devices", "note"):
        with pytest.raises(Killed):
            landing.archive(kill_at(step))
    assert landing.archive() == {"moved": 0, "left": 0}
    undisturbed, *others = ((name, outcome(landing, name)) for name in names)
    assert sorted((rows, moved) for _, rows, moved in undisturbed[1]["ledger"]) == [
        (0, True),
        (2, True),
    ]
    for name, left in others:
        assert left == undisturbed[1], name

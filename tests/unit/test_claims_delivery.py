"""Files in the landing folder of claims: which are seen, and what their headers say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from claims_analytics.sources import SOURCES
from claims_analytics.tasks.delivery import Landed, landed, move


def land(folder: Path, kind: str, name: str, content: str = "Id\n") -> Landed:
    path = folder / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="")
    return Landed(SOURCES[kind], str(path))


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("", "has no header"),
        ("\n", "has no header"),
        ('"Id,NAME\n' + "x,y\n" * 40_000, "has a column whose name no table can have"),
        ("Id,NAME,name\n", "has a column twice"),
        ("NAME\n", "has no column Id"),
        ("Id,FIRST NAME\n", "has a column whose name no table can have"),
        ("Id,\n", "has a column whose name no table can have"),
        ("Id,Source_File\n", "has a column that bronze itself adds: source_file"),
        ("Id,_rescued_data,record_hash\n", "bronze itself adds: _rescued_data, record_hash"),
        ("id\n", None),
        ("\ufeffId,NAME\r\n", None),
        ('"Id","NAME"\n', None),
    ],
)
def test_header_says_whether_bronze_can_take_a_file(
    header: str, fault: str | None, tmp_path: Path
) -> None:
    found = land(tmp_path, "payers", "a.csv", header).fault()
    assert found == fault or (fault and found and found.endswith(fault))


def test_name_that_spark_cannot_read_is_told(tmp_path: Path) -> None:
    found = land(tmp_path, "payers", "p_10:00:00.csv").fault()
    assert found == "has a name with ':', which Spark can't read"


@pytest.mark.parametrize(
    ("kind", "header", "fault"),
    [
        ("payer_transitions", "PATIENT,START_DATE,PAYER\n", None),
        ("procedures", "DATE,PATIENT,ENCOUNTER,CODE\n", None),
        ("procedures", "date,patient,encounter,code\n", None),
        ("procedures", "PATIENT,CODE\n", "has no column ENCOUNTER, START"),
        ("supplies", "START,PATIENT,ENCOUNTER,CODE\n", "has no column DATE"),
    ],
)
def test_key_column_may_have_the_name_of_another_version(
    kind: str, header: str, fault: str | None, tmp_path: Path
) -> None:
    assert land(tmp_path, kind, "a.csv", header).fault() == fault


def test_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert land(tmp_path, "payers", "a.csv", "\ufeffId,NAME\n").header() == ["Id", "NAME"]


def test_header_in_another_encoding_is_read(tmp_path: Path) -> None:
    file = land(tmp_path, "payers", "a.csv")
    Path(file.path).write_bytes("Id,PRÉNOM\n".encode("latin-1"))
    assert file.header() == ["Id", "PR\ufffdNOM"]


def test_files_are_seen_by_kind_and_name(tmp_path: Path) -> None:
    for kind, name in [("payers", "b.csv"), ("payers", "a.csv"), ("allergies", "z.csv")]:
        land(tmp_path, kind, name)
    found = [(file.source.name, Path(file.path).name) for file in landed(str(tmp_path))]
    assert found == [("allergies", "z.csv"), ("payers", "a.csv"), ("payers", "b.csv")]


def test_only_files_directly_in_the_folder_of_a_kind_are_seen(tmp_path: Path) -> None:
    land(tmp_path, "payers", "archive/1/old.csv")
    land(tmp_path, "payers", "notes.txt")
    land(tmp_path, "payers", ".hidden.csv")
    land(tmp_path, "payers", "_half_written.csv")
    (tmp_path / "payers" / "folder.csv").mkdir()
    (tmp_path / "unknown_kind").mkdir()
    (tmp_path / "unknown_kind" / "a.csv").write_text("Id\n")
    (tmp_path / "payers.csv").write_text("Id\n")
    assert list(landed(str(tmp_path))) == []


def test_landing_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert list(landed(str(tmp_path / "nowhere"))) == []


def test_hash_and_size_are_those_of_the_bytes(tmp_path: Path) -> None:
    content = "Id\n" + "x" * (2 << 20)
    file = land(tmp_path, "payers", "a.csv", content)
    assert file.sha256() == hashlib.sha256(content.encode()).hexdigest()
    assert file.size() == len(content)


def test_archive_is_below_the_kind_and_names_the_run(tmp_path: Path) -> None:
    file = land(tmp_path, "payers", "a.csv")
    assert file.archived_path("r1") == f"{tmp_path}/payers/archive/r1/a.csv"


def test_file_that_is_moved_again_takes_the_place_of_itself(tmp_path: Path) -> None:
    for _ in range(2):
        file = land(tmp_path, "payers", "a.csv")
        move(file.path, file.archived_path("r1"))
        assert not Path(file.path).exists()
    archived = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv")]
    assert archived == ["payers/archive/r1/a.csv"]

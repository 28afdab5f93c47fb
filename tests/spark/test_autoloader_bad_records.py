"""`badRecordsPath`: what can't be read is written down once, and left out of the rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark.test_autoloader_support import Loader


@pytest.fixture
def loader(spark: SparkSession, tmp_path: Path) -> Loader:
    return Loader(spark, tmp_path, "json", {"badRecordsPath": str(tmp_path / "bad")})


def bad(loader: Loader, kind: str = "bad_records") -> list[dict[str, str]]:
    """Everything below the path, which holds nothing but whole files of JSON lines."""
    found = []
    for path in sorted(each for each in (loader.root / "bad").rglob("*") if each.is_file()):
        stamp, folder, name = path.relative_to(loader.root / "bad").parts
        assert re.fullmatch(r"\d{8}T\d{6}", stamp)
        assert re.fullmatch(r"part-[0-9a-f]+\.json", name)
        found += [json.loads(line) for line in path.read_text().splitlines() if folder == kind]
    return found


def test_malformed_json_is_written_once_whatever_is_killed_between(loader: Loader) -> None:
    loader.land_json("0.json", {"id": 0})
    loader.run()
    path = loader.land("a b.json", '{"id":1}\n{"id":\n{"id":null,"ID":2}\n')  # it is copied
    loader.open()  # killed before the query started, twice
    loader.open()
    loader.run()
    loader.land_json("c.json", {"id": 3})
    loader.run()
    assert loader.rows("id") == [(None,), ("0",), ("1",), ("3",)]
    (told,) = bad(loader)
    assert told["record"] == '{"id":'
    assert told["reason"]
    assert told["path"] == path.as_uri().replace("file://", "file:")
    assert not (loader.place.folder / "bad-records").exists()


def test_values_that_do_not_fit_are_bad_only_without_rescued_data(loader: Loader) -> None:
    loader.schema = "id INT, n INT"
    loader.transform = lambda frame: frame.select("id")  # what is not asked for decides, too
    loader.land("a.json", '{"id":1,"n":"x"}\n{"id":2,"n":null}\n{"id":3}\n')
    loader.run()
    assert loader.rows() == [(2,), (3,)]
    assert [told["record"] for told in bad(loader)] == ['{"id":1,"n":"x"}']
    loader.options["rescuedDataColumn"] = "rest"
    loader.land("b.json", '{"id":4,"n":"y"}\n')
    loader.run()
    assert loader.rows() == [(2,), (3,), (4,)]
    assert len(bad(loader)) == 1


def test_csv_records_and_files(loader: Loader) -> None:
    loader.format, loader.schema = "csv", "id INT, n INT"
    loader.options["header"] = "true"
    loader.land("a.csv", 'id,n\n1,2\n3\n4,"x, y"\n,\n')
    broken = loader.land("b.csv", b"\xff\xfe\x00id\n1\n")
    loader.run()
    loader.run()
    assert loader.rows("id", "n") == [(None, None), (1, 2)]
    assert [told["record"] for told in bad(loader)] == ["3", '4,"x, y"']
    (file,) = bad(loader, "bad_files")
    assert file["path"] == broken.as_uri().replace("file://", "file:")
    assert [each["state"] for each in loader.states()] == ["COMMITTED", "CORRUPT"]


def test_nothing_is_written_where_nothing_is_bad(loader: Loader) -> None:
    loader.land("empty.json", "")
    loader.land_json("a.json", {"id": 1})
    loader.run()
    assert loader.rows("id") == [("1",)]
    assert not (loader.root / "bad").exists()

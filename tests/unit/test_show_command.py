"""`headwater show` on tables that need no JVM to be made."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from deltalake import write_deltalake

from headwater.cli.main import cli
from unit.test_bundle_support import PIPELINE, write_bundle


def show(folder: Path, *arguments: str) -> Result:
    write_bundle(folder, PIPELINE)
    table = folder / ".headwater/default/tables/main/bronze/odd~20name"
    if not table.exists():
        write_deltalake(table, pa.table({"id": [1, 2, 3], "b": [b"\x00\xff", None, b""]}))
    return CliRunner().invoke(cli, ["show", *arguments, "--bundle", str(folder)])


@pytest.mark.parametrize("name", ["`main`.`bronze`.`odd name`", "bronze.odd name", "ODD NAME"])
def test_show_finds_a_table_by_one_to_three_parts(tmp_path: Path, name: str) -> None:
    assert json.loads(show(tmp_path, name, "--json", "-n", "1").stdout) == [{"id": 1, "b": "AP8="}]


def test_show_of_no_rows_gives_the_columns(tmp_path: Path) -> None:
    assert show(tmp_path, "odd name", "-n", "0").stdout.split()[:2] == ["id", "b"]
    assert show(tmp_path, "odd name", "-n", "0", "--json").stdout == "[]\n"


@pytest.mark.parametrize(("rows", "code"), [("-1", "ROWS_INVALID"), (str(10**30), None)])
def test_show_of_odd_numbers_of_rows(tmp_path: Path, rows: str, code: str | None) -> None:
    result = show(tmp_path, "odd name", "-n", rows)
    assert getattr(result.exception, "code", None) == code


@pytest.mark.parametrize("name", ["", "a.", "a.b.c.d", "`a"])
def test_show_of_what_is_no_name(tmp_path: Path, name: str) -> None:
    assert getattr(show(tmp_path, name).exception, "code", None) == "NAME_INVALID"

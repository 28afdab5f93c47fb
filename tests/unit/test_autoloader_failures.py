"""Failures of a query that a file is to blame for: the file is named, whatever its name holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.autoloader import CloudFiles, SourceState, explain_failure
from headwater.autoloader.manifest import Manifest
from headwater.autoloader.storage import STAGED, address_of, staged_name
from headwater.errors import Location

NAMES = [
    "/in/a, b.json",
    "/in/a b..json",
    "/in/ev-10:30:00Z.json",
    "abfss://land@acme.dfs.core.windows.net/in/a, b#1.parquet",
]
CONDITIONS = {
    "[FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file {}. File": (
        "SOURCE_FILE_MISSING"
    ),
    "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file {}. SQLSTATE: KD001": (
        "SOURCE_FILE_CORRUPT"
    ),
    "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file {}.": "SOURCE_FILE_CORRUPT",
    "[HEADWATER_MALFORMED_RECORD] {} SQLSTATE: P0001": "SOURCE_RECORD_MALFORMED",
}


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("text", CONDITIONS)
@pytest.mark.parametrize("name", NAMES)
def test_file_is_named(tmp_path: Path, name: str, text: str, copied: bool) -> None:
    place = SourceState(tmp_path, tmp_path / "checkpoint")
    read = f"{tmp_path}/{STAGED}/{staged_name(name)}" if copied else name
    Manifest(place.folder).append([(read, 1)])
    said = text.format(address_of(read).replace("file:///", "file:/"))
    request = CloudFiles("/in", {}, Location("pipeline.py", 7))
    found = explain_failure(said, request, place)
    assert found is not None
    assert (found.code, found.parameters["path"]) == (CONDITIONS[text], name)

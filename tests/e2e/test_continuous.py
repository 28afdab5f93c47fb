"""`headwater run --continuous` as a person, or a supervisor of processes, uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from command import BUNDLE, bundle, headwater, landing, refused, start, until

SOURCE = """
from pyspark import pipelines as dp

@dp.table
def bronze():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("/Volumes/main/s/landing/events"))

@dp.table
def silver():
    return spark.readStream.table("bronze")
"""
MOST_SECONDS = 180.0


def land(folder: Path, number: int) -> None:
    pq.write_table(pa.table({"id": [number]}), landing(folder) / f"{number}.parquet")


def silver(folder: Path) -> list[int]:
    path = folder / ".headwater/dev/tables/main/s/silver"
    if not (path / "_delta_log").is_dir():
        return []
    return sorted(DeltaTable(path).to_pyarrow_table().column("id").to_pylist())


def wait_for(process: subprocess.Popen[str], folder: Path, ids: list[int]) -> None:
    end = time.monotonic() + MOST_SECONDS
    while silver(folder) != ids:
        assert time.monotonic() < end and process.poll() is None, silver(folder)
        time.sleep(0.1)


def test_signal_ends_it_well_after_a_kill_that_lost_nothing(tmp_path: Path) -> None:
    text = BUNDLE.replace(
        "configuration:", "configuration:\n        pipelines.trigger.interval: 1 second"
    )
    folder = bundle(tmp_path / "b", SOURCE, text)
    land(folder, 1)
    process = start("run", "--continuous", folder=folder)
    wait_for(process, folder, [1])
    land(folder, 2)
    until(process, "is RUNNING")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    process = start("run", "--continuous", folder=folder)
    wait_for(process, folder, [1, 2])
    land(folder, 3)
    wait_for(process, folder, [1, 2, 3])
    process.terminate()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert "is CANCELED" in told
    assert "error" not in told
    assert "Traceback" not in told
    events = json.loads(headwater("events", "--json", folder=folder).stdout)
    last = [each["details"] for each in events if each["event_type"] == "update_progress"][-1]
    assert last["update_progress"] == {"state": "CANCELED", "cancellation_cause": "USER_ACTION"}


def test_it_is_not_for_validating(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "b", SOURCE)
    ran = headwater("run", "--continuous", "--validate", folder=folder)
    refused(ran, "OPTIONS_CONFLICT")

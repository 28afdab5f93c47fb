"""SIGKILL an update at random moments, then finish: the tables equal an undisturbed run's.

Named moments are tried by `test_update_kills`; `make soak KILLS=50` tries many random ones.
"""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from command import bundle, landing, start, text_with_schema, until
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.settings import read_settings
from headwater.state.catalog import use_target
from headwater.state.target import open_target

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.table
def bronze():
    return (
        spark.readStream.format("cloudFiles")
        .option("cloudFiles.format", "parquet")
        .option("cloudFiles.maxFilesPerTrigger", 2)
        .load("/Volumes/main/s/landing/events")
    )

@dp.table
@dp.expect_or_drop("age", "age BETWEEN 0 AND 100")
def silver():
    return spark.readStream.table("bronze")

dp.create_streaming_table("history")
dp.create_auto_cdc_flow(
    target="history", source="silver", keys=["id"], sequence_by="seq", stored_as_scd_type=2,
    apply_as_deletes="op = 'D'", except_column_list=["op", "seq"],
)

def snapshot(latest):
    version = (latest or 0) + 1
    if version > len(dbutils.fs.ls("/Volumes/main/s/landing/events")) // 3:
        return None
    rows = spark.range(30).selectExpr("id", f"hash(id, {version}) % 3 AS a")
    return rows.where(f"hash({version}, id) % 4 <> 0"), version

dp.create_streaming_table("versions")
dp.create_auto_cdc_from_snapshot_flow("versions", snapshot, ["id"], 2)

@dp.materialized_view
def totals():
    return spark.read.table("silver").groupBy("id").agg(F.count("*").alias("n"))
"""

FLOWS_PER_START = 3
"""How long the flows take, compared with what comes before them; both wait for a busy machine."""

TABLES = ("bronze", "silver", "history", "versions", "totals")


def land(folder: Path, wave: int, seed: int) -> None:
    """Write three files of 40 events each; sequences of later waves may be earlier ones."""
    dice = random.Random(f"{seed}/{wave}")  # noqa: S311 - test data
    for number in range(3):
        rows = [
            {
                "id": dice.randrange(12),
                "seq": wave * 100 + number * 40 + row - dice.choice([0, 0, 150]),
                "age": dice.randint(-20, 120),
                "op": dice.choice(["U", "U", "U", "D"]),
            }
            for row in range(40)
        ]
        pq.write_table(pa.Table.from_pylist(rows), landing(folder) / f"w{wave}-{number}.parquet")


def finish(spark: SparkSession, folder: Path) -> None:
    """Run an update to its end in the session of the tests."""
    target = open_target(folder, settings=read_settings())
    use_target(spark, target)
    updater = Updater(spark, target.bundle, target.bundle.pipeline(), target.store)
    assert updater.run(UpdateRequest()).state == "COMPLETED"


def project(folder: Path) -> Path:
    """Make a bundle whose schema has the folder's name."""
    return bundle(folder, SOURCE, text_with_schema(folder.name))


def contents(folder: Path) -> dict[str, list[str]]:
    found = {}
    for name in TABLES:
        table = DeltaTable(
            folder / ".headwater/dev/tables/main" / folder.name / name
        ).to_pyarrow_table()
        columns = sorted(set(table.column_names) - {"_rescued_data"})
        rows = table.select(columns).to_pylist()
        found[name] = sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
    return found


def test_killed_updates_lose_and_double_nothing(
    spark: SparkSession, tmp_path: Path, kills: int
) -> None:
    seed = random.randrange(10**6)  # noqa: S311 - printed when the test fails
    dice = random.Random(seed)  # noqa: S311
    killed, calm = project(tmp_path / "killed"), project(tmp_path / "calm")
    land(killed, 0, seed)
    finish(spark, killed)
    for wave in range(1, kills + 1):
        land(killed, wave, seed)
        started = time.monotonic()
        process = start("run", folder=killed)
        until(process, "is RUNNING")
        seconds = (time.monotonic() - started) * FLOWS_PER_START
        time.sleep(dice.uniform(0, seconds))  # the moment of the kill is what is being tried
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    finish(spark, killed)
    shutil.copytree(
        killed / ".headwater/dev/volumes", calm / ".headwater/dev/volumes", dirs_exist_ok=True
    )
    finish(spark, calm)
    assert contents(killed) == contents(calm), f"seed {seed}"

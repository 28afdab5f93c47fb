"""A small pipeline that uses a little of everything, run so that its classes are known.

`headwater setup` runs it while the JVM records which classes it loads; later starts find them in
the class-data archive.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from headwater.bundle import load_bundle
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.machine.archive import make_archive
from headwater.sandbox.statements import run_statements
from headwater.settings import Settings
from headwater.state.catalog import use_target
from headwater.state.store import Store
from headwater.state.target import Target

_BUNDLE = """
bundle: {name: rehearsal}
targets: {dev: {default: true}}
resources:
  volumes:
    landing: {catalog_name: main, schema_name: s, name: landing}
  pipelines:
    little: &pipeline
      catalog: main
      schema: s
      libraries: [{file: {path: source.py}}]
    much:
      <<: *pipeline
      schema: t
      configuration:
        spark.sql.codegen.wholeStage: "true"
        spark.sql.codegen.factoryMode: FALLBACK
        spark.sql.adaptive.enabled: "true"
"""

_SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

def landed(kind):
    reader = spark.readStream.format("cloudFiles").option("cloudFiles.format", kind)
    return reader.load(f"/Volumes/main/s/landing/{kind}")

@dp.temporary_view
def notes():
    return landed("json").withColumn("id", F.col("id").cast("bigint"))

@dp.table
@dp.expect_or_drop("id", "id IS NOT NULL")
@dp.expect("name", "length(name) > 0")
def events():
    return landed("parquet").withColumn("day", F.col("at").cast("date")).drop("at")

@dp.table
def texts():
    return spark.readStream.table("notes")

for kind in (1, 2):
    dp.create_streaming_table(f"changes_{kind}")
    dp.create_auto_cdc_flow(
        target=f"changes_{kind}", source="events", keys=["id"], sequence_by="seq",
        apply_as_deletes="op = 'D'", except_column_list=["op"], stored_as_scd_type=kind)

@dp.materialized_view
def days():
    latest = spark.sql(
        "SELECT id, name, row_number() OVER (PARTITION BY day ORDER BY seq) AS n FROM events")
    counted = spark.read.table("changes_2").groupBy("name", "day").agg(F.count("*").alias("rows"))
    return latest.join(counted, "name", "left").where("n < 10")
"""


def prepare_java(settings: Settings, on_start: Callable[[], None]) -> Path | None:
    """Make the class-data archive for fast starts, if it is missing; None when this Java can't.

    Args:
        on_start: called if there is something to do, which takes a minute.
    """
    return make_archive(settings, rehearse, on_start)


def rehearse(spark: SparkSession, folder: Path) -> None:
    """Run updates of a small pipeline below a folder, with first, new, late and no rows."""
    (folder / "databricks.yml").write_text(_BUNDLE)
    (folder / "source.py").write_text(_SOURCE)
    bundle = load_bundle(folder)
    target = Target(bundle, Store(folder / "state"))
    use_target(spark, target)
    for wave, pipeline in enumerate(("little", "little", "little", "much", "much")):
        if wave != 2:
            _land(target.store.volume_path("main", "s", "landing"), wave)
        updater = Updater(spark, bundle, bundle.pipeline(pipeline), target.store)
        updater.run(UpdateRequest())
    frame = run_statements(spark, target, "SELECT count(*) AS n FROM main.t.changes_2")
    if frame is not None:
        frame.collect()


def _land(landing: Path, wave: int) -> None:
    rows = {
        "id": [*range(20), None],
        "seq": [wave * 10 - 15 * (number % 4 == 3) for number in range(21)],
        "op": ["D" if number % 7 == 6 else "U" for number in range(21)],
        "name": [f"name {number % (5 + wave)}" for number in range(21)],
        "at": pa.array([wave] * 21, pa.timestamp("us", tz="UTC")),
    }
    for kind in ("parquet", "json"):
        (landing / kind).mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(rows), landing / "parquet" / f"{wave}.parquet")
    text = "\n".join(f'{{"id": {number}, "text": "t", "tags": ["x"]}}' for number in range(5))
    (landing / "json" / f"{wave}.json").write_text(text)

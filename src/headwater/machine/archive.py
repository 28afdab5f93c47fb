"""Make the class-data archive that lets the driver's JVM start in half the time.

A short run of what pipelines do is recorded by the JVM itself (`-XX:ArchiveClassesAtExit`); about
190 MB in the cache, for one Java and one set of jars.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headwater.errors import SettingError
from headwater.machine.jars import ensure_jars
from headwater.machine.java import find_java
from headwater.machine.jvm import archive_path
from headwater.machine.session import spark_session
from headwater.settings import Settings


def make_archive(settings: Settings, on_start: Callable[[], None] | None = None) -> Path | None:
    """Create the archive if it is missing; None when this Java can't.

    Safe to run twice and to kill: the archive gets its name when it is complete.
    """
    path = archive_path(find_java(settings), ensure_jars(settings), settings)
    if path.exists():
        return path
    if on_start:
        on_start()
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory(prefix="headwater-") as folder:
            options = (f"-XX:ArchiveClassesAtExit={scratch}",)
            with spark_session(settings, state=Path(folder), jvm_options=options) as spark:
                _exercise(spark, Path(folder))
        if scratch.exists():
            scratch.replace(path)
    except SettingError:
        return None
    finally:
        scratch.unlink(missing_ok=True)
    return path if path.exists() else None


def _exercise(spark: SparkSession, folder: Path) -> None:
    """Run a little of everything, so that its classes are in the archive."""
    rows = spark.range(100).select(
        F.col("id"), (F.col("id") % 7).alias("k"), F.col("id").cast("string").alias("name")
    )
    source, table, changed = (str(folder / name) for name in ("in", "table", "changed"))
    rows.write.parquet(source)
    rows.limit(1).write.format("delta").save(changed)
    stream = spark.readStream.schema(rows.schema).parquet(source)
    counted = stream.observe("seen", F.count(F.lit(1)).alias("n")).where("id IS NOT NULL")
    query = counted.writeStream.format("delta").option("checkpointLocation", f"{folder}/c1")
    query.trigger(availableNow=True).start(table).awaitTermination()

    def merge(batch: object, batch_id: int) -> None:
        del batch, batch_id
        spark.sql(
            f"MERGE INTO delta.`{changed}` t USING delta.`{table}` s ON t.id = s.id "
            "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
        )

    again = spark.readStream.format("delta").load(table).writeStream.foreachBatch(merge)
    again.option("checkpointLocation", f"{folder}/c2").trigger(
        availableNow=True
    ).start().awaitTermination()
    joined = spark.read.format("delta").load(table).groupBy("k").agg(F.count("*").alias("n"))
    joined.join(rows, "k").write.format("delta").mode("overwrite").save(f"{folder}/out")

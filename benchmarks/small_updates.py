"""`make bench`: what an update costs when there is little or nothing to do.

Ten tables of every kind. Whole processes are timed, in turns with `headwater sql "SELECT 1"`, which
only starts and ends; the figures to quote are medians of ratios to it.

Usage: small_updates.py [ROUNDS]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HEADWATER = str(Path(sys.executable).with_name("headwater"))
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
ROWS = 10_000
MOST = {"nothing new": 2.0, f"{ROWS:,} new rows": 4.5}  # the goal of the second is 2.5

BUNDLE = """
bundle: {name: small}
targets: {dev: {default: true}}
resources:
  volumes:
    landing: {catalog_name: main, schema_name: s, name: landing}
  pipelines:
    idle: {catalog: main, schema: s, libraries: [{file: {path: ten_tables.py}}]}
    small: {catalog: main, schema: t, libraries: [{file: {path: three_tables.py}}]}
"""

BRONZE = """
from pyspark import pipelines as dp

def landed():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("/Volumes/main/s/landing"))
"""

TEN_TABLES = (
    BRONZE
    + """
for kind in ("a", "b"):
    dp.table(name=f"bronze_{kind}")(landed)

    @dp.table(name=f"silver_{kind}")
    @dp.expect_or_drop("id", "id IS NOT NULL")
    def silver(kind=kind):
        return spark.readStream.table(f"bronze_{kind}")

    dp.create_streaming_table(f"history_{kind}")
    dp.create_auto_cdc_flow(target=f"history_{kind}", source=f"silver_{kind}", keys=["id"],
                            sequence_by="seq", stored_as_scd_type=2)

    @dp.materialized_view(name=f"count_{kind}")
    def count(kind=kind):
        return spark.read.table(f"silver_{kind}").groupBy("name").count()

    @dp.materialized_view(name=f"most_{kind}")
    def most(kind=kind):
        return spark.read.table(f"count_{kind}").orderBy("count").limit(10)
"""
)

THREE_TABLES = (
    BRONZE
    + """
dp.table(name="bronze")(landed)
dp.create_streaming_table("history")
dp.create_auto_cdc_flow(target="history", source="bronze", keys=["id"], sequence_by="seq",
                        stored_as_scd_type=2)

@dp.materialized_view
def names():
    return spark.read.table("history").groupBy("name").count()
"""
)


def land(folder: Path, wave: int) -> None:
    landing = folder / ".headwater/dev/volumes/main/s/landing"
    landing.mkdir(parents=True, exist_ok=True)
    ids = [number * 7919 % (ROWS // 2) for number in range(ROWS)]
    columns = {
        "id": ids,
        "seq": [wave * ROWS + number for number in range(ROWS)],
        "name": [f"name {each % 97}" for each in ids],
    }
    pq.write_table(pa.table(columns), landing / f"wave{wave}.parquet")


def timed(folder: Path, *arguments: str) -> float:
    """Run a command to its end; return the seconds, or stop when it fails."""
    started = time.monotonic()
    done = subprocess.run(
        [HEADWATER, *arguments], cwd=folder, env=os.environ, capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(f"headwater {' '.join(arguments)} failed:\n{done.stderr[-4000:]}")
    return time.monotonic() - started


def main() -> None:
    ratios: dict[str, list[float]] = {what: [] for what in MOST}
    nothing, little = ratios
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as name:
        folder = Path(name)
        (folder / "databricks.yml").write_text(BUNDLE)
        (folder / "ten_tables.py").write_text(TEN_TABLES)
        (folder / "three_tables.py").write_text(THREE_TABLES)
        land(folder, 0)
        timed(folder, "run", "idle")
        timed(folder, "run", "small")
        for wave in range(1, ROUNDS + 1):
            start = timed(folder, "sql", "SELECT 1")
            idle = timed(folder, "run", "idle")
            ratios[nothing].append(idle / start)
            land(folder, wave)
            small = timed(folder, "run", "small")
            ratios[little].append(small / start)
            timed(folder, "run", "idle")  # takes the wave in, so that nothing is new again
            print(
                f"round {wave}: SELECT 1 {start:.1f} s, nothing new {idle:.1f} s, "
                f"{ROWS:,} new rows {small:.1f} s",
                flush=True,
            )
    medians = {what: statistics.median(each) for what, each in ratios.items()}
    for what, median in medians.items():
        print(f"{what}: {median:.2f} times SELECT 1 (at most {MOST[what]})")
    sys.exit(any(medians[what] > most for what, most in MOST.items()))


if __name__ == "__main__":
    main()

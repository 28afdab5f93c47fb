"""`make bench`: `headwater run` against the same work written by hand, in turns.

Whole processes are timed, from the command to its end. The figure to quote is the median of the
ratios of neighbouring runs, for machines are noisy. Usage: compare.py [ROWS] [ROUNDS]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyspark.sql import functions as F

from headwater.machine.jars import ensure_jars
from headwater.machine.session import spark_session
from headwater.settings import read_settings

HERE = Path(__file__).parent
ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
MAX_RATIO = 1.0


def make_events(folder: Path) -> None:
    """Land `ROWS` events in eight Parquet files."""
    settings = read_settings()
    with spark_session(settings, state=folder / "state") as spark:
        number = F.col("id")
        spark.range(0, ROWS, 1, 8).select(
            F.format_string("E%09d", number).alias("event_id"),
            F.when(number % 997 != 0, F.format_string("P%06d", number % 50_000)).alias(
                "patient_id"
            ),
            (number % 103).cast("int").alias("age"),
            F.format_string("department_%02d", F.pmod(F.xxhash64(number), F.lit(100))).alias(
                "department"
            ),
            F.format_string("H%02d", number % 7).alias("hospital_id"),
            (F.timestamp_seconds(F.lit(1767225600) + number * 7)).alias("event_time"),
        ).write.parquet(str(folder / "landing"))


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Run a command to its end; return the seconds, or stop when it fails."""
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return time.monotonic() - started


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as name:
        folder = Path(name)
        make_events(folder)
        jars = ",".join(map(str, ensure_jars(read_settings())))
        environment = dict(os.environ)
        ratios = []
        for number in range(ROUNDS):
            landing = str(folder / "landing")
            ours = timed(
                [
                    str(Path(sys.executable).with_name("headwater")),
                    *("run", "events", "--json", "--bundle", str(HERE / "bundle")),
                    *("--var", f"landing={landing}", "--state", str(folder / f"ours{number}")),
                ],
                environment,
            )
            theirs = timed(
                [
                    sys.executable,
                    str(HERE / "handwritten.py"),
                    *(landing, str(folder / f"hand{number}"), jars),
                ],
                environment,
            )
            ratios.append(ours / theirs)
            print(
                f"round {number + 1}: headwater {ours:.1f} s, by hand {theirs:.1f} s, "
                f"ratio {ratios[-1]:.2f}",
                flush=True,
            )
    ratio = statistics.median(ratios)
    print(f"{ROWS:,} events, {ROUNDS} rounds: median ratio {ratio:.2f} (at most {MAX_RATIO})")
    sys.exit(ratio > MAX_RATIO)


if __name__ == "__main__":
    main()

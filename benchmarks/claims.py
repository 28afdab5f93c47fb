"""How long the facts of claims take to load: in full, and after one per cent of new patients.

    python benchmarks/claims.py --patients 10000

It generates patients who do not exist, writes their files into bronze, loads the four facts in
full, adds one per cent of patients, loads what that changes, and prints seconds, the ratio of both,
and the peak memory of the JVM. The ratio is held to its limit.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from claims_analytics.generator import Options, generate
from claims_analytics.silver.facts import FACTS
from claims_analytics.sources import SOURCES
from claims_analytics.tasks.ingest import ingest
from claims_analytics.tasks.silver import load_fact
from headwater.machine.session import spark_session
from headwater.settings import read_settings

LIMIT = 0.25
"""Seconds of the incremental load to those of the full one, at most."""

TABLES = {"catalog": "main", "schema": "synthea", "ops_schema": "ops"}


def land(folder: Path, patients: int, seed: int, name: str) -> int:
    """Put the files of generated patients where ingestion looks; return how many rows."""
    made = folder / "made"
    report = generate(Options(patients=patients, seed=seed), made)
    for table in SOURCES:
        (folder / "landing" / table).mkdir(parents=True, exist_ok=True)
        shutil.move(made / f"{table}.csv", folder / "landing" / table / f"{name}.csv")
    return sum(report.rows.values())


def load(spark: Any, load_type: str) -> float:
    """Load the four facts; return the seconds."""
    started = time.monotonic()
    for fact in FACTS:
        load_fact(spark, {**TABLES, "fact": fact.name, "load_type": load_type})
    return time.monotonic() - started


def peak_memory(spark: Any) -> str:
    """Return the most memory that the JVM had, in MB, where the system tells it."""
    process = spark._jvm.java.lang.ProcessHandle.current().pid()
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return f"{int(found[1]) // 1024:,} MB" if found else "unknown"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--patients", type=click.IntRange(100, 99_000), default=1_000, show_default=True)
def main(patients: int) -> None:
    """Measure a full and an incremental load of claims."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with spark_session(read_settings(), state=folder / "state", catalogs=("main",)) as spark:
            for schema in (TABLES["schema"], TABLES["ops_schema"]):
                spark.sql(f"CREATE SCHEMA main.{schema}")
            seconds: dict[str, float] = {}
            rows = land(folder, patients, 7, "first")
            given = {**TABLES, "base_volume_path": str(folder / "landing")}
            started = time.monotonic()
            ingest(spark, {**given, "run_id": "1"})
            seconds["bronze"] = time.monotonic() - started
            seconds["silver, in full"] = load(spark, "full")
            land(folder, max(1, patients // 100), 8, "second")
            ingest(spark, {**given, "run_id": "2"})
            seconds["silver, 1 % more"] = load(spark, "incremental")
            memory = peak_memory(spark)
    ratio = seconds["silver, 1 % more"] / seconds["silver, in full"]
    click.echo(f"{patients:,} patients, {rows:,} rows of 18 files; peak memory {memory}")
    for name, took in seconds.items():
        click.echo(f"  {name:<20} {took:8.1f} s")
    click.echo(f"  incremental to full  {ratio:8.2f}   (limit {LIMIT})")
    sys.exit(ratio > LIMIT)


if __name__ == "__main__":
    main()

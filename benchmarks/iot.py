"""How long a fleet's events take to bronze, silver and gold: at first, and with one per cent more.

    python benchmarks/iot.py --devices 210

It lands 99 of 100 waves of a simulated fleet, runs the pipeline and builds all models; then the
last wave, and runs both again. It prints seconds, what dbt needs for a model beside Spark's work,
and the ratio of the second to the first, which is held to its limit. 210 devices send a million
events.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from pyspark.sql import SparkSession

from headwater.dbt.projects import find_project
from headwater.dbt.results import DbtRun
from headwater.dbt.runner import DbtCommand, run_dbt
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.jobs import local_session
from headwater.settings import read_settings
from headwater.state.target import Target, open_target
from iot_analytics.simulator import Options, write_wave

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 0.35
"""Seconds of the second wave to those of the first, at most."""

DAYS = 25
WAVES = 100


def timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def ingest(spark: SparkSession, target: Target) -> None:
    spec = target.bundle.pipeline("iot_bronze")
    result = Updater(spark, target.bundle, spec, target.store).run(UpdateRequest())
    if result.error is not None:
        raise result.error


def build(spark: SparkSession, target: Target) -> DbtRun:
    project = find_project(target.bundle, ROOT)
    done = run_dbt(target, DbtCommand(project, ("run",), quiet=True), lambda: spark)
    if not done.succeeded:
        raise click.ClickException(f"dbt failed: {done.message}")
    return done


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--devices", type=click.IntRange(8, 10_000), default=21, show_default=True)
def main(devices: int) -> None:
    """Measure a first load of IoT, and one with one per cent more."""
    options = Options(devices=devices, days=DAYS, waves=WAVES)
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        target = open_target(ROOT, state=Path(scratch) / "state", settings=read_settings())
        volume = target.bundle.volumes["iot_landing"]
        landing = target.store.volume_path(volume.catalog, volume.schema, volume.name)
        for wave in range(1, WAVES):
            truth = write_wave(options, wave, landing)
        with local_session(ROOT, target) as spark:
            runs: list[DbtRun] = []
            for name in ("first", "second"):
                if name == "second":
                    write_wave(options, WAVES, landing)
                seconds[f"{name}, bronze"] = timed(lambda: ingest(spark, target))
                seconds[f"{name}, models"] = timed(lambda: runs.append(build(spark, target)))
    first, second = (
        seconds[f"{name}, bronze"] + seconds[f"{name}, models"] for name in ("first", "second")
    )
    click.echo(f"{devices:,} devices, {truth['total']['iot_events']['lines']:,} events")
    for name, took in seconds.items():
        click.echo(f"  {name:<16} {took:8.1f} s")
    for name, run in zip(("first", "second"), runs, strict=True):
        in_models = sum(each.seconds for each in run.nodes)
        beside = (seconds[f"{name}, models"] - in_models) / len(run.nodes)
        click.echo(f"  {name}: dbt beside its models {beside:6.2f} s a model")
    click.echo(f"  second to first  {second / first:8.2f}   (limit {LIMIT})")
    sys.exit(second / first > LIMIT)


if __name__ == "__main__":
    main()

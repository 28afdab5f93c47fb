"""Open what the fixtures are: the session of a test process, and the pipeline of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.errors import SettingError
from headwater.machine.session import FOR_LITTLE, QUICK_START, spark_session
from headwater.sandbox.clock import Clock
from headwater.settings import read_settings
from headwater.testing.pipeline import Pipeline
from headwater.testing.stage import Stage

SETTINGS = FOR_LITTLE | {"spark.sql.shuffle.partitions": "1"}


@contextmanager
def open_session(state: Path) -> Iterator[SparkSession]:
    """Open a session for tests: two threads, soon there, and made for little data."""
    with spark_session(
        read_settings(),
        state=state,
        catalogs=("main",),
        master="local[2]",
        configuration=SETTINGS,
        jvm_options=QUICK_START,
    ) as spark:
        yield spark


@contextmanager
def open_pipeline(spark: SparkSession, folder: Path, root: Path) -> Iterator[Pipeline]:
    """Return an empty pipeline; at the end the session knows no more than before.

    Args:
        folder: an empty folder for its target.
        root: relative paths of sources and bundles start here.

    Raises:
        SettingError: SESSION_WITHOUT_DELTA.
    """
    if "delta" not in (spark.conf.get("spark.sql.extensions", None) or "").lower():
        raise SettingError(
            "SESSION_WITHOUT_DELTA",
            "The session of the fixture 'spark' has no Delta",
            hint="Remove your own fixture, or use it under another name.",
        )
    stage, clock = Stage(spark, folder), Clock(spark)
    try:
        yield Pipeline(stage, clock, root)
    finally:
        clock.release()
        stage.leave()

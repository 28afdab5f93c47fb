"""Make the class-data archive that lets the driver's JVM start in half the time.

A short run of what pipelines do is recorded by the JVM itself as it ends (`DUMP_OPTION`); about
200 MB in the cache, for one Java and one set of jars.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.errors import SettingError
from headwater.machine.jars import ensure_jars
from headwater.machine.java import find_java
from headwater.machine.jvm import DUMP_OPTION, archive_path
from headwater.machine.session import FOR_LITTLE, spark_session
from headwater.settings import Settings


def make_archive(
    settings: Settings,
    rehearse: Callable[[SparkSession, Path], None],
    on_start: Callable[[], None] | None = None,
) -> Path | None:
    """Create the archive if it is missing; None when this Java can't.

    Safe to run twice and to kill: the archive gets its name when it is complete.

    Args:
        rehearse: does in a session, below a folder, what later sessions are started for.
        on_start: called if there is something to do, which takes a minute.
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
            options = (f"{DUMP_OPTION}={scratch}",)
            with spark_session(
                settings,
                state=Path(folder),
                catalogs=("main",),
                configuration=FOR_LITTLE,
                jvm_options=options,
            ) as spark:
                rehearse(spark, Path(folder))
        if scratch.exists():
            scratch.replace(path)
    except SettingError:
        return None
    finally:
        scratch.unlink(missing_ok=True)
    return path if path.exists() else None

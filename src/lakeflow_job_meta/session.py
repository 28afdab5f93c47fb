"""Which Spark session is used: the active one, a workspace's, or a local one with Delta."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from headwater.cli.lazy import LazyModule
from headwater.errors import UsageError
from lakeflow_job_meta.utils import split_table_name

if TYPE_CHECKING:
    from headwater import jobs
else:  # it needs headwater[local]
    jobs = LazyModule("headwater.jobs")


def active_session() -> SparkSession:
    """Return the session of this program.

    In a workspace there is always one; with Databricks Connect one is made.

    Raises:
        UsageError: SESSION_MISSING.
    """
    found = _found_session()
    if found is None:
        raise UsageError(
            "SESSION_MISSING",
            "There is no Spark session",
            hint="Pass spark=..., or run in a workspace, or install databricks-connect.",
        )
    return found


def _found_session() -> SparkSession | None:
    session = SparkSession.getActiveSession()
    if session is None and importlib.util.find_spec("databricks.connect"):
        from databricks.connect import DatabricksSession  # here: an optional package

        session = DatabricksSession.builder.getOrCreate()
    return session


@contextmanager
def session_for_commands(
    folder: Path, target: str | None, control_table: str, *, is_local: bool = False
) -> Iterator[SparkSession]:
    """Return the session of a command: the program's own, or a local one with Delta.

    Args:
        folder: a bundle's folder, or any other; local tables are kept in its `.headwater`.
        target: target of the bundle; its default one when not given.
        control_table: the table that will be used; a local session gets its schema as well.
        is_local: start a local session even where a workspace's could be had, so that nothing that
            is tried here reaches the tables of a workspace.

    Raises:
        UsageError: OPTION_WITHOUT_EFFECT, for a target where none is used; SESSION_MISSING, where
            there is neither a session nor headwater[local] to start one.
    """
    found = None if is_local else _found_session()
    if found is not None and target:
        raise UsageError(
            "OPTION_WITHOUT_EFFECT",
            "--target has no effect: there is the session of a workspace",
            hint="Leave it out; it is about local tables.",
        )
    if found is not None:
        yield found
        return
    check_extra()
    *schema, _ = split_table_name(control_table)
    little = not is_local  # metadata alone: what tasks read is not known
    with jobs.local_session(folder, target, tuple(schema), is_little=little) as session:
        yield session


def check_extra() -> None:
    """Refuse what runs here where `headwater[local]` is not installed.

    The package `headwater` is there wherever this one is; of its extra, `deltalake` is a part that
    no workspace brings.

    Raises:
        UsageError: SESSION_MISSING.
    """
    if importlib.util.find_spec("deltalake") is None:
        raise UsageError(
            "SESSION_MISSING",
            "There is no Spark session to run in",
            hint="Install headwater[local], which starts one here.",
        )

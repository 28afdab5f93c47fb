"""The Spark session of a command: one of its own, or the one that the caller already has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
from pyspark.sql import SparkSession

from headwater.jobs import local_session
from headwater.settings import read_settings
from headwater.state.catalog import forget_all, target_session, use_target
from headwater.state.store import Store
from headwater.state.target import Target


@contextmanager
def command_session(
    target: Target,
    *,
    master: str | None = None,
    quick: bool = False,
    configuration: Mapping[str, str] | None = None,
    connectors: Sequence[str] = (),
) -> Iterator[SparkSession]:
    """Open a session that knows the target's tables, for the length of a `with` block.

    A program that runs commands in its own process passes its session as the `obj` of the command
    line: `cli.main([...], obj={"spark": spark})`. It stays open.

    Args:
        quick: for short work: starts sooner, runs slower.
        configuration: further Spark settings, for a session of its own.
        connectors: words of further jars, such as "kafka", for a session of its own.

    Raises:
        SettingError: no usable Java, jars that can't be had.
    """
    spark = _given_session()
    if spark is None:
        with target_session(
            target,
            read_settings(),
            master=master,
            quick=quick,
            configuration=configuration,
            connectors=connectors,
        ) as opened:
            yield opened
    else:
        use_target(spark, target)
        yield spark


@contextmanager
def job_session(
    target: Target, context: click.Context | None = None, *, is_little: bool = False
) -> Iterator[SparkSession]:
    """Open a session for the tasks of a job, or take the caller's as `command_session` does.

    Args:
        context: of the command, for threads that have none of their own.
        is_little: the target's tables are so small that compiling queries takes longer than
            running them.
    """
    spark = _given_session(context)
    if spark is None:
        with local_session(target.bundle.root, target, is_little=is_little) as opened:
            yield opened
    else:
        use_target(spark, target)
        yield spark


def forget(store: Store) -> None:
    """Let the caller's session, if there is one, forget the tables of a store that goes away."""
    context = click.get_current_context(silent=True)
    spark = _given_session(context) if context is not None else None
    if spark is not None:
        forget_all(spark, store)


def _given_session(context: click.Context | None = None) -> SparkSession | None:
    return ((context or click.get_current_context()).find_root().obj or {}).get("spark")

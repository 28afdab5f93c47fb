"""All that is taken of dbt's own code; loaded when a command runs, for dbt is an extra and slow."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from dbt.cli import requires
from dbt.cli.exceptions import DbtUsageException
from dbt.cli.main import cli, dbtRunner
from dbt.events.types import MainEncounteredError, MainStackTrace
from dbt_common.events.event_manager_client import cleanup_event_logger, get_event_manager
from dbt_common.exceptions import DbtRuntimeError
from dbt_common.invocation import get_invocation_id

from headwater.dbt.bridge import Bridge
from headwater.dbt.seeds import literal
from headwater.settings import environment_with

_ADAPTER = import_module("dbt.adapters.spark.session")
_SESSION = "SparkSession"
_TELL = "fire_event"

_one_at_a_time = threading.Lock()
"""dbt keeps its flags, its adapter and its macros in module globals, and reads the environment."""


@dataclass(frozen=True)
class Invoked:
    """What dbt returned.

    Attributes:
        command: the name of the command, without options: their values may be secrets.
        results: its own objects, one per node that the command was about.
        error: what it could not go on with.
        is_usage: whether that is a wrong option or argument.
    """

    invocation_id: str
    command: str
    succeeded: bool
    results: Sequence[Any]
    error: BaseException | None
    is_usage: bool


def invoke(arguments: Sequence[str], bridge: Bridge, environment: Mapping[str, str]) -> Invoked:
    """Run a command whose statements go through a bridge; commands of this process take turns.

    Args:
        environment: variables for dbt and `env_var(...)`, over those of the process.
    """
    bridge.failure = DbtRuntimeError
    with _one_at_a_time, environment_with(environment), _connected(bridge), _calm():
        try:
            done = dbtRunner().invoke(list(arguments))
        finally:
            close_logs()
    results = getattr(done.result, "results", None) or ()
    return Invoked(
        str(get_invocation_id()),
        _command_name(arguments),
        done.success,
        [each for each in results if hasattr(each, "node")],
        done.exception,
        isinstance(done.exception, DbtUsageException),
    )


def _command_name(arguments: Sequence[str]) -> str:
    """Return `build`, `docs generate` and the like, whatever options stand before."""
    found: list[str] = []
    words = list(arguments)
    group: click.Command = cli
    while isinstance(group, click.Group):
        try:
            _, words, _ = group.make_parser(click.Context(group)).parse_args(words)
        except click.UsageError:  # dbt has said so
            break
        if not words or words[0] not in group.commands:
            break
        found.append(words[0])
        group, words = group.commands[words[0]], words[1:]
    return " ".join(found)


@contextmanager
def _connected(bridge: Bridge) -> Iterator[None]:
    """Put a bridge in the place of PySpark's session in dbt-spark, and write values as they are."""
    wrapper = _ADAPTER.SessionConnectionWrapper
    before, binding = getattr(_ADAPTER, _SESSION), wrapper._fix_binding
    setattr(_ADAPTER, _SESSION, bridge)
    wrapper._fix_binding = staticmethod(literal)
    try:
        yield
    finally:
        setattr(_ADAPTER, _SESSION, before)
        wrapper._fix_binding = binding
        bridge.tidy()


@contextmanager
def _calm() -> Iterator[None]:
    """Keep dbt from printing a traceback of Ctrl-C, which is no error of its own."""
    tell = getattr(requires, _TELL)

    def tell_errors(event: Any, *given: Any, **named: Any) -> None:
        is_unexpected = isinstance(event, MainEncounteredError | MainStackTrace)
        if not (is_unexpected and isinstance(sys.exc_info()[1], KeyboardInterrupt)):
            tell(event, *given, **named)

    setattr(requires, _TELL, tell_errors)
    try:
        yield
    finally:
        setattr(requires, _TELL, tell)


def close_logs() -> None:
    """Close the log file, which dbt leaves open until the process ends."""
    for each in get_event_manager().loggers:
        log: logging.Logger | None = getattr(each, "_python_logger", None)
        for handler in tuple(log.handlers) if log else ():
            handler.close()
    cleanup_event_logger()

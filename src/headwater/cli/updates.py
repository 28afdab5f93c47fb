"""`headwater run` and `headwater graph`."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import click

from headwater.cli.endings import stopping_on_signals, warn
from headwater.cli.live import progress
from headwater.cli.render import print_errors, print_json, print_result, result_json
from headwater.cli.sessions import command_session, forget
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater, UpdateResult
from headwater.errors import HeadwaterError, SettingError, UsageError
from headwater.graph.dag import Graph
from headwater.machine.connectors import KAFKA
from headwater.machine.jvm import ignore_interrupt
from headwater.machine.session import FOR_LITTLE
from headwater.sandbox.connectors import connectors_of
from headwater.state.migrations import prepare_state
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store
from headwater.state.target import Target
from headwater.state.waiting import waiting_bytes

LITTLE_BYTES = 8 * 1024**2
"""Below this an update ends sooner without the JVM's full compiler; see docs/performance.md."""


def run_pipeline(
    target: Target,
    pipeline: str | None,
    request: UpdateRequest,
    *,
    master: str | None,
    as_json: bool,
) -> int:
    """Run an update and show it; return the exit status.

    A continuous update that is stopped has ended well, unless one of its flows had failed.
    """
    _check_request(request)
    result = _update(target, pipeline, request, master=master, quiet=as_json)
    if not as_json:
        _print_notes(target, pipeline, request, result.graph)
    if not as_json:
        print_warnings(result.graph)
    if as_json:
        print_json(result_json(result))
    elif request.validate_only:
        count = len(result.graph.datasets)
        click.echo(f"Valid: {count} datasets, {len(result.graph.flows)} flows. Nothing written.")
    else:
        print_result(result)
    if result.error is not None and not as_json:
        print_errors([flow.error for flow in result.flows if flow.error is not None])
    is_stopped = request.continuous and result.state == "CANCELED" and result.error is None
    return 0 if result.state == "COMPLETED" or is_stopped else 1


def _check_request(request: UpdateRequest) -> None:
    if request.continuous and request.validate_only:
        raise UsageError(
            "OPTIONS_CONFLICT",
            "--continuous and --validate are mutually exclusive",
            hint="Validate first, then run with --continuous alone.",
        )


def _print_notes(
    target: Target, pipeline: str | None, request: UpdateRequest, graph: Graph
) -> None:
    spec = target.bundle.pipeline(pipeline)
    inert = [*spec.no_effect, *graph.no_effect]
    if inert:
        click.echo(f"note: no effect here: {', '.join(inert)}", err=True)
    if spec.continuous and not (request.continuous or request.validate_only):
        click.echo(
            "note: the pipeline is continuous, and this update has ended; --continuous goes on",
            err=True,
        )


def _update(
    target: Target,
    pipeline: str | None,
    request: UpdateRequest,
    *,
    master: str | None,
    quiet: bool,
) -> UpdateResult:
    if request.validate_only:
        with looking(target, pipeline, master=master) as updater:
            return updater.run(request)
    spec = target.bundle.pipeline(pipeline)
    prepare_state(target.store.root)
    connectors = connectors_of(spec, target.bundle.root)
    # nobody knows how many events of a topic wait, nor what comes while an update goes on
    little = not request.continuous and KAFKA.word not in connectors
    little = little and _is_little(target.pipeline_state(spec.key), request)
    with (
        progress(quiet) as listener,
        command_session(
            target,
            master=master,
            quick=little,
            configuration=FOR_LITTLE if little else None,
            connectors=connectors,
        ) as spark,
        _stopping(request) as stopping,
    ):
        updater = Updater(spark, target.bundle, spec, target.store, listener, stopping=stopping)
        try:
            return updater.run(request)
        except KeyboardInterrupt:
            ignore_interrupt()
            raise


@contextmanager
def looking(
    target: Target, pipeline: str | None, *, master: str | None = None
) -> Iterator[Updater]:
    """Open an updater for what writes nothing, the state folder of a new target included."""
    spec = target.bundle.pipeline(pipeline)
    with (
        untouched(target) as place,
        command_session(
            place,
            master=master,
            quick=True,
            connectors=connectors_of(spec, target.bundle.root),
        ) as spark,
    ):
        yield Updater(spark, target.bundle, spec, place.store)


def _stopping(request: UpdateRequest) -> AbstractContextManager[threading.Event]:
    """Provide what ends a continuous update; of another one, a signal is an interrupt.

    Begun once the session is there: PySpark takes the signals for itself when it starts.
    """
    return stopping_on_signals() if request.continuous else nullcontext(threading.Event())


def _is_little(state: PipelineState, request: UpdateRequest) -> bool:
    """Whether less waits than the full compiler is worth; it is chosen when nobody knows."""
    waiting = waiting_bytes(state, anew=bool(request.full_refresh or request.reset_checkpoints))
    return waiting is not None and waiting < LITTLE_BYTES


@contextmanager
def untouched(target: Target) -> Iterator[Target]:
    """Validate without creating a state folder: a temporary one replaces a missing one.

    Others may create and fill the real one meanwhile. Errors name the real one, but for a failed
    start of Java, whose log is kept.
    """
    if target.store.root.exists():
        yield target
        return
    store = Store(Path(tempfile.mkdtemp(prefix="headwater-")))
    is_kept = False
    try:
        yield replace(target, store=store)
    except SettingError:
        is_kept = True  # its hint names the log in the folder
        raise
    except HeadwaterError as error:
        for part in error.parts:
            part.message = part.message.replace(str(store.root), str(target.store.root))
        raise
    finally:
        forget(store)
        if not is_kept:
            shutil.rmtree(store.root, ignore_errors=True)


def print_warnings(graph: Graph) -> None:
    """Print the warnings of lint on standard error."""
    for warning in graph.warnings:
        warn(warning)

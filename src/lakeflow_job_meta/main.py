"""Entry point of the monitoring task: parameters of a job or widgets of a notebook, one monitor.

As a Python script or wheel task the parameters come as arguments, `--control_table=...`; in a
notebook they are widgets: `main(dbutils=dbutils)`.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from headwater.cli.output import print_error
from headwater.errors import HeadwaterError, UsageError, nearest
from lakeflow_job_meta.constants import CHECK_INTERVAL_SECONDS
from lakeflow_job_meta.monitor import MetadataMonitor

PARAMETERS = (
    "control_table",
    "volume_path",
    "check_interval_seconds",
    "max_iterations",
    "name_prefix",
)


def main(arguments: Sequence[str] | None = None, dbutils: Any = None) -> int:
    """Run the monitor until it is stopped; SIGTERM ends it after the module at hand.

    Args:
        arguments: `--name=value`, `--name value` or `name=value`, of `PARAMETERS`; those of the
            process when not given.
        dbutils: that of a notebook, whose widgets win over arguments.

    Returns:
        The exit status: 0, or 1 or 2 after an error, which is printed in two lines.
    """
    log_to_stderr()
    try:
        given = read_arguments(sys.argv[1:] if arguments is None else arguments)
        watch(given | read_widgets(dbutils))
    except HeadwaterError as error:
        print_error(error)
        return error.exit_code
    return 0


def log_to_stderr() -> None:
    """Write this library's lines to standard error, whatever else becomes of logs."""
    logger = logging.getLogger("lakeflow_job_meta")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)


def task() -> None:
    """Run `main` as the entry point of a Python wheel task, which looks at no return value."""
    status = main()
    if status:
        sys.exit(status)


def watch(given: Mapping[str, str], **options: Any) -> None:
    """Run a monitor with parameters as texts; empty ones count as not given.

    Args:
        options: further keyword arguments of `MetadataMonitor`.

    Raises:
        UsageError: PARAMETER_MISSING, PARAMETER_INVALID.
    """
    if not given.get("control_table"):
        raise UsageError(
            "PARAMETER_MISSING",
            "control_table is not given",
            hint="Set it to catalog.schema.table, as a parameter of the task or as a widget.",
        )
    interval = _number(given, "check_interval_seconds", float(CHECK_INTERVAL_SECONDS))
    limit = _number(given, "max_iterations", 0, least=1)
    monitor = MetadataMonitor(
        given["control_table"],
        interval,
        given.get("volume_path") or None,
        name_prefix=given.get("name_prefix") or "",
        **options,
    )
    stop_on_signals(monitor)
    monitor.run_continuous(int(limit) or None)


def stop_on_signals(monitor: MetadataMonitor) -> None:
    """End a monitor cleanly on SIGTERM and Ctrl-C; outside the main thread nothing can be set."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        monitor.stop()

    try:
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
    except ValueError:
        logging.getLogger("lakeflow_job_meta").debug("signals belong to another thread")


def read_arguments(arguments: Sequence[str]) -> dict[str, str]:
    """Read the parameters of a task.

    Raises:
        UsageError: PARAMETER_UNKNOWN.
    """
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if name not in PARAMETERS:
            raise UsageError(
                "PARAMETER_UNKNOWN",
                f"Unknown parameter '{name}'",
                hint=nearest(name, PARAMETERS) or f"They are: {', '.join(PARAMETERS)}.",
            )
        if not equals and not rest:
            raise UsageError("PARAMETER_INVALID", f"{name} has no value", hint=f"--{name}=...")
        given[name] = value if equals else rest.pop(0)
    return given


def read_widgets(dbutils: Any) -> dict[str, str]:
    """Read the widgets that a notebook has; those with a value."""
    if dbutils is None:
        return {}
    widgets: Mapping[str, str] = dbutils.widgets.getAll()
    return {name: widgets[name] for name in PARAMETERS if widgets.get(name)}


def _number(given: Mapping[str, str], name: str, default: float, least: int = 0) -> float:
    text = (given.get(name) or "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not least <= number < float("inf") or (least and number % 1):
        kind = f"whole number from {least}" if least else "number from 0"
        raise UsageError(
            "PARAMETER_INVALID", f"{name} is no {kind}: {text!r}", hint=f"Correct {name}."
        )
    return number


if __name__ == "__main__":
    sys.exit(main())

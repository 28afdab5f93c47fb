"""Run the entry points of Python wheels as tasks, in this process and its Spark session."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

from headwater.errors import UsageError, nearest
from headwater.jobs.context import TaskContext
from headwater.jobs.results import Outcome
from headwater.jobs.scripts import as_program, one_at_a_time
from headwater.jobs.user_code import as_user_code


def run_wheel(
    context: TaskContext, package: str, entry_point: str, parameters: Sequence[str]
) -> Outcome:
    """Run an entry point of an installed package, with `parameters` as `sys.argv`.

    Where its metadata has no entry point of that name, the function of the package is called, as
    in a workspace. What is run is what is installed here: the editable project, or its wheel.

    Raises:
        UsageError: PACKAGE_NOT_FOUND, ENTRY_POINT_UNKNOWN.
        JobError: SCRIPT_EXIT, with the status; TASK_CANCELLED.
        Exception: whatever it raises.
    """
    found = find_entry_point(package, entry_point, context.task.where)
    with (
        one_at_a_time(context, package),
        as_program(entry_point, parameters),
        as_user_code(context),
    ):
        found()
    return Outcome()


def find_entry_point(package: str, name: str, where: str) -> Callable[[], Any]:
    """Find an entry point of an installed package, or else a function of it.

    Args:
        where: the place of the task.

    Raises:
        UsageError: PACKAGE_NOT_FOUND, ENTRY_POINT_UNKNOWN.
    """
    try:
        known = {each.name: each for each in distribution(package).entry_points}
    except PackageNotFoundError:
        raise UsageError(
            "PACKAGE_NOT_FOUND",
            f"The package '{package}' is not installed",
            where=where,
            hint="Install the project: pip install -e .",
        ) from None
    if name in known:
        return known[name].load()  # type: ignore[no-any-return]
    function = getattr(importlib.import_module(package.replace("-", "_")), name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    raise UsageError(
        "ENTRY_POINT_UNKNOWN",
        f"The package '{package}' has no entry point '{name}'",
        where=where,
        hint=nearest(name, known) or "Add it under [project.scripts] of pyproject.toml.",
    )

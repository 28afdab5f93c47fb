"""Run Python files as tasks, in this process and its Spark session."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from headwater.errors import JobError
from headwater.jobs.context import TaskContext
from headwater.jobs.dbutils import DBUtils
from headwater.jobs.files import find_file
from headwater.jobs.imports import imports_from
from headwater.jobs.notebooks import display, exit_value
from headwater.jobs.results import Outcome
from headwater.jobs.user_code import as_user_code
from headwater.sandbox.runtime_names import bound_runtime

_one_at_a_time = threading.Lock()


def run_script(context: TaskContext, path: str, parameters: Sequence[str]) -> Outcome:
    """Run a Python file under `__main__`, with `parameters` as `sys.argv`.

    Scripts run one at a time, since `sys.argv` belongs to the process; other kinds of tasks go on
    beside. `spark` and `dbutils` are there, also to import from `databricks.sdk.runtime`;
    `SparkSession.builder.getOrCreate()` gives the same session as `spark`. `sys.exit()` and
    `sys.exit(0)` are a success.

    Raises:
        UsageError: FILE_NOT_FOUND.
        JobError: SCRIPT_EXIT, with the status; TASK_CANCELLED.
        Exception: whatever the script raises.
    """
    file = find_file(context.run.root, path)
    code = compile(file.read_bytes(), str(file), "exec")
    names = {
        "spark": context.session,
        "dbutils": DBUtils(context, {}, partial(exit_value, context), lambda: file),
        "display": display,
    }
    namespace = {"__name__": "__main__", "__file__": str(file), **names}
    with (
        one_at_a_time(context, path),
        as_program(str(file), parameters),
        imports_from(file.parent),
        as_user_code(context),
        bound_runtime(names),
    ):
        exec(code, namespace)  # noqa: S102 - running the user's script is the task
    return Outcome()


@contextmanager
def one_at_a_time(context: TaskContext, where: str) -> Iterator[None]:
    """Wait for other programs to end; leaving with a status other than 0 is a failure.

    Raises:
        JobError: SCRIPT_EXIT, with the status; TASK_CANCELLED.
    """
    with context.alone(_one_at_a_time):
        try:
            yield
        except SystemExit as ended:
            if ended.code not in (None, 0):
                status = ended.code if isinstance(ended.code, int) else 1
                raise JobError(
                    "SCRIPT_EXIT", f"The program ended with status {status}", where=where
                ) from None


@contextmanager
def as_program(name: str, parameters: Sequence[str]) -> Iterator[None]:
    """Let this process look like a program's for the length of a `with` block.

    `sys.argv` and the working folder are the program's alone, and programs run one at a time.
    """
    before, folder = sys.argv, Path.cwd()
    sys.argv = [name, *parameters]
    try:
        yield
    finally:
        sys.argv = before
        os.chdir(folder)

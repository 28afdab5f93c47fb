"""Run dbt commands as a task, in this process and the task's session."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from headwater.dbt.profiles import CHOOSING
from headwater.dbt.projects import PROJECT_FILE, Project, folder_of_task, read_project
from headwater.dbt.results import DbtRun
from headwater.dbt.runner import DbtCommand, run_dbt
from headwater.errors import JobError, UsageError
from headwater.jobs.bundles import BUNDLE_FILES, bundle_of
from headwater.jobs.context import TaskContext
from headwater.jobs.files import find_file
from headwater.jobs.results import Outcome

_MOST_NAMED = 3
_one_at_a_time = threading.Lock()


def run_dbt_task(context: TaskContext) -> Outcome:
    """Run the commands of a task in order, up to the first that fails.

    dbt runs one command at a time in a process; other kinds of tasks go on beside. It prints
    nothing here; its log is in the target's state folder.

    Raises:
        UsageError: BUNDLE_MISSING, FILE_NOT_FOUND, PATH_OUTSIDE_ROOT, DBT_COMMAND_INVALID, or as
            `run_dbt`.
        JobError: DBT_FAILED, with the first nodes that failed; TASK_CANCELLED.
    """
    target = bundle_of(context.run)
    if target is None:
        raise UsageError(
            "BUNDLE_MISSING",
            f"There is no {BUNDLE_FILES[0]} that says which tables dbt works on",
            where=str(context.run.root),
            hint="Run in the folder of a bundle.",
        )
    commands = [_words(each, context.task.where) for each in context.filled(_commands(context))]
    command = DbtCommand(
        _project(context), (), schema=str(context.config.get("schema") or ""), quiet=True
    )
    counts: dict[str, int] = {}
    for words in commands:
        with context.alone(_one_at_a_time):
            done = run_dbt(
                target,
                replace(command, arguments=words),
                lambda: context.session,
                context.check,
            )
        if not done.succeeded:
            context.check()
            hint = _where_to_look(done)
            raise JobError("DBT_FAILED", _failure(done), where=context.task.where, hint=hint)
        for node in done.nodes:
            counts[node.resource_type] = counts.get(node.resource_type, 0) + 1
    told = [f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items()]
    return Outcome(message=", ".join(told))


def _commands(context: TaskContext) -> list[str]:
    given = context.config["commands"]
    return [str(each) for each in given] if isinstance(given, list) else [str(given)]


def _words(command: str, where: str) -> tuple[str, ...]:
    """Take a command apart as a shell does, without its first word, `dbt`."""
    try:
        first, *words = shlex.split(command)
    except ValueError:
        first, words = "", []
    if first != "dbt" or not words:
        raise UsageError(
            "DBT_COMMAND_INVALID",
            "A command of the task is not a dbt command",
            where=where,
            hint="Write it as for a shell: dbt build --select staging",
        )
    return _without_connection(words)


def _without_connection(words: Sequence[str]) -> tuple[str, ...]:
    """Leave out the options that choose a connection: they name the one of a workspace."""
    kept: list[str] = []
    given = iter(words)
    for word in given:
        option, equals, _ = word.partition("=")
        if option not in CHOOSING:
            kept.append(word)
        elif not equals:
            next(given, None)  # its value
    return tuple(kept)


def _project(context: TaskContext) -> Project:
    file = PurePosixPath(folder_of_task(context.config), PROJECT_FILE)
    return read_project(find_file(context.run.root, str(file)).parent)


def _where_to_look(run: DbtRun) -> str:
    """Name the command that runs the query of the first test that failed."""
    tests = [each for each in run.nodes if each.failed and each.failures and each.compiled]
    for test in tests:
        command = shlex.join(["headwater", "sql", "-f", test.compiled])
        return f"The query of {test.name}, with -t and --state as here: {command}"
    return ""


def _failure(run: DbtRun) -> str:
    """Say which nodes failed: their names and how many failures, never what the rows hold."""
    failed = [each for each in run.nodes if each.failed]
    if not failed:
        return f"dbt {run.command}: {run.message.strip() or 'it failed; see its log'}"
    named = [
        f"{each.name} ({each.status}" + (f": {each.failures:,})" if each.failures else ")")
        for each in failed[:_MOST_NAMED]
    ]
    more = f" and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
    return f"dbt {run.command}: {len(failed)} of {len(run.nodes)} nodes failed: " + (
        ", ".join(named) + more
    )

"""The kinds of tasks that run locally: one row and one function each."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from headwater.errors import JobError, UsageError
from headwater.jobs.attempts import Ended, run_attempts
from headwater.jobs.bundles import bundle_of
from headwater.jobs.context import Facts, TaskContext, TaskValues
from headwater.jobs.dbt import run_dbt_task
from headwater.jobs.files import find_file, read_text
from headwater.jobs.notebooks import run_notebook
from headwater.jobs.pipelines import run_pipeline
from headwater.jobs.results import FAILURES, Outcome
from headwater.jobs.scripts import run_script
from headwater.jobs.sessions import task_session
from headwater.jobs.sql import run_sql, told_rows
from headwater.jobs.tasks import OPERATORS, Task, as_text, read_job
from headwater.jobs.wheels import run_wheel

_MOST_NESTED = 3
"""How many jobs may start each other, as in a workspace."""


def _notebook(context: TaskContext) -> Outcome:
    given = _pushed(context, context.config.get("base_parameters") or {})
    return run_notebook(context, context.config["notebook_path"], given)


def _sql(context: TaskContext) -> Outcome:
    """Run a saved query, or a file."""
    file = context.config.get("file")
    if file:
        path = file["path"]
        text = read_text(context.run.root, find_file(context.run.root, path))
        return _run_text(context, text, PurePosixPath(path).name)
    found = context.run.queries.get(context.config["query"]["query_id"])
    if found is None:
        raise UsageError(
            "LOCAL_QUERY_UNKNOWN",
            "A saved query can't run locally: its text is in the workspace",
            where=context.task.where,
            hint="Put its text into sql_query, or run a file.",
        )
    return _run_text(context, found, context.key)


def _run_text(context: TaskContext, text: str, name: str) -> Outcome:
    given = _pushed(context, context.config.get("parameters") or {})
    is_told = _is_output_read(context)
    result = run_sql(
        context.session, text, given, name, check=context.check, must_finish=not is_told
    )
    if not is_told or result.frame is None:
        return Outcome(rows=result.rows)
    output = told_rows(result.frame, name)
    return Outcome(rows=len(output), output=output)


def _is_output_read(context: TaskContext) -> bool:
    """Whether a task of the job refers to the rows of this one."""
    steps = re.compile(rf"tasks\.`?{re.escape(context.key)}`?\.output\b")
    return any(steps.search(json.dumps(each.config)) for each in context.run.job.tasks)


def _pushed(context: TaskContext, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the named parameters of a task, over which those of the job win.

    Source: Databricks, "Configure job parameters" (job parameter pushdown), read November 2026.
    """
    return {**_texts(context.filled(parameters)), **context.parameters}


def _arguments(context: TaskContext) -> list[str]:
    """Return the arguments of a program; numbers and flags of a bundle are texts there."""
    return [as_text(each) for each in context.filled(context.config.get("parameters") or [])]


def _python_wheel(context: TaskContext) -> Outcome:
    config = context.config
    named = config.get("named_parameters")
    if named is not None:
        given = [f"--{name}={each}" for name, each in _pushed(context, named).items()]
    else:
        given = _arguments(context)
    return run_wheel(context, config["package_name"], config["entry_point"], given)


def _run_job(context: TaskContext) -> Outcome:
    """Run another job to its end."""
    run, wanted = context.run, as_text(context.config["job_id"])
    settings = run.jobs.get(wanted)
    if settings is None or run.start is None:
        raise UsageError(
            "JOB_UNKNOWN",
            f"The job {wanted} is not one of those that run here",
            where=context.task.where,
            hint="Refer to a job of the bundle: ${resources.jobs.<key>.id}.",
        )
    if run.facts.depth == _MOST_NESTED:
        raise JobError(
            "JOBS_NESTED",
            f"Jobs run each other more than {_MOST_NESTED} deep",
            where=context.task.where,
            hint="A workspace allows no more either; look for two that run each other.",
        )
    job = read_job(settings, {})
    pushed = {name: each for name, each in context.parameters.items() if name in job.parameters}
    told = _texts(context.filled(context.config.get("job_parameters") or {}))
    inner = replace(
        run,
        job=job.given({**told, **pushed}),
        facts=Facts(_new_id(), wanted, depth=run.facts.depth + 1, trigger="run_job_task"),
        results={},
        values=TaskValues(),
        attempts={},
        stopping=context.cancelled,
    )
    done = run.start(inner)
    if not done.succeeded:
        failed = next((each for each in done.tasks if each.state in FAILURES), None)
        first = f"; task '{failed.task_key}': {failed.message}" if failed else ""
        raise JobError("JOB_FAILED", f"Job '{job.name}' ended {done.state}{first}")
    return Outcome(message=f"{len(done.tasks)} tasks of job '{job.name}'")


def _new_id() -> int:
    """Return an id for a run that is not recorded by itself."""
    return random.randrange(10**14, 10**15)  # noqa: S311 - told from others, no secret


def _python_script(context: TaskContext) -> Outcome:
    return run_script(context, context.config["python_file"], _arguments(context))


def _pipeline(context: TaskContext) -> Outcome:
    return run_pipeline(context, context.config["pipeline_id"], context.config)


def _condition(context: TaskContext) -> Outcome:
    """Compare as a job does: equality of texts, `12.0` is not `12`; order of numbers."""
    left, right = (context.filled(context.config[side]) for side in ("left", "right"))
    name = context.config["op"]
    if name in ("EQUAL_TO", "NOT_EQUAL"):
        holds = OPERATORS[name](left, right)
    else:
        try:
            holds = OPERATORS[name](float(left), float(right))
        except ValueError:
            raise JobError(
                "CONDITION_NOT_NUMERIC",
                f"{name} compares numbers, and one side is none",
                where=context.task.where,
                hint="Compare with EQUAL_TO, or give numbers.",
            ) from None
    return Outcome(verdict=str(holds).lower())


def _for_each(context: TaskContext) -> Outcome:
    """Run the nested task for each input; all of them run, whichever fails."""
    inputs, nested = _inputs(context), context.task.nested
    assert nested is not None  # noqa: S101 - this function is the kind of loops, which have one
    work, run = LOCAL_KINDS[nested.kind], context.run

    def iterate(value: Any) -> Ended | None:
        def begin(number: int) -> TaskContext:
            session = task_session(run.spark, partial(bundle_of, run))
            return TaskContext(run, nested, session, context.key, attempt=number, input=value)

        return None if context.cancelled.is_set() else run_attempts(begin, work, context.cancelled)

    with ThreadPoolExecutor(max_workers=context.config["concurrency"]) as pool:
        ended = list(pool.map(iterate, inputs))  # all of them, whichever fails
    context.check()
    done = [each for each in ended if each is not None]
    failed = [each for each in done if each.error is not None]
    if failed:
        first = failed[0].told(nested, run.root)
        said = f"{len(failed)} of {len(inputs)} iterations failed, the first with {first}"
        raise JobError("ITERATIONS_FAILED", said, where=context.key)
    counts = [each.outcome.rows for each in done if each.outcome.rows is not None]
    return Outcome(sum(counts) if counts else None, f"{len(inputs)} iterations")


def _inputs(context: TaskContext) -> list[Any]:
    """Read the JSON list of inputs; references in its texts, or to all of it, are filled in."""
    text = context.config["inputs"]
    given = _read_json(text)
    # what is not JSON before a reference is filled in may be a list after it
    inputs = _read_json(context.filled(text)) if given is None else context.filled(given)
    if not isinstance(inputs, list):
        raise UsageError(
            "INPUTS_INVALID",
            "inputs is not a JSON list",
            where=context.task.where,
            hint='Write a list, or a reference to a value such as ["a", "b"].',
        )
    return inputs


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as texts; one without a value is left out, as bundles do."""
    return {name: as_text(value) for name, value in values.items() if value is not None}


LOCAL_KINDS: Mapping[str, Callable[[TaskContext], Outcome]] = {
    "notebook_task": _notebook,
    "sql_task": _sql,
    "spark_python_task": _python_script,
    "python_wheel_task": _python_wheel,
    "pipeline_task": _pipeline,
    "run_job_task": _run_job,
    "dbt_task": run_dbt_task,
    "condition_task": _condition,
    "for_each_task": _for_each,
}


def runs_locally(task: Task, jobs: Collection[str]) -> bool:
    """Return whether a task of this kind can run here; a loop, if what it holds can.

    Args:
        jobs: ids of the jobs that tasks may run.
    """
    if task.nested is not None:
        return runs_locally(task.nested, jobs)
    if task.kind == "sql_task":
        return "query" in task.config or "file" in task.config
    if task.kind == "run_job_task":
        return as_text(task.config["job_id"]) in jobs
    return task.kind in LOCAL_KINDS

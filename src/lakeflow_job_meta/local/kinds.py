"""The kinds of tasks that run locally: one row and one function each."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any

from headwater.errors import HeadwaterError, UsageError
from lakeflow_job_meta.errors import Fault, MetadataError
from lakeflow_job_meta.local.attempts import tagged
from lakeflow_job_meta.local.context import TaskContext
from lakeflow_job_meta.local.failures import described
from lakeflow_job_meta.local.files import find_file, read_text
from lakeflow_job_meta.local.notebooks import run_notebook
from lakeflow_job_meta.local.pipelines import has_runtime, run_pipeline, task_session
from lakeflow_job_meta.local.results import Outcome
from lakeflow_job_meta.local.scripts import run_script
from lakeflow_job_meta.local.sql import run_sql
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.task_builders import as_text


def _notebook(context: TaskContext) -> Outcome:
    given = context.filled(context.config.get("base_parameters") or {})
    always = {
        "source_id": context.source.source_id,
        "control_table": context.run.control_table,
    }
    return run_notebook(context, context.config["notebook_path"], {**_texts(given), **always})


def _sql_query(context: TaskContext) -> Outcome:
    text = context.config["sql_task"].get("sql_query")
    if text is None:
        raise UsageError(
            "LOCAL_QUERY_UNKNOWN",
            "A saved query can't run locally: its text is in the workspace",
            where=context.source.where,
            hint="Put its text into sql_query.",
        )
    return _run_text(context, text, context.source.source_id)


def _sql_file(context: TaskContext) -> Outcome:
    path = context.config["sql_task"]["sql_file_path"]
    text = read_text(context.run.root, find_file(context.run.root, path))
    return _run_text(context, text, PurePosixPath(path).name)


def _run_text(context: TaskContext, text: str, name: str) -> Outcome:
    given = context.filled(context.config["sql_task"].get("parameters") or {})
    result = run_sql(context.session, text, _texts(given), name, check=context.check)
    return Outcome(rows=result.rows)


def _python_script(context: TaskContext) -> Outcome:
    parameters = context.filled(context.config.get("parameters") or [])
    return run_script(context, context.config["python_file"], parameters)


def _pipeline(context: TaskContext) -> Outcome:
    return run_pipeline(context, context.config["pipeline_id"], context.config)


OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUAL_TO": operator.eq,
    "NOT_EQUAL": operator.ne,
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_OR_EQUAL": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_OR_EQUAL": operator.le,
}


def _condition(context: TaskContext) -> Outcome:
    """Compare as a job does: equality of texts, `12.0` is not `12`; order of numbers."""
    left, right = (context.filled(as_text(context.config[side])) for side in ("left", "right"))
    name = context.config["op"]
    if name in ("EQUAL_TO", "NOT_EQUAL"):
        holds = OPERATORS[name](left, right)
    else:
        try:
            holds = OPERATORS[name](float(left), float(right))
        except ValueError:
            raise HeadwaterError(
                "CONDITION_NOT_NUMERIC",
                f"{name} compares numbers, and one side is none",
                where=context.source.where,
                hint="Compare with EQUAL_TO, or give numbers.",
            ) from None
    return Outcome(verdict=str(holds).lower())


def _for_each(context: TaskContext) -> Outcome:
    """Run the nested task for each input; all of them run, whichever fails."""
    inputs = _inputs(context)
    run = LOCAL_KINDS[context.config["task"]["task_type"]]

    def iterate(value: Any) -> Outcome | BaseException:
        session = task_session(context.run.spark)
        try:
            context.check()
            with tagged(session, context.tag):
                return run(context.iteration(value, session))
        except Exception as error:  # the other iterations go on; all errors are counted below
            return error

    with ThreadPoolExecutor(max_workers=context.config.get("concurrency") or 1) as pool:
        outcomes = list(pool.map(iterate, inputs))
    failed = [each for each in outcomes if isinstance(each, BaseException)]
    if failed:
        first = described(failed[0], context.run.root)
        said = f"{len(failed)} of {len(inputs)} iterations failed, the first with {first}"
        raise HeadwaterError("ITERATIONS_FAILED", said, where=context.source.source_id)
    counts = [each.rows for each in outcomes if isinstance(each, Outcome) and each.rows is not None]
    return Outcome(sum(counts) if counts else None, f"{len(inputs)} iterations")


def _inputs(context: TaskContext) -> list[Any]:
    inputs = context.config["inputs"]
    if isinstance(inputs, str):
        try:
            inputs = json.loads(context.filled(inputs))
        except ValueError:
            inputs = None
    if not isinstance(inputs, list):
        raise UsageError(
            "INPUTS_INVALID",
            "inputs is no JSON list",
            where=context.source.where,
            hint='Write a list, or a reference to a value such as ["a", "b"].',
        )
    return inputs


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: as_text(value) for name, value in values.items()}


LOCAL_KINDS: Mapping[str, Callable[[TaskContext], Outcome]] = {
    "notebook": _notebook,
    "sql_query": _sql_query,
    "sql_file": _sql_file,
    "python_script": _python_script,
    "pipeline": _pipeline,
    "condition": _condition,
    "for_each": _for_each,
}


def runs_locally(config: Mapping[str, Any]) -> bool:
    """Return whether a task of this kind can run here; a loop, if what it holds can."""
    kind = config["task_type"]
    if kind == "for_each":
        return runs_locally(config["task"])
    return kind in LOCAL_KINDS and (kind != "pipeline" or has_runtime())


def check_kinds(sources: Sequence[Source]) -> None:
    """Name every source that can't run locally.

    Raises:
        MetadataError: LOCAL_KIND_UNSUPPORTED for each.
    """
    faults: list[Fault] = []
    for source in sources:
        config = source.transformation_config
        if config.get("disabled") or runs_locally(config):
            continue
        kind = config["task"]["task_type"] if config["task_type"] == "for_each" else None
        kind = kind or config["task_type"]
        said = f"Source '{source.source_id}' is a task of type '{kind}', which can't run locally"
        hint = "Install headwater." if kind == "pipeline" else "Pass --skip-unsupported."
        faults.append(source.fault("LOCAL_KIND_UNSUPPORTED", said, hint))
    if faults:
        raise MetadataError(faults)

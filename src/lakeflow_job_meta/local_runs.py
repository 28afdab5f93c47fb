"""Run a module here: the definition that would be deployed, handed to the runner of jobs.

The only module that needs `headwater[local]`; import it where something runs locally, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headwater.errors import UsageError
from headwater.jobs import JobRequest, TaskRun, run_job, unsupported_tasks
from lakeflow_job_meta.definitions import job_definition, module_faults
from lakeflow_job_meta.errors import Fault, MetadataError
from lakeflow_job_meta.saved_queries import with_query_ids
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.utils import task_key


@dataclass(frozen=True)
class TaskResult:
    """How the task of one source ended.

    Args:
        state: as the Jobs API has it, or UNSUPPORTED.
        seconds: from its start to its end, all attempts together; 0.0 when it never started.
        rows: that a statement returned, or that a write says it changed; None if unknown.
        message: code, what happened and `file:line` or cell; never rows or parameter values.
        attempts: how often it was started.
    """

    source_id: str
    task_key: str
    task_type: str
    state: str
    seconds: float = 0.0
    rows: int | None = None
    message: str = ""
    attempts: int = 0


_TOLD = {each.name for each in fields(TaskResult)}


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Args:
        results: one per source, by execution order and source id.
        succeeded: whether no task failed that nothing waits for: a failure that a later task
            with a `run_if` dealt with leaves the run a success, as in a job.
    """

    module_name: str
    results: tuple[TaskResult, ...]
    succeeded: bool


def run_module(
    sources: Sequence[Source],
    *,
    control_table: str,
    spark: SparkSession,
    root: Path,
    on_result: Callable[[TaskResult], None] | None = None,
    skip_unsupported: bool = False,
    max_parallel: int = 4,
    target: str | None = None,
) -> RunResult:
    """Run a module as its job would run: order, parallelism, retries, timeouts, conditions.

    Tasks do what they do: running a module twice is as safe as its tasks are.

    Args:
        sources: the active sources of one module.
        control_table: passed to notebooks, beside the source's id.
        on_result: called in this thread with each result as it comes.
        root: this and the rest: see `headwater.jobs.run_job`.

    Raises:
        UsageError: MODULE_EMPTY.
        MetadataError: faults of the sources or the graph, or LOCAL_KIND_UNSUPPORTED with each
            source that can't run; nothing has run then.
    """
    if not sources:
        raise UsageError("MODULE_EMPTY", "The module has no active sources")
    faults = module_faults(sources)
    if faults:
        raise MetadataError(faults)
    by_key = {task_key(source.source_id): source for source in sources}
    definition = job_definition(sources, control_table)
    names = {query.source_id: f"text of {query.source_id}" for query in definition.queries}
    settings = with_query_ids(definition, {key: (name, "") for key, name in names.items()})
    if not skip_unsupported:
        _check_kinds(settings, by_key)

    def result_of(run: TaskRun) -> TaskResult:
        source = by_key[run.task_key]
        told = {name: each for name, each in vars(run).items() if name in _TOLD}
        return TaskResult(source.source_id, task_type=_type_of(source), **told)

    done = run_job(
        settings,
        spark=spark,
        root=root,
        queries={names[query.source_id]: query.query_text for query in definition.queries},
        places={key: source.where for key, source in by_key.items()},
        target=target,
        request=JobRequest(skip_unsupported=skip_unsupported, max_parallel=max_parallel),
        on_task=(lambda run: on_result(result_of(run))) if on_result else None,
    )
    return RunResult(definition.module_name, tuple(map(result_of, done.tasks)), done.succeeded)


def _check_kinds(settings: dict[str, Any], by_key: dict[str, Source]) -> None:
    """Name every source that can't run locally.

    Raises:
        MetadataError: LOCAL_KIND_UNSUPPORTED for each.
    """
    refused = {task.key for task in unsupported_tasks(settings)}
    faults: list[Fault] = []
    for key, source in by_key.items():
        if key not in refused:
            continue
        nested = source.transformation_config.get("task") or {}
        kind = nested.get("task_type", _type_of(source))
        said = f"Source '{source.source_id}' is a task of type '{kind}', which can't run locally"
        faults.append(source.fault("LOCAL_KIND_UNSUPPORTED", said, "Pass --skip-unsupported."))
    if faults:
        raise MetadataError(faults)


def _type_of(source: Source) -> str:
    return str(source.transformation_config["task_type"])

"""Run the tasks of a module on local Spark, in the order that its job would."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.errors import UsageError
from lakeflow_job_meta.definitions import module_faults
from lakeflow_job_meta.errors import MetadataError
from lakeflow_job_meta.graph import Dependency, dependencies
from lakeflow_job_meta.local.attempts import run_task
from lakeflow_job_meta.local.context import Run, TaskContext
from lakeflow_job_meta.local.failures import described
from lakeflow_job_meta.local.kinds import LOCAL_KINDS, check_kinds, runs_locally
from lakeflow_job_meta.local.pipelines import activate
from lakeflow_job_meta.local.readiness import blocked_state
from lakeflow_job_meta.local.results import (
    EXCLUDED,
    FAILED,
    FAILURES,
    SKIPPED,
    UNSUPPORTED,
    UPSTREAM_FAILED,
    Outcome,
    RunResult,
    TaskResult,
)
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.task_builders import as_text
from lakeflow_job_meta.utils import task_key

OnResult = Callable[[TaskResult], None]

_MESSAGES = {
    UPSTREAM_FAILED: "[UPSTREAM_FAILED] A task that this one waits for has failed",
    EXCLUDED: "[EXCLUDED] An outcome or run_if condition was not met",
    SKIPPED: "[DISABLED] The task is disabled",
    UNSUPPORTED: "[LOCAL_KIND_UNSUPPORTED] Tasks of this type do not run locally",
}


def run_module(
    sources: Sequence[Source],
    *,
    control_table: str,
    spark: SparkSession,
    root: Path,
    skip_unsupported: bool = False,
    max_parallel: int = 4,
    on_result: OnResult | None = None,
    target: str | None = None,
) -> RunResult:
    """Run a module as its job would run: order, parallelism, retries, timeouts, conditions.

    Every task gets a Spark session of its own over the same tables. A task that fails makes what
    waits for it UPSTREAM_FAILED, unless its `run_if` says otherwise; other branches go on. Tasks do
    what they do: running a module twice is as safe as its tasks are.

    Args:
        sources: the active sources of one module.
        control_table: passed to notebooks, beside the source's id.
        root: the folder that paths of the metadata are looked up below.
        skip_unsupported: let tasks that can't run here end UNSUPPORTED, and what waits for them
            run as if they had succeeded.
        max_parallel: how many tasks run at once.
        on_result: called in this thread with each result as it comes.
        target: of the bundle, for tasks of type `pipeline`; its default one when not given.

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
    if not skip_unsupported:
        check_kinds(sources)
    config = next((each.module_config for each in sources if each.module_config), {})
    defaults = {
        each["name"]: as_text(each.get("default", "")) for each in config.get("parameters") or ()
    }
    run = Run(spark, root.resolve(), control_table, target, defaults)
    try:
        return _Graph(run, sources, max_parallel, on_result or (lambda _: None)).run_all()
    finally:
        activate(spark)  # not the session of the last task


@dataclass
class _Graph:
    """The tasks of one run, and how far they are; used by one thread."""

    run: Run
    sources: Sequence[Source]
    max_parallel: int
    on_result: OnResult
    _results: dict[str, TaskResult] = field(default_factory=dict)
    _verdicts: dict[str, str | None] = field(default_factory=dict)
    _ended: queue.Queue[tuple[TaskResult, str | None]] = field(default_factory=queue.Queue)
    _running: int = 0

    def run_all(self) -> RunResult:
        waits = dependencies(self.sources)
        waiting = sorted(self.sources, key=lambda each: (each.execution_order or 0, each.source_id))
        order = [source.source_id for source in waiting]
        try:
            while waiting or self._running:
                waiting = self._start_ready(waiting, waits)
                if self._running:
                    ended = self._ended.get()
                    self._running -= 1
                    self._finish(*ended)
        except BaseException:
            self._break_off()
            raise
        awaited = {each.source_id for found in waits.values() for each in found}
        results = tuple(self._results[name] for name in order)
        ended_well = all(
            each.state not in FAILURES for each in results if each.source_id not in awaited
        )
        return RunResult(self.sources[0].module_name, results, ended_well)

    def _start_ready(
        self, waiting: Sequence[Source], waits: dict[str, tuple[Dependency, ...]]
    ) -> list[Source]:
        """Start or settle what can be; return what still waits."""
        left = []
        for source in waiting:
            before = waits[source.source_id]
            if any(each.source_id not in self._results for each in before):
                left.append(source)
                continue
            state = self._state_without_run(source, before)
            if state is not None:
                self._finish(_unstarted(source, state), None)
            elif self._running < self.max_parallel:
                self._start(source)
            else:
                left.append(source)
        return left

    def _state_without_run(self, source: Source, before: Sequence[Dependency]) -> str | None:
        states = {name: result.state for name, result in self._results.items()}
        config = source.transformation_config
        blocked = blocked_state(
            config.get("run_if") or "ALL_SUCCESS", before, states, self._verdicts
        )
        if blocked is not None:
            return blocked
        if config.get("disabled"):
            return SKIPPED
        return None if runs_locally(config) else UNSUPPORTED

    def _start(self, source: Source) -> None:
        verdicts: list[str | None] = [None]
        kind = LOCAL_KINDS[source.transformation_config["task_type"]]

        def work(context: TaskContext) -> Outcome:
            outcome = kind(context)
            verdicts.append(outcome.verdict)
            return outcome

        def task() -> None:
            try:
                result = run_task(self.run, source, work)
            except BaseException as error:  # without an answer the run would wait for ever
                message = described(error, self.run.root)
                result = replace(_unstarted(source, FAILED), message=message)
            self._ended.put((result, verdicts[-1]))

        threading.Thread(target=task, name=f"{source.source_id} attempts", daemon=True).start()
        self._running += 1

    def _finish(self, result: TaskResult, verdict: str | None) -> None:
        self._results[result.source_id] = result
        self._verdicts[result.source_id] = verdict
        self.on_result(result)

    def _break_off(self) -> None:
        """Cancel what runs and wait for it; each has its grace and no more."""
        self.run.stopping.set()
        while self._running:
            self._ended.get()
            self._running -= 1


def _unstarted(source: Source, state: str) -> TaskResult:
    return TaskResult(
        source.source_id,
        task_key(source.source_id),
        source.transformation_config["task_type"],
        state,
        message=_MESSAGES.get(state, ""),
    )

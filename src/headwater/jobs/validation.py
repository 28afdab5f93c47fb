"""Check a job without running it: files and their syntax, packages, SQL and pipelines.

What only a run can tell is left to it: values that tasks tell, tables, and what code does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from pyspark.errors import ParseException
from pyspark.sql import SparkSession

from headwater.engine.update import Updater
from headwater.errors import Faults, HeadwaterError, UsageError
from headwater.jobs.context import NO_INPUT, Run, TaskContext
from headwater.jobs.failures import said_by_spark
from headwater.jobs.files import find_file, read_text
from headwater.jobs.notebooks import ENDINGS
from headwater.jobs.pipelines import find_pipeline, request_of
from headwater.jobs.references import not_upstream
from headwater.jobs.request import JobRequest
from headwater.jobs.results import SUCCESS, TaskRun
from headwater.jobs.runner import read_asked
from headwater.jobs.sql import read_queries
from headwater.jobs.tasks import Job, Task, as_text, read_job
from headwater.jobs.wheels import find_entry_point
from headwater.notebooks import read_cells, run_arguments
from headwater.sandbox.sql_text import SqlText
from headwater.sql.cursor import SqlSyntaxError
from headwater.sql.workspace import without_inert_clauses, workspace_statement
from headwater.state.target import Target


def check_job(
    settings: Mapping[str, Any],
    *,
    spark: SparkSession,
    root: Path,
    request: JobRequest = JobRequest(),  # noqa: B008 - frozen
    jobs: Mapping[str, Mapping[str, Any]] | None = None,
    places: Mapping[str, str] | None = None,
    target: Target | str | None = None,
) -> list[HeadwaterError]:
    """Return all faults that can be found in the tasks of a job without running any.

    Writes nothing. Arguments are those of `run_job`; jobs that tasks run are checked as well.

    Raises:
        UsageError, JobError: as for `run_job`, of the job itself.

    Example:
        >>> check_job({"name": "empty", "tasks": []}, spark=spark, root=Path())  # doctest: +SKIP
        []
    """
    job = read_asked(settings, request, places or {}, jobs or {})
    run = Run(spark, root.resolve(), job, target, jobs=jobs or {})
    checks = _Checks(run, read_job(settings, places or {}))
    checks.check_all()
    return checks.faults.found


class _Checks:
    """Checks the tasks of one job, and of those that it runs.

    Args:
        whole: the job with all of its tasks, also where `only` some are asked for.
    """

    def __init__(
        self,
        run: Run,
        whole: Job,
        faults: Faults | None = None,
        seen: frozenset[str] = frozenset(),
    ):
        self.run = run
        self._whole = whole
        self.faults = faults or Faults()
        self._seen = seen

    def check_all(self) -> None:
        for task in self.run.job.tasks:
            self._check(task.nested or task)
            if not task.is_disabled:
                self._references(task)

    def _check(self, task: Task) -> None:
        check = _CHECKS.get(task.kind)
        if check is not None and not task.is_disabled:
            with self.faults:
                check(self, task)

    def _references(self, task: Task) -> None:
        """Check what stands in double braces, as far as it is known before a run.

        Only tasks that a task waits for have ended by the time it starts.
        """
        upstream = self._upstream(task.key)
        tasks = (each for each in self.run.job.tasks if each.key in upstream)
        ended = {each.key: TaskRun(each.key, each.kind, SUCCESS) for each in tasks}
        run = replace(self.run, results=ended)
        nested = task.nested
        parts = [(task, task.config["inputs"] if nested else task.config, NO_INPUT)]
        parts += [(nested, nested.config, {})] if nested else []
        for each, texts, value in parts:
            with self.faults:
                try:
                    _BeforeRun(run, each, run.spark, task.key, input=value).filled(texts)
                except HeadwaterError as error:
                    error.where = error.where or task.where
                    raise

    def _upstream(self, key: str) -> set[str]:
        """Name the tasks that a task waits for, at any distance."""
        needs = {
            each.key: {before.task_key for before in each.depends_on} for each in self._whole.tasks
        }
        found: set[str] = set()
        waiting = [key]
        while waiting:
            new = needs.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    def _notebook(self, task: Task) -> None:
        file = find_file(self.run.root, task.config["notebook_path"], ENDINGS)
        self._cells(file, frozenset())

    def _cells(self, file: Path, above: frozenset[Path]) -> None:
        """Check the cells of a notebook, and of those that it takes in by `%run`."""
        name = file.relative_to(self.run.root).as_posix()
        for cell in read_cells(read_text(self.run.root, file), name):
            place = f"{name}:cell {cell.number}"
            with self.faults:
                if cell.kind == "python":
                    _compile("\n" * (cell.line - 1) + cell.text, place)
                elif cell.kind == "run":
                    path, _ = run_arguments(cell.text)
                    folder = "" if path.startswith("/") else file.parent.relative_to(self.run.root)
                    other = find_file(self.run.root, str(PurePosixPath(folder, path)), ENDINGS)
                    if other not in {*above, file}:
                        self._cells(other, above | {file})

    def _script(self, task: Task) -> None:
        file = find_file(self.run.root, task.config["python_file"])
        name = file.relative_to(self.run.root).as_posix()
        _compile(read_text(self.run.root, file), name)

    def _wheel(self, task: Task) -> None:
        find_entry_point(task.config["package_name"], task.config["entry_point"], task.where)

    def _sql(self, task: Task) -> None:
        if "file" not in task.config:
            return  # a saved query, whose text is in the workspace
        path = task.config["file"]["path"]
        text = read_text(self.run.root, find_file(self.run.root, path))
        given = {**(task.config.get("parameters") or {}), **self.run.job.parameters}
        for statement in read_queries(text, given, PurePosixPath(path).name):
            try:
                if workspace_statement(statement.text, lambda _: "named") is None:
                    SqlText(self.run.spark, without_inert_clauses(statement.text)[0])
            except SqlSyntaxError as error:
                where = f"{path}:{statement.line}"
                raise UsageError(error.code, error.message, where=where, hint=error.hint) from None
            except ParseException as error:
                raise said_by_spark(error, path, statement.line, statement.text) from error

    def _pipeline(self, task: Task) -> None:
        target, spec = find_pipeline(self.run, task.config["pipeline_id"])
        request = replace(request_of(task.config), validate_only=True)
        Updater(self.run.spark, target.bundle, spec, target.store).run(request)

    def _job(self, task: Task) -> None:
        wanted = as_text(task.config["job_id"])
        if wanted in self._seen:
            return  # jobs that run each other are counted when they run
        job = read_asked(self.run.jobs[wanted], JobRequest(), {}, self.run.jobs)
        _Checks(replace(self.run, job=job), job, self.faults, self._seen | {wanted}).check_all()


class _BeforeRun(TaskContext):
    """Fills in references before a run: what only a run tells is empty."""

    @property
    def _beside(self) -> set[str]:
        """The tasks of the run that may still run when this one begins."""
        return {each.key for each in self.run.job.tasks} - self.run.results.keys()

    def meaning(self, steps: tuple[str, ...], text: str) -> str:
        match steps:
            case ("tasks", key, *_) if key in self._beside:
                raise not_upstream(text, key)
            case ("tasks", key, "values", _) if key in self.run.job.keys:
                return ""
            case ("tasks", key, "output", "first_row", _) if key in self.run.job.keys:
                return ""
            case ("input", *_) if self.input is not NO_INPUT:
                return ""
        return super().meaning(steps, text)


_CHECKS: Mapping[str, Callable[[_Checks, Task], None]] = {
    "notebook_task": _Checks._notebook,
    "spark_python_task": _Checks._script,
    "python_wheel_task": _Checks._wheel,
    "sql_task": _Checks._sql,
    "pipeline_task": _Checks._pipeline,
    "run_job_task": _Checks._job,
}


def _compile(text: str, name: str) -> None:
    """Check the syntax of Python code.

    Raises:
        UsageError: PYTHON_INVALID.
    """
    try:
        compile(text, name, "exec")
    except SyntaxError as error:
        raise UsageError(
            "PYTHON_INVALID",
            f"Python can't read it: {error.msg}",
            where=f"{name}:{error.lineno}",
            hint="Correct the line.",
        ) from None

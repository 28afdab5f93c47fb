"""What `dbutils` of a job's task has beside that of pipelines: notebooks, task values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from headwater.errors import JobError, TaskValueError
from headwater.jobs.bundles import volumes_of
from headwater.jobs.context import TaskContext
from headwater.sandbox.dbutils import Dialect, FileSystem, Secrets, Widgets
from headwater.sandbox.notebook_context import EntryPoint, NotebookContext


def _error(code: str, message: str, hint: str, **parameters: Any) -> JobError:
    return JobError(code, message, hint=hint, **parameters)


def _unsupported(name: str) -> JobError:
    return _error(
        "DBUTILS_UNSUPPORTED",
        f"dbutils.{name} does not exist locally",
        "There are widgets, notebook, jobs, secrets, library, and ls, head, mkdirs, put, cp, mv "
        "and rm of fs.",
    )


OF_JOBS = Dialect(
    error=_error,
    unsupported=_unsupported,
    outside="PATH_OUTSIDE_ROOT",
    outside_volume="PATH_OUTSIDE_ROOT",
    protected="PATH_PROTECTED",
    missing="FILE_NOT_FOUND",
    exists="FILE_EXISTS",
    widgets_hint="Add it to base_parameters of the task.",
)


class NotebookExit(BaseException):
    """Ends a notebook with success; no `Exception`, so that user code doesn't catch it."""

    def __init__(self, value: str) -> None:
        self.value = value
        super().__init__()


class DBUtils:
    """What a notebook or script of a task gets as `dbutils`.

    Args:
        run_notebook: path and arguments to the value that the other notebook exits with.
        file: returns the notebook or script that is executed.
    """

    def __init__(
        self,
        context: TaskContext,
        parameters: Mapping[str, str],
        run_notebook: Callable[[str, Mapping[str, str]], str],
        file: Callable[[], Path],
    ) -> None:
        self.widgets = Widgets(parameters, OF_JOBS)
        facts = context.run.facts
        tags = {
            "jobId": facts.job_id,
            "multitaskParentRunId": str(facts.run_id),
            "taskKey": context.key,
        }
        self.notebook = Notebook(run_notebook, NotebookContext(file, tags, _error, _unsupported))
        self.jobs = Jobs(context)
        self.secrets = Secrets(OF_JOBS)
        self.fs = FileSystem(context.run.root, volumes_of(context.run), OF_JOBS)
        self.library = Library()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise OF_JOBS.unsupported(name)


class Notebook:
    """Other notebooks, the end of this one, and its context."""

    def __init__(
        self, run_notebook: Callable[[str, Mapping[str, str]], str], context: NotebookContext
    ) -> None:
        self._run = run_notebook
        self.entry_point = EntryPoint(context)

    def exit(self, value: Any = "") -> NoReturn:
        """End this notebook with success."""
        raise NotebookExit(str(value))

    def run(
        self,
        path: str,
        timeout_seconds: int = 0,
        arguments: Mapping[str, Any] | None = None,
    ) -> str:
        """Run another notebook and give what it exits with; only the task's own timeout holds."""
        del timeout_seconds
        return self._run(path, {name: str(each) for name, each in (arguments or {}).items()})


class TaskValuesOfJob:
    """Values that tasks of one run tell each other."""

    def __init__(self, context: TaskContext) -> None:
        self._context = context

    def set(self, key: str, value: Any) -> None:
        """Keep a value of this task.

        Raises:
            JobError: TASK_VALUE_TOO_LARGE.
        """
        self._context.run.values.set(self._context.key, key, value)

    def get(
        self,
        taskKey: str,  # noqa: N803
        key: str,
        default: Any = None,
        debugValue: Any = None,  # noqa: N803
    ) -> Any:
        """Return a value that another task has set.

        Args:
            default: what stands for a value that is not there; None is no default.

        Raises:
            TaskValueError: TASK_VALUE_UNKNOWN, for a task that the job does not have also with a
                default. It is a ValueError.
        """
        del debugValue  # for code that runs outside of a job
        run = self._context.run
        try:
            return run.values.get(taskKey, key)
        except TaskValueError:
            if default is None or taskKey not in run.job.keys:
                raise
            return default


class Jobs:
    """What belongs to the run of the job."""

    def __init__(self, context: TaskContext) -> None:
        self.taskValues = TaskValuesOfJob(context)


class Library:
    """Nothing is installed locally, so nothing has to be started again."""

    def restartPython(self) -> None:  # noqa: N802 - Databricks' name
        """Do nothing."""

"""The Jobs API as we use it: each call is safe to lose an answer of, and jobs are known by tags.

The SDK retries what it thinks is transient, a cut connection too, and so makes a second job when
the answer of a create is lost. Here it gives up after one attempt (and the pause that `Retry-After`
asks for); `tenacity` retries instead, and a create looks for what the lost attempt made before it
tries again (docs/decisions/0009).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.errors import platform as refusals
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.jobs import BaseJob, Job, JobSettings
from tenacity import (
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
)
from tenacity.wait import wait_random_exponential

from headwater.errors import DeploymentError
from headwater.tagged_jobs.tags import TAG, TAG_HASH, TAG_TABLE

RETRY_SECONDS = 60.0
PAGE_SIZE = 100

T = TypeVar("T")

_TRANSIENT = (
    refusals.TooManyRequests,
    refusals.InternalError,
    refusals.TemporarilyUnavailable,
    refusals.DeadlineExceeded,
)
"""Answers that may be others later: 429 and 5xx; all others stay the same however often asked."""


_BAD_GATEWAY = re.compile(r"^< 5\d\d ", re.MULTILINE)
"""How the SDK writes the status of an answer that it can't read, such as a gateway's."""


@dataclass(frozen=True)
class DeployedJob:
    """A job as the list of jobs shows it; `key`, `hash` and `table` are "" where others made it."""

    job_id: int
    name: str
    key: str = ""
    hash: str = ""
    table: str = ""


class JobsApi:
    """The calls of one workspace that are about jobs.

    Args:
        client: says where and who; its own retries are not used.
        retry_seconds: for how long 429, 5xx, timeouts and cut connections are tried again.
        stopping: once it is set, nothing is tried again.
        before_write: called before each attempt at a call that writes a job or a saved query; it
            raises to keep it from being made. Starting a run has a token that guards it.
    """

    def __init__(
        self,
        client: WorkspaceClient,
        *,
        retry_seconds: float = RETRY_SECONDS,
        stopping: threading.Event | None = None,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        config = client.config.copy()  # type: ignore[no-untyped-call]  # the SDK's own
        config.retry_timeout_seconds = 1  # the least: it sleeps a second and gives up
        self._client = WorkspaceClient(config=config)
        self._retry_seconds = retry_seconds
        self._stopping = stopping or threading.Event()
        self._before_write = before_write

    def list_jobs(self, name: str | None = None) -> list[DeployedJob]:
        """List jobs without their tasks, a hundred per call."""

        def listed() -> list[DeployedJob]:
            jobs = self._client.jobs.list(name=name, limit=PAGE_SIZE)
            return [_deployed(job) for job in jobs if job.job_id]

        found = self._again(listed)
        return [job for job in found if name is None or job.name == name]

    def create_job(self, settings: JobSettings, key: str) -> int:
        """Create a job once, also when the answer of an attempt is lost.

        Raises:
            DeploymentError: as `_again`; JOB_AMBIGUOUS when two jobs carry the key by now.
        """
        name = settings.name or ""

        def create(attempt: int) -> int:
            made = [job for job in self.list_jobs(name) if job.key == key] if attempt > 1 else []
            if len(made) > 1:
                raise ambiguous(name, [job.job_id for job in made])
            if made:
                return made[0].job_id
            given = {field: getattr(settings, field) for field in settings.as_shallow_dict()}
            self._before_write()
            return self._client.jobs.create(**given).job_id or 0

        return self._attempts(create)

    def reset_job(self, job_id: int, settings: JobSettings) -> None:
        """Replace all settings of a job; the same call twice changes nothing more."""
        self._write(lambda: self._client.jobs.reset(job_id, settings))

    def delete_job(self, job_id: int, key: str) -> bool:
        """Delete a job that still carries our key; tell whether it was there.

        Raises:
            DeploymentError: JOB_NOT_OURS.
        """
        job = self.get_job(job_id)
        if job is None:
            return False
        if job.key != key:
            raise not_ours(job_id)
        try:
            self._write(lambda: self._client.jobs.delete(job_id))
        except DatabricksError:
            if self.get_job(job_id):  # else an attempt whose answer was lost deleted it
                raise
        return True

    def get_job(self, job_id: int) -> DeployedJob | None:
        """Look at one job; None when there is none of this id."""
        try:
            job = self._again(lambda: self._client.jobs.get(job_id))
        except NotFound:
            return None
        return _deployed(job)

    def run_job(self, job_id: int, token: str) -> int:
        """Start a run; attempts with one token start one run. Gives the run's id."""
        return self._again(
            lambda: self._client.jobs.run_now(job_id, idempotency_token=token).run_id or 0
        )

    def _again(self, call: Callable[[], T]) -> T:
        """Make a call that is safe to repeat."""
        return self._attempts(lambda _: call())

    def _write(self, call: Callable[[], T]) -> T:
        """Make a call that writes, and is safe to repeat."""

        def attempt(_: int) -> T:
            self._before_write()
            return call()

        return self._attempts(attempt)

    def _attempts(self, call: Callable[[int], T]) -> T:
        """Make a call until it is answered.

        Raises:
            DatabricksError: what the API refuses for good, at the first answer.
            DeploymentError: API_UNREACHABLE after `retry_seconds`, or when it is time to stop.
        """
        began = time.monotonic()
        try:
            for attempt in Retrying(
                retry=retry_if_exception(is_transient),
                wait=wait_random_exponential(multiplier=0.5, max=20),
                stop=stop_after_delay(self._retry_seconds) | stop_when_event_set(self._stopping),
                sleep=sleep_using_event(self._stopping),
                reraise=True,
            ):
                with attempt:
                    result = call(attempt.retry_state.attempt_number)
            return result
        except (DatabricksError, OSError) as error:
            if not is_transient(error):
                raise _root(error) from None
            raise DeploymentError(
                "API_UNREACHABLE",
                f"The workspace's API did not answer for {time.monotonic() - began:.0f} s: "
                f"{type(_root(error)).__name__}",
                hint="Nothing is lost: the next pass goes on from here.",
            ) from error


def is_transient(error: BaseException) -> bool:
    """Return whether the same call may be answered otherwise later."""
    root = _root(error)
    if isinstance(root, DatabricksError):
        return isinstance(root, _TRANSIENT) or bool(_BAD_GATEWAY.search(str(root)))
    return isinstance(root, requests.RequestException | TimeoutError)


def _root(error: BaseException) -> BaseException:
    """The SDK hides the last error of its retries below a TimeoutError."""
    return error.__cause__ if isinstance(error, TimeoutError) and error.__cause__ else error


def _deployed(job: BaseJob | Job) -> DeployedJob:
    settings = job.settings
    tags = (settings.tags if settings else None) or {}
    return DeployedJob(
        job.job_id or 0,
        (settings.name if settings else None) or "",
        tags.get(TAG, ""),
        tags.get(TAG_HASH, ""),
        tags.get(TAG_TABLE, ""),
    )


def ambiguous(name: str, job_ids: Iterable[int]) -> DeploymentError:
    """Two jobs could be the one: say both ids, choose none."""
    ids = ", ".join(str(each) for each in sorted(job_ids))
    return DeploymentError(
        "JOB_AMBIGUOUS",
        f"Jobs {ids}, of which one is named '{name}', carry the tag {TAG} of one job",
        hint="Delete all but one of them, or take the tag from the others.",
    )


def not_ours(job_id: int) -> DeploymentError:
    """A job without our tag is never changed."""
    return DeploymentError(
        "JOB_NOT_OURS",
        f"Job {job_id} does not carry its tag {TAG}",
        hint=f"Give it back its tag {TAG}, or delete it so that it is made anew.",
    )

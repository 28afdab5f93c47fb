"""Which job of a workspace is the one that is meant; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from headwater.errors import DeploymentError
from headwater.tagged_jobs.api import DeployedJob, ambiguous, not_ours


class Deployed:
    """The jobs of a workspace, by what one looks for.

    Args:
        look: looks at one job by its id, for one that is recorded and not in the list: it may be
            gone, or be hidden from whoever asks.
    """

    def __init__(
        self,
        jobs: Iterable[DeployedJob],
        look: Callable[[int], DeployedJob | None] = lambda _: None,
    ) -> None:
        self._look = look
        self.by_id: dict[int, DeployedJob] = {}
        self.by_key: dict[str, list[DeployedJob]] = {}
        self.by_name: dict[str, list[DeployedJob]] = {}
        for job in jobs:
            self.by_id[job.job_id] = job
            self.by_name.setdefault(job.name, []).append(job)
            if job.key:
                self.by_key.setdefault(job.key, []).append(job)

    def find(self, job_id: int) -> DeployedJob | None:
        """Find a job by its id, listed or not."""
        return self.by_id.get(job_id) or self._look(job_id)


def find_job(
    deployed: Deployed, *, key: str, name: str, recorded: int | None = None
) -> DeployedJob | None:
    """Return the job of a key: the recorded one, or one that a crash left without a record.

    Args:
        name: what the job is to be called.
        recorded: the id that a record has of it.

    Raises:
        DeploymentError: JOB_NOT_OURS, JOB_AMBIGUOUS; JOB_NAME_TAKEN by a job of others.
    """
    ours = deployed.by_key.get(key, [])
    job = deployed.find(recorded) if recorded else None
    if job is not None:
        if job.key != key:
            raise not_ours(job.job_id)
        twins = [each.job_id for each in ours if each.name == job.name and each != job]
        if twins:
            raise ambiguous(job.name, [job.job_id, *twins])
        return job
    if len(ours) > 1:
        raise ambiguous(name, [each.job_id for each in ours])
    others = [each for each in deployed.by_name.get(name, []) if each not in ours]
    if others:
        ids = ", ".join(str(each.job_id) for each in [*others, *ours])
        raise DeploymentError(
            "JOB_NAME_TAKEN",
            f"There are other jobs named '{name}': {ids}",
            hint="Rename them, or use a name prefix.",
        )
    return ours[0] if ours else None

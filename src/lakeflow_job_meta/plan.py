"""What would be done to bring jobs in step with their metadata; pure, and nothing is done here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from headwater.errors import HeadwaterError
from headwater.tagged_jobs.api import DeployedJob
from headwater.tagged_jobs.found import Deployed, find_job
from lakeflow_job_meta.definitions import JobDefinition
from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.job_table import TrackedJob


class Action(str, Enum):
    """What is to be done with a module's job."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    ORPHANED = "orphaned"
    INVALID = "invalid"


@dataclass(frozen=True)
class Step:
    """One module, or one job without a module.

    Args:
        job_id: the job that is there; None where there is none.
        definition: what the job should be; None for orphaned and invalid ones.
        faults: why an invalid module is left as it is.
        reason: one line for people.
        is_tracked: whether the table of jobs already says what is deployed.
        key: of an orphaned job, its tag.
        record: what the table of jobs says of the module, if anything.
    """

    action: Action
    module_name: str
    job_id: int | None = None
    definition: JobDefinition | None = None
    faults: tuple[Fault, ...] = ()
    reason: str = ""
    is_tracked: bool = True
    key: str = ""
    record: TrackedJob | None = None


@dataclass(frozen=True)
class Plan:
    """All steps, in the order of the modules' names; `version` is that of the control table."""

    steps: tuple[Step, ...]
    version: int
    faults: tuple[Fault, ...] = ()

    def of(self, action: Action) -> tuple[Step, ...]:
        """The steps of one action."""
        return tuple(each for each in self.steps if each.action is action)

    def as_dict(self) -> dict[str, object]:
        """The plan for programs."""
        return {
            "version": self.version,
            "faults": [vars(fault) for fault in self.faults],
            "steps": [
                {
                    "action": step.action.value,
                    "module": step.module_name,
                    "job_id": step.job_id,
                    "reason": step.reason,
                    "faults": [vars(fault) for fault in step.faults],
                }
                for step in self.steps
            ],
        }


def plan_steps(
    definitions: Sequence[JobDefinition],
    invalid: Mapping[str, Sequence[Fault]],
    tracked: Mapping[str, TrackedJob],
    deployed: Deployed,
    *,
    table: str,
    keys_of_invalid: Iterable[str],
) -> tuple[Step, ...]:
    """Compare what should be with what is.

    Args:
        invalid: modules with faults; their jobs are left as they are.
        tracked: what the table of jobs says, by module.
        table: key of the control table, in the tags of its jobs (`definitions.table_key`).
        keys_of_invalid: keys of the jobs of the invalid modules.
    """
    steps = [_step(each, tracked.get(each.module_name), deployed) for each in definitions]
    steps += [
        Step(
            Action.INVALID,
            module,
            faults=tuple(faults),
            reason=f"{len(faults)} fault{'s' if len(faults) > 1 else ''}",
            record=tracked.get(module),
        )
        for module, faults in invalid.items()
    ]
    known = {each.key for each in definitions} | set(keys_of_invalid)
    records = {each.job_id: each for each in tracked.values()}
    orphans: dict[str, list[DeployedJob]] = {}
    for job in deployed.by_id.values():
        if job.table == table and job.key not in known:
            orphans.setdefault(job.key, []).append(job)
    for jobs in orphans.values():
        steps += _orphaned(jobs, records)
    return tuple(sorted(steps, key=lambda step: (step.module_name, step.job_id or 0)))


def _orphaned(jobs: Sequence[DeployedJob], records: Mapping[int | None, TrackedJob]) -> list[Step]:
    """Tell which of the jobs of one key, whose module is gone, is ours: a copy has its tags."""
    ours = [job for job in jobs if job.job_id in records] or jobs
    if len(ours) > 1:
        ids = ", ".join(str(job.job_id) for job in ours)
        fault = Fault(
            "JOB_AMBIGUOUS",
            f"Jobs {ids} could all belong to the module that is gone",
            "",
            "Delete those that are copies, or take their tags away.",
            ours[0].name,
        )
        return [Step(Action.INVALID, ours[0].name, faults=(fault,), reason=fault.message)]
    (job,) = ours
    record = records.get(job.job_id)
    return [
        Step(
            Action.ORPHANED,
            record.module_name if record else job.name,
            job.job_id,
            reason="its module has no active source",
            key=job.key,
            record=record,
        )
    ]


def _step(definition: JobDefinition, tracked: TrackedJob | None, deployed: Deployed) -> Step:
    try:
        job = find_job(
            deployed,
            key=definition.key,
            name=definition.name,
            recorded=tracked.job_id if tracked else None,
        )
    except HeadwaterError as error:
        fault = Fault(error.code, error.message, "", error.hint, definition.module_name)
        return Step(
            Action.INVALID,
            definition.module_name,
            faults=(fault,),
            reason=error.message,
            record=tracked,
        )
    if job is None:
        reason = "its job was deleted" if tracked and tracked.job_id else "new"
        return Step(
            Action.CREATE, definition.module_name, None, definition, reason=reason, record=tracked
        )
    has_queries = _digests(tracked) == {
        query.source_id: query.digest for query in definition.queries
    }
    is_same = job.hash == definition.hash and (has_queries or tracked is None)
    return Step(
        Action.UNCHANGED if is_same else Action.UPDATE,
        definition.module_name,
        job.job_id,
        definition,
        reason="" if is_same else "its metadata changed",
        is_tracked=(
            tracked is not None
            and tracked.job_id == job.job_id
            and tracked.definition_hash == definition.hash
            and not tracked.last_result.startswith("failed")
        ),
        record=tracked,
    )


def _digests(tracked: TrackedJob | None) -> dict[str, str]:
    return {name: content for name, (_, content) in tracked.queries.items()} if tracked else {}

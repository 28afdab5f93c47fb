"""What became of modules: results for callers, records for the table of jobs, errors in a line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone

from headwater.errors import DeploymentError, HeadwaterError
from lakeflow_job_meta.job_table import TrackedJob
from lakeflow_job_meta.plan import Action, Step

RESULTS = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.UNCHANGED: "unchanged",
}


@dataclass(frozen=True)
class ModuleResult:
    """What became of one module.

    Args:
        result: created, updated, unchanged, deleted, invalid or failed.
        job_id: the module's job; None where there is none.
        run_id: the run that was started, if one was asked for.
        error: code and text of what went wrong; "" where nothing did.
    """

    module_name: str
    result: str
    job_id: int | None = None
    run_id: int | None = None
    error: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether the module's job is in step, and was started if that was asked for."""
        return not self.error


def result_of(step: Step, record: TrackedJob | None, error: Exception | None) -> ModuleResult:
    """Describe what became of a step."""
    job_id = step.job_id or (record.job_id if record else None)
    if step.action is Action.INVALID:
        said = "; ".join(str(fault) for fault in step.faults)
        known = step.record.job_id if step.record else None
        return ModuleResult(step.module_name, "invalid", known, error=said)
    if error is not None:
        return ModuleResult(step.module_name, "failed", job_id, error=described(error))
    return ModuleResult(step.module_name, RESULTS[step.action], job_id)


def failed(step: Step, record: TrackedJob | None, code: str) -> TrackedJob | None:
    """Record a failure once: the same one again is no news."""
    said = f"failed: {code}"
    known = step.record
    if known and record and (known.last_result, known.queries) == (said, record.queries):
        return None
    base = record or TrackedJob(step.module_name, step.job_id)
    return replace(base, last_result=said, updated_at=datetime.now(timezone.utc))


def code_of(error: Exception) -> str:
    """Return the code of an error of this library or of the API."""
    return str(getattr(error, "code", "") or getattr(error, "error_code", "") or "API_REFUSED")


def described(error: Exception) -> str:
    """Describe in one line what the API or this library refused."""
    return str(error) if isinstance(error, HeadwaterError) else _refused(error).headline


def refusal_of_api(error: Exception) -> HeadwaterError | None:
    """Return what the API refused as an error of a program; None of any other exception."""
    return _refused(error) if getattr(error, "error_code", None) else None


def _refused(error: Exception) -> DeploymentError:
    """Describe a refusal; an answer that the SDK could not read is left out: it quotes requests."""
    said = (str(error).splitlines() or [""])[0][:300]
    if said.startswith("unable to parse response"):
        said = "the answer of the API could not be read"
    return DeploymentError(
        code_of(error),
        f"{type(error).__name__}: {said}",
        hint="Check what the workspace allows you.",
    )

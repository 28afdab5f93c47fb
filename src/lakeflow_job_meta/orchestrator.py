"""`JobOrchestrator`: bring the jobs of a workspace in step with a control table."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from pyspark.sql import SparkSession

from lakeflow_job_meta.definitions import (
    JobDefinition,
    job_definition,
    job_key,
    module_faults,
    table_key,
)
from lakeflow_job_meta.errors import (
    DeploymentError,
    Fault,
    JobMetaError,
    MetadataError,
    module_unknown,
)
from lakeflow_job_meta.job_table import JobTable, TrackedJob
from lakeflow_job_meta.metadata_manager import Metadata, MetadataManager
from lakeflow_job_meta.plan import Action, Deployed, Plan, Step, plan_steps
from lakeflow_job_meta.saved_queries import drop_queries, ensure_queries, with_query_ids
from lakeflow_job_meta.session import active_session
from lakeflow_job_meta.settings_of_jobs import checked_settings
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.workspace import RETRY_SECONDS, Workspace

logger = logging.getLogger("lakeflow_job_meta")

RECORD_EVERY = 250
"""Jobs per commit to the table of jobs; a crash in between is found out by the jobs' tags."""


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


class JobOrchestrator:
    """Makes, updates, runs and deletes the jobs of one control table.

    Only jobs with this library's tag are ever changed or deleted. Everything is safe to repeat, and
    to be killed at any moment: a job that was made but not recorded is found by its tag.

    Args:
        control_table: `catalog.schema.table`; it is created when it does not exist.
        workspace_client: the workspace; one from the environment when not given.
        spark: the session; the active one when not given.
        name_prefix: put before the names of all jobs.
        retry_seconds: for how long an API that is away is tried again, per call.

    Raises:
        UsageError: TABLE_NAME_INVALID, SESSION_MISSING.

    Example:
        >>> orchestrator = JobOrchestrator("main.ops.etl_control")  # doctest: +SKIP
        >>> orchestrator.run_all_modules(auto_run=True)  # doctest: +SKIP
    """

    def __init__(
        self,
        control_table: str,
        workspace_client: WorkspaceClient | None = None,
        *,
        spark: SparkSession | None = None,
        name_prefix: str = "",
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.control_table = control_table
        self._spark = spark or active_session()
        self.metadata = MetadataManager(control_table, spark=self._spark)
        self._jobs = JobTable(control_table, self._spark)
        self._client = workspace_client
        self._opened: Workspace | None = None
        self._name_prefix = name_prefix
        self._retry_seconds = retry_seconds

    @property
    def workspace(self) -> Workspace:
        """The API; the client is made at the first use, so that offline work needs none."""
        if self._opened is None:
            client = self._client or WorkspaceClient()
            self._opened = Workspace(client, retry_seconds=self._retry_seconds)
        return self._opened

    def plan(self) -> Plan:
        """Compare the metadata with what is deployed; writes nothing.

        It reads the control table once, the table of jobs once, and lists jobs a hundred per call.

        Raises:
            DeploymentError: API_UNREACHABLE.
        """
        plan, _ = self._plan()
        return plan

    def _plan(self, only: str | None = None) -> tuple[Plan, dict[str, TrackedJob]]:
        metadata = self.metadata.read_all()
        definitions, invalid = self.define(metadata)
        if only is not None:
            definitions = [each for each in definitions if each.module_name == only]
            invalid = {name: faults for name, faults in invalid.items() if name == only}
        tracked = self._jobs.read()
        deployed = Deployed(self.workspace.list_jobs())
        steps = plan_steps(
            definitions,
            invalid,
            tracked,
            deployed,
            table=table_key(self.control_table),
            keys_of_invalid=[job_key(self.control_table, name) for name in invalid if name],
        )
        nameless = tuple(fault for fault in metadata.faults if not fault.module_name)
        return Plan(steps, metadata.version, nameless), tracked

    def define(self, metadata: Metadata) -> tuple[list[JobDefinition], dict[str, list[Fault]]]:
        """Give the job of each module that has active sources, and the faults of the others."""
        modules: dict[str, list[Source]] = {}
        for source in metadata.sources:
            if source.is_active:
                modules.setdefault(source.module_name, []).append(source)
        invalid: dict[str, list[Fault]] = {}
        for fault in metadata.faults:
            if fault.module_name:
                invalid.setdefault(fault.module_name, []).append(fault)
        definitions = []
        for name, sources in sorted(modules.items()):
            faults = module_faults(sources)
            if faults:
                invalid.setdefault(name, []).extend(faults)
            if name not in invalid:
                definitions.append(
                    job_definition(sources, self.control_table, name_prefix=self._name_prefix)
                )
        return definitions, invalid

    def create_or_update_job(self, module_name: str) -> int:
        """Bring the job of one module in step, and give its id.

        Raises:
            MetadataError: the module has faults; its job stays as it is.
            UsageError: MODULE_UNKNOWN.
            DeploymentError: the API refuses, or the job can't be told from another one.
        """
        plan, tracked = self._plan(module_name)
        step = next((each for each in plan.steps if each.module_name == module_name), None)
        if step is None or step.action is Action.ORPHANED:
            known = self.metadata.get_all_modules()
            raise module_unknown(module_name, known, self.control_table)
        if step.action is Action.INVALID:
            raise MetadataError(step.faults)
        job = self._deploy(step, tracked.get(module_name))
        self._jobs.write([job] if job else [])
        job_id = job.job_id if job else step.job_id
        return job_id or 0

    def run_module(self, module_name: str) -> ModuleResult:
        """Bring the job of one module in step, and start a run.

        Raises:
            JobMetaError: as `create_or_update_job`.
        """
        job_id = self.create_or_update_job(module_name)
        run_id = self.workspace.run_job(job_id, uuid.uuid4().hex)
        return ModuleResult(module_name, "started", job_id, run_id)

    def run_all_modules(self, auto_run: bool = True) -> list[ModuleResult]:
        """Bring all jobs in step, and start a run of each unless `auto_run` is False.

        A module that fails does not stop the others; its result says why.
        """
        results = self.apply()
        if not auto_run:
            return results
        return [self._started(each) if each.is_fine and each.job_id else each for each in results]

    def _started(self, result: ModuleResult) -> ModuleResult:
        try:
            run_id = self.workspace.run_job(result.job_id or 0, uuid.uuid4().hex)
        except (JobMetaError, DatabricksError) as error:
            return replace(result, error=described(error))
        return replace(result, run_id=run_id)

    def apply(
        self,
        plan: Plan | None = None,
        *,
        go_on: Callable[[], bool] = lambda: True,
    ) -> list[ModuleResult]:
        """Make and update what a plan says, a module at a time; orphaned jobs stay.

        Args:
            plan: a plan of now; made here when not given.
            go_on: asked before each module; False ends the pass after the module at hand.

        Raises:
            DeploymentError: API_UNREACHABLE, in the middle; what was deployed is recorded.
        """
        if plan is None:
            plan, tracked = self._plan()
        else:
            tracked = self._jobs.read()
        results: list[ModuleResult] = []
        pending: list[TrackedJob] = []
        try:
            for step in plan.steps:
                if step.action is Action.ORPHANED:
                    continue
                if not go_on():
                    break
                result, job = self._apply_step(step, tracked.get(step.module_name))
                results.append(result)
                logger.info("%s", json.dumps({"event": "module", **vars(result)}))
                pending += [job] if job else []
                if len(pending) >= RECORD_EVERY:
                    self._jobs.write(pending)
                    pending = []
        finally:
            self._jobs.write(pending)
        return results

    def _apply_step(
        self, step: Step, tracked: TrackedJob | None
    ) -> tuple[ModuleResult, TrackedJob | None]:
        if step.action is Action.INVALID:
            error = "; ".join(str(fault) for fault in step.faults)
            job_id = tracked.job_id if tracked else None
            result = ModuleResult(step.module_name, "invalid", job_id, error=error)
            return result, _failed(step, tracked, step.faults[0].code)
        try:
            job = self._deploy(step, tracked)
        except DeploymentError as error:
            if error.code == "API_UNREACHABLE":
                raise
            return self._failure(step, tracked, error, error.code)
        except DatabricksError as error:
            return self._failure(step, tracked, error, str(error.error_code or "API_REFUSED"))
        said, job_id = (job.last_result, job.job_id) if job else ("unchanged", step.job_id)
        return ModuleResult(step.module_name, said, job_id), job

    def _failure(
        self, step: Step, tracked: TrackedJob | None, error: Exception, code: str
    ) -> tuple[ModuleResult, TrackedJob | None]:
        result = ModuleResult(step.module_name, "failed", step.job_id, error=described(error))
        return result, _failed(step, tracked, code)

    def _deploy(self, step: Step, tracked: TrackedJob | None) -> TrackedJob | None:
        """Do one step; gives what has to be recorded, or None where the record is right."""
        definition = step.definition
        if definition is None or (step.action is Action.UNCHANGED and step.is_tracked):
            return None
        before = tracked.queries if tracked else {}
        queries = ensure_queries(self.workspace, definition, before)
        now = datetime.now(timezone.utc)
        job_id, result = step.job_id, step.action.value + "d"
        if step.action is Action.UNCHANGED:
            result = "unchanged"
        else:
            settings = checked_settings(with_query_ids(definition, queries))
            if job_id is None:
                job_id = self.workspace.create_job(settings, definition.key)
            else:
                self.workspace.reset_job(job_id, settings)
        drop_queries(self.workspace, before, queries)
        return TrackedJob(step.module_name, job_id, definition.hash, queries, result, now, now)

    def delete_orphans(self, confirm: bool = False) -> list[ModuleResult]:
        """Delete the jobs whose modules have no active source any more.

        Args:
            confirm: without it nothing is deleted, and the results say what would be.

        Raises:
            DeploymentError: ORPHANS_UNCERTAIN, while a row of the table has no module's name.
        """
        plan, tracked = self._plan()
        if plan.faults:
            raise DeploymentError(
                "ORPHANS_UNCERTAIN",
                "Rows without a module's name may belong to these jobs",
                where=plan.faults[0].where,
                hint="Correct the rows first.",
            )
        steps = plan.of(Action.ORPHANED)
        if not confirm:
            return [ModuleResult(each.module_name, "orphaned", each.job_id) for each in steps]
        results = list(self._deleted(steps, tracked))
        self._jobs.forget([each.module_name for each in results if each.is_fine])
        return results

    def _deleted(
        self, steps: Sequence[Step], tracked: dict[str, TrackedJob]
    ) -> Iterator[ModuleResult]:
        for step in steps:
            record = tracked.get(step.module_name)
            try:
                self.workspace.delete_job(step.job_id or 0, step.key)
                drop_queries(self.workspace, record.queries if record else {}, {})
            except (JobMetaError, DatabricksError) as error:
                yield ModuleResult(step.module_name, "failed", step.job_id, error=described(error))
            else:
                yield ModuleResult(step.module_name, "deleted", step.job_id)


def _failed(step: Step, tracked: TrackedJob | None, code: str) -> TrackedJob | None:
    """Record a failure once: the same one again is no news."""
    said = f"failed: {code}"
    if tracked and tracked.last_result == said:
        return None
    base = tracked or TrackedJob(step.module_name, step.job_id)
    return replace(base, last_result=said, updated_at=datetime.now(timezone.utc))


def described(error: Exception) -> str:
    """Say in one line what the API or this library refused."""
    if isinstance(error, JobMetaError):
        return str(error)
    code = getattr(error, "error_code", None) or type(error).__name__
    return f"[{code}] {error}"

"""`JobOrchestrator`: bring the jobs of a workspace in step with a control table."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from pyspark.sql import SparkSession

from headwater.errors import DeploymentError, HeadwaterError
from headwater.tagged_jobs.api import RETRY_SECONDS
from headwater.tagged_jobs.found import Deployed
from headwater.tagged_jobs.settings import checked_settings
from lakeflow_job_meta.definitions import (
    JobDefinition,
    job_definition,
    job_key,
    module_faults,
    table_key,
)
from lakeflow_job_meta.errors import (
    Fault,
    LeaseLost,
    MetadataError,
    module_unknown,
)
from lakeflow_job_meta.job_table import JobTable, TrackedJob
from lakeflow_job_meta.lease import Lease, lease_seconds_for
from lakeflow_job_meta.metadata_manager import Metadata, MetadataManager
from lakeflow_job_meta.plan import Action, Plan, Step, plan_steps
from lakeflow_job_meta.results import RESULTS, ModuleResult, code_of, described, failed, result_of
from lakeflow_job_meta.saved_queries import Queries, drop_queries, ensure_queries, with_query_ids
from lakeflow_job_meta.session import active_session
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.workspace import Workspace

logger = logging.getLogger("lakeflow_job_meta")

MAX_AWAY = 3
"""Modules in a row that the API does not answer for, before a pass is given up."""

RECORD_EVERY = 250
"""Jobs per commit to the table of jobs; a crash in between is found out by the jobs' tags."""


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
        lease: one that the caller holds; without it each method that writes takes it.
        stopping: once it is set, an API that is away is not tried again.

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
        lease: Lease | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self.control_table = control_table
        self._lease = lease
        self._held: Lease | None = None
        self._spark = spark or active_session()
        self.metadata = MetadataManager(control_table, spark=self._spark)
        self._jobs = JobTable(control_table, self._spark)
        self._client = workspace_client
        self._opened: Workspace | None = None
        self._name_prefix = name_prefix
        self._retry_seconds = retry_seconds
        self._stopping = stopping

    @property
    def workspace(self) -> Workspace:
        """The API; the client is made at the first use, so that offline work needs none."""
        if self._opened is None:
            client = self._client or WorkspaceClient()
            self._opened = Workspace(
                client,
                retry_seconds=self._retry_seconds,
                stopping=self._stopping,
                before_write=self._keep_lease,
            )
        return self._opened

    def plan(self) -> Plan:
        """Compare the metadata with what is deployed; writes nothing.

        It reads the control table once, the table of jobs once, and lists jobs, and saved queries
        if there are any, a hundred per call.

        Raises:
            DeploymentError: API_UNREACHABLE.
        """
        metadata = self.metadata.read_all()
        definitions, invalid = self.define(metadata)
        tracked = self._jobs.read()
        jobs = self.workspace.list_jobs()
        if any(each.queries for each in tracked.values()):
            alive = self.workspace.list_query_ids()
            tracked = {name: each.with_queries_of(alive) for name, each in tracked.items()}
        steps = plan_steps(
            definitions,
            invalid,
            tracked,
            Deployed(jobs, self.workspace.get_job),
            table=table_key(self.control_table),
            keys_of_invalid=[job_key(self.control_table, name) for name in invalid],
        )
        nameless = tuple(fault for fault in metadata.faults if not fault.module_name)
        return Plan(steps, metadata.version, nameless)

    def define(self, metadata: Metadata) -> tuple[list[JobDefinition], dict[str, list[Fault]]]:
        """Return the job of each module that has active sources, and the faults of the others."""
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
            definition, faults = self._defined(sources)
            if faults:
                invalid.setdefault(name, []).extend(faults)
            elif definition and name not in invalid:
                definitions.append(definition)
        return definitions, invalid

    def _defined(self, sources: Sequence[Source]) -> tuple[JobDefinition | None, list[Fault]]:
        try:
            faults = module_faults(sources)
            if faults:
                return None, faults
            return job_definition(sources, self.control_table, name_prefix=self._name_prefix), []
        except Exception as error:  # whatever one module holds, the others have to go on
            logger.debug("a module could not be defined", exc_info=True)
            said = f"Module '{sources[0].module_name}' can't be made a job: {type(error).__name__}"
            return None, [sources[0].fault("MODULE_UNREADABLE", said, "Report it, please.")]

    def _keep_lease(self) -> None:
        """Look before each call that writes: one module may take longer than a lease lasts."""
        if self._held is not None:
            self._held.keep()

    @contextmanager
    def _exclusive(self) -> Iterator[Lease]:
        """Hold the lease of the table while jobs are written, so that no two programs do it."""
        with self._taken() as lease:
            self._held = lease
            try:
                yield lease
            finally:
                self._held = None

    @contextmanager
    def _taken(self) -> Iterator[Lease]:
        if self._lease is not None:
            yield self._lease
            return
        seconds = lease_seconds_for(self._retry_seconds)
        lease = Lease(self.control_table, self._spark, lease_seconds=seconds)
        lease.ensure_exists()
        if not lease.take():
            raise DeploymentError(
                "LEASE_HELD",
                "Another program keeps the jobs of this table in step",
                where=self.control_table,
                hint="A monitor does what this would do: wait for it, or stop it first.",
            )
        try:
            yield lease
        finally:
            lease.release()

    def create_or_update_job(self, module_name: str) -> int:
        """Bring the job of one module in step, and return its id.

        Raises:
            MetadataError: the module has faults; its job stays as it is.
            UsageError: MODULE_UNKNOWN.
            DeploymentError: the API refuses, or the job can't be told from another one.
        """
        with self._exclusive():
            steps = [each for each in self.plan().steps if each.module_name == module_name]
            step = next((each for each in steps if each.action is not Action.ORPHANED), None)
            if step is None:
                known = self.metadata.get_all_modules()
                raise module_unknown(module_name, known, self.control_table)
            if step.action is Action.INVALID:
                raise MetadataError(step.faults)
            record, error = self._deploy(step)
            self._jobs.write([record] if record else [])
        if error:
            raise error
        return (record.job_id if record else step.job_id) or 0

    def run_module(self, module_name: str) -> ModuleResult:
        """Bring the job of one module in step, and start a run.

        Raises:
            HeadwaterError: as `create_or_update_job`.
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
        except (HeadwaterError, DatabricksError) as error:
            return replace(result, error=described(error))
        return replace(result, run_id=run_id)

    def apply(
        self, plan: Plan | None = None, *, go_on: Callable[[], bool] = lambda: True
    ) -> list[ModuleResult]:
        """Make and update what a plan says, a module at a time; orphaned jobs stay.

        Args:
            plan: a plan of now; made here when not given.
            go_on: asked before each module; False ends the pass after the module at hand.

        Raises:
            DeploymentError: LEASE_HELD; API_UNREACHABLE, when it stayed away for several modules
                in a row. What was deployed is recorded.
            LeaseLost: another program has taken over; what was deployed is recorded.
        """
        with self._exclusive() as lease:
            plan = plan or self.plan()
            results = [ModuleResult("", "invalid", error=str(fault)) for fault in plan.faults]
            pending: list[TrackedJob] = []
            away = 0
            try:
                for step in plan.steps:
                    if step.action is Action.ORPHANED:
                        continue
                    lease.keep()
                    if not go_on():
                        break
                    record, error = self._deploy(step)
                    results.append(result_of(step, record, error))
                    logger.info("%s", json.dumps({"event": "module", **vars(results[-1])}))
                    pending += [record] if record else []
                    if len(pending) >= RECORD_EVERY:
                        self._jobs.write(pending)
                        pending = []
                    away = away + 1 if getattr(error, "code", "") == "API_UNREACHABLE" else 0
                    if error and away == MAX_AWAY:
                        raise error
            finally:
                self._jobs.write(pending)
        return results

    def _deploy(self, step: Step) -> tuple[TrackedJob | None, Exception | None]:
        """Do one step; gives what has to be recorded, None where the record is right, and why not.

        Saved queries come first, since the job names their ids; they are recorded even if the job
        can't be written, for they are what its tasks run from then on.
        """
        definition, record = step.definition, step.record
        if definition is None:
            return failed(step, record, step.faults[0].code), None
        if step.action is Action.UNCHANGED and step.is_tracked:
            return None, None
        before = record.queries if record else {}
        try:
            queries = ensure_queries(self.workspace, definition, before)
            record = replace(record or TrackedJob(step.module_name, step.job_id), queries=queries)
            job_id = self._write_job(step, definition, queries)
            drop_queries(self.workspace, before, queries)
        except (DeploymentError, DatabricksError) as error:
            return failed(step, record, code_of(error)), error
        now = datetime.now(timezone.utc)
        result = RESULTS[step.action]
        return TrackedJob(
            step.module_name, job_id, definition.hash, queries, result, now, now
        ), None

    def _write_job(self, step: Step, definition: JobDefinition, queries: Queries) -> int:
        if step.action is Action.UNCHANGED:
            return step.job_id or 0
        settings = checked_settings(with_query_ids(definition, queries))
        if step.job_id is None:
            return self.workspace.create_job(settings, definition.key)
        self.workspace.reset_job(step.job_id, settings)
        return step.job_id

    def delete_orphans(self, confirm: bool = False) -> list[ModuleResult]:
        """Delete the jobs whose modules have no active source any more.

        Args:
            confirm: without it nothing is deleted, and the results say what would be.

        Raises:
            DeploymentError: ORPHANS_UNCERTAIN, while a row of the table has no module's name;
                LEASE_HELD.
            LeaseLost: another program has taken over; what was deleted is recorded.
        """
        if not confirm:
            steps = self._orphans()
            return [ModuleResult(each.module_name, "orphaned", each.job_id) for each in steps]
        with self._exclusive():
            steps = self._orphans()
            results: list[ModuleResult] = []
            try:
                for step in steps:
                    results.append(self._deleted(step))
            finally:
                gone = {each.job_id for each in results if each.is_fine}
                records = [each.record for each in steps if each.record and each.job_id in gone]
                self._jobs.forget([each.module_name for each in records])
        return results

    def _orphans(self) -> tuple[Step, ...]:
        plan = self.plan()
        if plan.faults:
            raise DeploymentError(
                "ORPHANS_UNCERTAIN",
                "Rows without a module's name may belong to these jobs",
                where=plan.faults[0].where,
                hint="Correct the rows first.",
            )
        return plan.of(Action.ORPHANED)

    def _deleted(self, step: Step) -> ModuleResult:
        try:
            self.workspace.delete_job(step.job_id or 0, step.key)
            drop_queries(self.workspace, step.record.queries if step.record else {}, {})
        except LeaseLost:
            raise
        except (HeadwaterError, DatabricksError) as error:
            return ModuleResult(step.module_name, "failed", step.job_id, error=described(error))
        return ModuleResult(step.module_name, "deleted", step.job_id)

"""`MetadataMonitor`: notice every change of the metadata, and bring the jobs in step with it."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from headwater.errors import HeadwaterError
from headwater.tagged_jobs.api import RETRY_SECONDS
from lakeflow_job_meta.constants import CHECK_INTERVAL_SECONDS
from lakeflow_job_meta.errors import LeaseLost
from lakeflow_job_meta.folder_changes import FolderWatch
from lakeflow_job_meta.lease import Lease, lease_seconds_for
from lakeflow_job_meta.orchestrator import JobOrchestrator
from lakeflow_job_meta.results import ModuleResult, described
from lakeflow_job_meta.session import active_session

logger = logging.getLogger("lakeflow_job_meta")

RECONCILE_SECONDS = 600.0
"""How often jobs are compared although no metadata changed: one may have been deleted by hand."""


@dataclass(frozen=True)
class PassResult:
    """What one pass found and did.

    Args:
        is_holder: whether this monitor held the lease; without it a pass does nothing.
        yaml_changes: files of the volume that were new, changed or gone.
        table_changes: whether the control table has another version than at the last full pass.
        results: what became of the modules; empty where nothing had to be compared.
        errors: what went wrong as a whole, and files with faults; one line each.
    """

    is_holder: bool = True
    yaml_changes: tuple[str, ...] = ()
    table_changes: bool = False
    results: tuple[ModuleResult, ...] = ()
    errors: tuple[str, ...] = ()


class MetadataMonitor:
    """Watches a control table, and a folder of YAML files, for as long as it runs.

    A pass without changes costs a look at the folder, one at the table's version, and no call of
    the Jobs API. A module that fails does not stop the others, an API that is away does not end
    the monitor: the next pass goes on. Of several monitors of one table, one works (see `lease`).

    Args:
        control_table: `catalog.schema.table`; created when it does not exist.
        check_interval_seconds: time between two passes.
        volume_path: folder of YAML files; none is watched when not given.
        auto_update_jobs: False keeps the table in step with the folder, and leaves jobs alone.
        lease_seconds: after how long a dead monitor is replaced; three intervals, and at least
            four times `retry_seconds` and a minute.
        reconcile_seconds: how often jobs are compared without a change of the metadata.
    """

    def __init__(
        self,
        control_table: str,
        check_interval_seconds: float = CHECK_INTERVAL_SECONDS,
        volume_path: str | None = None,
        auto_update_jobs: bool = True,
        *,
        workspace_client: WorkspaceClient | None = None,
        spark: SparkSession | None = None,
        name_prefix: str = "",
        retry_seconds: float = RETRY_SECONDS,
        lease_seconds: float | None = None,
        reconcile_seconds: float = RECONCILE_SECONDS,
    ) -> None:
        session = spark or active_session()
        self._stopped = threading.Event()
        self.check_interval_seconds = check_interval_seconds
        self._lease = Lease(
            control_table,
            session,
            lease_seconds=lease_seconds or lease_seconds_for(retry_seconds, check_interval_seconds),
        )
        self.orchestrator = JobOrchestrator(
            control_table,
            workspace_client,
            spark=session,
            name_prefix=name_prefix,
            retry_seconds=retry_seconds,
            lease=self._lease,
            stopping=self._stopped,
        )
        self._metadata = self.orchestrator.metadata
        self._volume_path = volume_path
        self._watch = FolderWatch(volume_path) if volume_path else None
        self._updates_jobs = auto_update_jobs
        self._reconcile_seconds = reconcile_seconds
        self._version: int | None = None
        self._compared: float | None = None

    def stop(self) -> None:
        """End after the call at hand; any thread, or a signal handler, may call it."""
        self._stopped.set()

    def prepare(self) -> None:
        """Create or upgrade the tables; needed once before the first pass, idempotent."""
        self._metadata.ensure_exists()
        self._lease.ensure_exists()

    def run_continuous(self, max_iterations: int | None = None) -> None:
        """Make passes until `stop`, or a number of them; the lease is given back at the end.

        Raises:
            MetadataError, UsageError: the control table or the session can't be used at all.
        """
        self.prepare()
        number = 0
        try:
            while not self._stopped.is_set():
                number += 1
                began = time.monotonic()
                self._log_pass(number, self.check_and_update(), time.monotonic() - began)
                if max_iterations is not None and number >= max_iterations:
                    break
                self._stopped.wait(self.check_interval_seconds)
        finally:
            self._lease.release()
            logger.info("%s", json.dumps({"event": "stopped", "passes": number}))

    def check_and_update(self) -> PassResult:
        """Make one pass; what goes wrong is in the result, so that the next pass can go on."""
        errors: list[str] = []
        changed: tuple[str, ...] = ()
        try:
            if not self._lease.take():
                return PassResult(is_holder=False)
            changed = self._sync_folder(errors)
            return self._compare(changed, errors)
        except LeaseLost as lost:
            return PassResult(False, changed, errors=(*errors, str(lost)))
        except (HeadwaterError, DatabricksError) as error:
            errors.append(described(error))
        except Exception as error:  # the loop of a service: a bad pass must not be the last one
            errors.append(_unexpected(error))
            logger.debug("a pass failed", exc_info=True)
        self._version = None  # compare all again
        return PassResult(True, changed, errors=tuple(errors))

    def _sync_folder(self, errors: list[str]) -> tuple[str, ...]:
        if self._watch is None:
            return ()
        try:
            changed = self._watch.changed()
        except HeadwaterError as error:
            errors.append(described(error))
            return ()
        if changed or self._compared is None:  # files may have gone while nobody watched
            done = self._metadata.load_folder(self._volume_path or "")
            errors += [str(fault) for fault in done.faults]
            if not any(fault.code == "YAML_UNREADABLE" for fault in done.faults):
                self._watch.accept()
        return changed

    def _compare(self, changed: tuple[str, ...], errors: list[str]) -> PassResult:
        version = self._metadata.version()
        is_new = version != self._version
        now = time.monotonic()
        is_due = self._compared is None or now - self._compared >= self._reconcile_seconds
        if not self._updates_jobs or not (is_new or is_due):
            return PassResult(True, changed, is_new, errors=tuple(errors))
        plan = self.orchestrator.plan()
        results = self.orchestrator.apply(plan, go_on=lambda: not self._stopped.is_set())
        errors += [each.error for each in results if not each.module_name]
        if not self._stopped.is_set():
            has_failed = any(each.result == "failed" for each in results)
            self._version = None if has_failed else plan.version
            self._compared = now
        return PassResult(True, changed, is_new, tuple(results), tuple(errors))

    def _log_pass(self, number: int, done: PassResult, seconds: float) -> None:
        facts = {
            "event": "pass",
            "number": number,
            "is_holder": done.is_holder,
            "yaml_changes": len(done.yaml_changes),
            "table_changes": done.table_changes,
            "results": _counted(done.results),
            "errors": done.errors,
            "seconds": round(seconds, 3),
        }
        logger.log(logging.WARNING if done.errors else logging.INFO, "%s", json.dumps(facts))


def _unexpected(error: Exception) -> str:
    """Name an error without its text, which may hold values of rows."""
    condition = None
    if isinstance(error, PySparkException):
        ask = getattr(error, "getCondition", None)  # Databricks Connect 16 has the other one only
        condition = ask() if ask else error.getErrorClass()
    return f"[{condition or 'UNEXPECTED'}] {type(error).__name__} in this pass"


def _counted(results: tuple[ModuleResult, ...]) -> dict[str, int]:
    found = [each.result for each in results]
    return {name: found.count(name) for name in sorted(set(found))}

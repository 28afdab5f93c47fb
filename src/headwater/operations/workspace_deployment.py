"""Whether a workspace has what a bundle and its last local update define. Reads only.

Rows and queries of dashboards need a SQL warehouse; queries are wrapped so that they return no
rows. Answers are not repeated: they may quote rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.sql import StatementResponse

from headwater.bundle import JobSpec
from headwater.errors import WorkspaceError
from headwater.names import table_name
from headwater.operations.dashboards import DashboardQuery, has_parameters, queries_of
from headwater.operations.deployment import columns_verdict, present
from headwater.operations.expected import ExpectedTable, expected_tables
from headwater.operations.warehouse import run_statement
from headwater.operations.workspace import (
    OF_ONE_OBJECT,
    ask,
    jobs_named,
    pipelines_named,
    schemas_of,
)
from headwater.quality.gate import Verdict
from headwater.state.target import Target
from headwater.yaml_nodes import Node


def workspace_checks(
    client: WorkspaceClient, target: Target, tree: Node, warehouse: str | None
) -> Iterator[Verdict]:
    """Check what a workspace has of a bundle.

    Args:
        tree: the bundle as the target sees it, resolved.
        warehouse: id of a SQL warehouse; without one, rows and queries are not checked.

    Raises:
        SettingError, WorkspaceError: as `workspace.ask`, but for what is refused of one object.
    """
    checks = _Checks(client, warehouse)
    bundle = target.bundle
    for catalog, schema in schemas_of(target):
        name = f"{catalog}.{schema}"
        yield from checks.noted(name, "schema", partial(client.schemas.get, name))
    for volume in bundle.volumes.values():
        name = f"{volume.catalog}.{volume.schema}.{volume.name}"
        yield from checks.noted(volume.path, "volume", partial(client.volumes.read, name))
    for key, spec in bundle.pipelines.items():
        yield checks.pipeline(spec.name)
        for table in expected_tables(target, key):
            yield from checks.table(table)
    for job in bundle.jobs.values():
        yield checks.job(job)
    for query in queries_of(tree, bundle.root) if warehouse else ():
        yield checks.query(query, target.default_schema())


@dataclass(frozen=True)
class _Checks:
    client: WorkspaceClient
    warehouse: str | None

    def noted(self, subject: str, measure: str, read: Callable[[], Any]) -> Iterator[Verdict]:
        found = _tried(partial(ask, read))
        note = found.code if isinstance(found, WorkspaceError) else ""
        yield present(subject, measure, is_there=not note, note=note)

    def table(self, table: ExpectedTable) -> Iterator[Verdict]:
        found = _tried(partial(ask, partial(self.client.tables.get, table.name)))
        if isinstance(found, WorkspaceError):
            yield present(table.name, "table", is_there=False, note=found.code)
            return
        yield present(table.name, "table", is_there=True)
        columns = [(str(each.name), each.type_text or "") for each in found.columns or ()]
        yield columns_verdict(table, columns)
        if self.warehouse:
            yield self._rows(table.name)

    def pipeline(self, name: str) -> Verdict:
        found = _tried(partial(pipelines_named, self.client, name))
        if isinstance(found, WorkspaceError):
            return present(name, "pipeline", is_there=False, note=found.code)
        if len(found) > 1:
            return Verdict(name, "pipeline", len(found), "= 1", False, "several have this name")
        told = _tried(partial(ask, partial(self.client.pipelines.get, found[0])))
        if isinstance(told, WorkspaceError):
            return present(name, "pipeline", is_there=False, note=told.code)
        last = next(iter(told.latest_updates or ()), None)
        state = None if last is None or last.state is None else last.state.value
        note = "no update has run" if last is None else ""
        return Verdict(name, "update", state, "COMPLETED", state == "COMPLETED", note)

    def job(self, job: JobSpec) -> Verdict:
        found = _tried(partial(jobs_named, self.client, job.name))
        if isinstance(found, WorkspaceError):
            return present(job.name, "job", is_there=False, note=found.code)
        if len(found) > 1:
            return Verdict(job.name, "job", len(found), "= 1", False, "several have this name")
        told = _tried(partial(ask, partial(self.client.jobs.get, found[0])))
        if isinstance(told, WorkspaceError):
            return present(job.name, "job", is_there=False, note=told.code)
        tasks = (told.settings.tasks if told.settings else None) or ()
        gone = sorted(set(job.places) - {each.task_key for each in tasks})
        note = f"missing: {', '.join(gone)}" if gone else ""
        there = len(job.places) - len(gone)
        return Verdict(job.name, "tasks", there, f"= {len(job.places)}", not gone, note)

    def query(self, query: DashboardQuery, home: tuple[str, str]) -> Verdict:
        if query.fault:
            return Verdict(query.subject, "query", None, "runs", False, query.fault)
        if has_parameters(query.text):
            note = "not run: only the dashboard fills in its parameters"
            return Verdict(query.subject, "query", None, "runs", True, note)
        statement = f"SELECT * FROM (\n{query.text.rstrip().rstrip(';')}\n) LIMIT 0"
        catalog, schema = query.catalog or home[0], query.schema or home[1]
        found = self._run(statement, catalog, schema)
        note = found if isinstance(found, str) else ""
        return Verdict(query.subject, "query", None if note else "runs", "runs", not note, note)

    def _rows(self, name: str) -> Verdict:
        quoted = table_name(name, "main", "default").quoted
        found = self._run(f"SELECT count(*) FROM {quoted}")
        data = None if isinstance(found, str) or found.result is None else found.result.data_array
        rows = int(data[0][0]) if data else None
        note = found if isinstance(found, str) else ""
        return Verdict(name, "rows", rows, ">= 0", rows is not None, note)

    def _run(
        self, statement: str, catalog: str | None = None, schema: str | None = None
    ) -> StatementResponse | str:
        """Run a statement; return why it did not succeed, as a code."""
        run = partial(run_statement, self.client, str(self.warehouse), statement, catalog, schema)
        found: StatementResponse | WorkspaceError = _tried(run)
        if isinstance(found, WorkspaceError):
            return str(found.parameters.get("state", found.code))
        return found


def _tried(read: Callable[[], Any]) -> Any:
    """Return what is read, or what refuses it for one object alone."""
    try:
        return read()
    except WorkspaceError as error:
        if error.code not in OF_ONE_OBJECT:
            raise
        return error

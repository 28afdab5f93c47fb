"""Run SQL in a workspace's warehouse, by the Statement Execution API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.sql import (
    ExecuteStatementRequestOnWaitTimeout,
    StatementResponse,
    StatementState,
)

from headwater.errors import WorkspaceError
from headwater.operations.workspace import ask, pipelines_named
from headwater.quality.gate import Rows
from headwater.quality.measures import MeasuredUpdate
from headwater.quality.statements import (
    Query,
    about_table,
    rows_by_sql,
    updates_by_sql,
)
from headwater.state.target import Target

_WAIT = "50s"
"""The longest that the API lets a call wait."""


def run_statement(
    client: WorkspaceClient,
    warehouse: str,
    statement: str,
    catalog: str | None = None,
    schema: str | None = None,
) -> StatementResponse:
    """Run a statement to its end; one that takes longer than the API waits is cancelled.

    Raises:
        WorkspaceError: STATEMENT_FAILED, with its `state` and `said` among the parameters; what
            `ask` raises.
    """
    found = ask(
        partial(
            client.statement_execution.execute_statement,
            statement,
            warehouse,
            catalog=catalog,
            schema=schema,
            wait_timeout=_WAIT,
            on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CANCEL,
        )
    )
    status = found.status
    state = status.state if status else None
    if state is StatementState.SUCCEEDED:
        return found
    error = status.error if status else None
    code = error.error_code.value if error and error.error_code else ""
    told = f"{state.value if state else 'no answer'} {code}".strip()
    raise WorkspaceError(
        "STATEMENT_FAILED",
        f"The warehouse did not run a statement: {told}",
        hint="Check that the warehouse runs, and that you may read the tables.",
        state=told,
        said=error.message if error else "",
    )


def warehouse_query(client: WorkspaceClient, warehouse: str) -> Query:
    """Return what runs statements in a warehouse."""

    def query(statement: str) -> Sequence[Mapping[str, Any]]:
        try:
            found = run_statement(client, warehouse, statement)
        except WorkspaceError as error:
            said = about_table(str(error.parameters.get("said")))
            if said is not None:
                raise said from error
            raise
        return list(_rows(client, found))

    return query


def measured_in(
    client: WorkspaceClient, warehouse: str, target: Target, pipeline: str
) -> tuple[Sequence[MeasuredUpdate], Rows]:
    """Measure a pipeline of the bundle in a workspace.

    Args:
        pipeline: its key; in the workspace it is looked up by its name.

    Raises:
        WorkspaceError: NOT_FOUND; PIPELINE_AMBIGUOUS, when several have the name; others as
            `run_statement`.
    """
    spec = target.bundle.pipeline(pipeline)
    ids = pipelines_named(client, spec.name)
    if len(ids) > 1:
        raise WorkspaceError(
            "PIPELINE_AMBIGUOUS",
            f"The workspace has {len(ids)} pipelines named '{spec.name}'",
            hint="Rename or delete those that the bundle has not made.",
        )
    query = warehouse_query(client, warehouse)
    return updates_by_sql(query, f"'{ids[0]}'"), rows_by_sql(query, (spec.catalog, spec.schema))


def _rows(client: WorkspaceClient, found: StatementResponse) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of an answer, chunk by chunk; all values are texts, or None."""
    schema = found.manifest.schema if found.manifest else None
    names = [str(each.name) for each in (schema.columns if schema else None) or ()]
    chunk = found.result
    while chunk is not None:
        for row in chunk.data_array or ():
            yield dict(zip(names, row, strict=True))
        following = chunk.next_chunk_index
        if following is None:
            return
        read = client.statement_execution.get_statement_result_chunk_n
        chunk = ask(partial(read, str(found.statement_id), following))

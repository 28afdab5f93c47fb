"""Keep the saved queries of a job in step with the texts of its `sql_query` tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from databricks.sdk.errors import NotFound

from lakeflow_job_meta.definitions import JobDefinition, SavedQuery
from lakeflow_job_meta.task_builders import QUERY_ID_LATER
from lakeflow_job_meta.utils import task_key
from lakeflow_job_meta.workspace import Workspace

Queries = Mapping[str, tuple[str, str]]
"""By source id: the id of the saved query, and the digest of what it holds."""


def ensure_queries(workspace: Workspace, definition: JobDefinition, known: Queries) -> Queries:
    """Create or update the saved queries of a job; one that holds the right text costs no call.

    Args:
        known: what the last deployment left, of the same module.
    """
    return {
        query.source_id: _ensure(workspace, query, definition.key, known.get(query.source_id))
        for query in definition.queries
    }


def _ensure(
    workspace: Workspace, query: SavedQuery, key: str, known: tuple[str, str] | None
) -> tuple[str, str]:
    content = query.digest
    if known and known[1] == content:
        return known
    if known:
        is_new = not query.has_parameters_of(known[1])
        try:
            workspace.update_query(known[0], query, has_new_parameters=is_new)
        except NotFound:
            pass  # deleted by hand: made anew below
        else:
            return known[0], content
    return workspace.create_query(query, key), content


def drop_queries(workspace: Workspace, before: Queries, now: Queries) -> None:
    """Delete the saved queries of tasks that are gone."""
    kept = {query_id for query_id, _ in now.values()}
    for query_id, _ in before.values():
        if query_id not in kept:
            workspace.delete_query(query_id)


def with_query_ids(definition: JobDefinition, queries: Queries) -> dict[str, Any]:
    """Return the settings of a job with the ids of its saved queries in their places."""
    ids = {task_key(source_id): query_id for source_id, (query_id, _) in queries.items()}
    tasks = [_with_query_id(task, ids) for task in definition.settings["tasks"]]
    return {**definition.settings, "tasks": tasks}


def _with_query_id(task: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    loop = task.get("for_each_task")
    holder = loop["task"] if loop else task
    sql = holder.get("sql_task", {})
    if sql.get("query", {}).get("query_id") != QUERY_ID_LATER:
        return task
    filled = {**holder, "sql_task": {**sql, "query": {"query_id": ids[task["task_key"]]}}}
    return {**task, "for_each_task": {**loop, "task": filled}} if loop else filled

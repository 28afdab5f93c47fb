"""The Jobs and Queries API as this library uses it: each call is safe to lose an answer of.

Jobs, and what is tried again: `headwater.tagged_jobs.api`.
"""

from __future__ import annotations

from contextlib import suppress

from databricks.sdk.errors import NotFound
from databricks.sdk.errors import platform as refusals
from databricks.sdk.service.sql import (
    CreateQueryRequestQuery,
    ListQueryObjectsResponseQuery,
    QueryParameter,
    TextValue,
    UpdateQueryRequestQuery,
)

from headwater.errors import DeploymentError
from headwater.tagged_jobs.api import PAGE_SIZE, JobsApi
from headwater.tagged_jobs.tags import TAG
from lakeflow_job_meta.definitions import SavedQuery


class Workspace(JobsApi):
    """The calls of one workspace: jobs, and the saved queries that their tasks run."""

    def list_query_ids(self) -> frozenset[str]:
        """List the ids of all saved queries that can be seen, a hundred per call."""
        return frozenset(each.id for each in self._queries() if each.id)

    def _queries(self) -> list[ListQueryObjectsResponseQuery]:
        return self._again(lambda: list(self._client.queries.list(page_size=PAGE_SIZE)))

    def create_query(self, query: SavedQuery, key: str) -> str:
        """Create a saved query, or find the one of this name that a lost attempt made.

        Raises:
            DeploymentError: QUERY_NAME_TAKEN, where somebody else's query has the name.
        """
        content = CreateQueryRequestQuery(
            display_name=query.display_name,
            query_text=query.query_text,
            warehouse_id=query.warehouse_id,
            parameters=_parameters(query),
            tags=[TAG, key],
        )
        try:
            made = self._write(lambda: self._client.queries.create(query=content))
            return made.id or ""
        except (refusals.ResourceAlreadyExists, refusals.AlreadyExists):
            return self._adopt_query(query, key)

    def _adopt_query(self, query: SavedQuery, key: str) -> str:
        for each in self._queries():
            if each.display_name == query.display_name and each.id and key in (each.tags or ()):
                self.update_query(each.id, query, has_new_parameters=bool(query.parameters))
                return each.id
        raise DeploymentError(
            "QUERY_NAME_TAKEN",
            f"A saved query named '{query.display_name}' was not made by this library",
            hint="Rename it.",
        )

    def update_query(
        self, query_id: str, query: SavedQuery, *, has_new_parameters: bool = False
    ) -> None:
        """Update the text and warehouse of a saved query, and its parameters where those changed.

        Raises:
            databricks.sdk.errors.NotFound: it was deleted by hand.
        """
        content = UpdateQueryRequestQuery(
            query_text=query.query_text,
            warehouse_id=query.warehouse_id,
            parameters=_parameters(query) if has_new_parameters else None,
        )
        mask = "query_text,warehouse_id" + (",parameters" if has_new_parameters else "")
        self._write(lambda: self._client.queries.update(query_id, mask, query=content))

    def delete_query(self, query_id: str) -> None:
        """Move a saved query to the trash; one that is gone is fine."""
        with suppress(NotFound):
            self._write(lambda: self._client.queries.delete(query_id))


def _parameters(query: SavedQuery) -> list[QueryParameter] | None:
    return [
        QueryParameter(name=name, title=name, text_value=TextValue(value=value))
        for name, value in query.parameters
    ] or None

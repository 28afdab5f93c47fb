"""What a workspace tells of a bundle's schemas, tables, grants, jobs and pipelines. Reads only.

A call that is refused for one object is noted and the others are read; a token that is refused, or
a workspace that can't be reached, ends it before anything is written. Answers are not repeated in
messages: they may quote what was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import NotFound, PermissionDenied, Unauthenticated
from databricks.sdk.errors.base import DatabricksError

from headwater.bundle.secrets import masked
from headwater.errors import Location, SettingError, WorkspaceError
from headwater.operations.metadata import Entry, Metadata, Missing
from headwater.state.target import Target
from headwater.yaml_nodes import as_node

T = TypeVar("T")

TIMEOUT_SECONDS = 30
OF_ONE_OBJECT = ("NOT_FOUND", "PERMISSION_DENIED", "REFUSED", "STATEMENT_FAILED")


def open_workspace(
    profile: str | None, *, timeout_seconds: int = TIMEOUT_SECONDS
) -> WorkspaceClient:
    """Open a workspace by DATABRICKS_HOST and so on, or a profile of .databrickscfg.

    Args:
        timeout_seconds: how long a call is tried again; the SDK itself tries for five minutes.

    Raises:
        SettingError: WORKSPACE_UNKNOWN.
    """
    try:
        return WorkspaceClient(
            config=Config(profile=profile, retry_timeout_seconds=timeout_seconds)
        )
    except ValueError as error:
        raise SettingError(
            "WORKSPACE_UNKNOWN",
            "There are no settings of a workspace that can be used",
            hint="Set DATABRICKS_HOST and DATABRICKS_TOKEN, or --profile of .databrickscfg.",
        ) from error


def ask(call: Callable[[], T]) -> T:
    """Make a call, and say in our words what went wrong.

    Raises:
        SettingError: WORKSPACE_TOKEN_REFUSED.
        WorkspaceError: NOT_FOUND, PERMISSION_DENIED and REFUSED, of one object;
            WORKSPACE_UNREACHABLE.
    """
    try:
        return call()
    except Unauthenticated as error:
        raise SettingError(
            "WORKSPACE_TOKEN_REFUSED",
            "The workspace does not accept the credentials: the token is wrong, or has expired",
            hint="Make a new token, or log in again: databricks auth login.",
        ) from error
    except PermissionDenied as error:
        raise WorkspaceError(
            "PERMISSION_DENIED",
            "The workspace does not allow you to see this",
            hint="Ask its owner for the permission to view it.",
        ) from error
    except NotFound as error:
        raise WorkspaceError(
            "NOT_FOUND", "The workspace does not have it", hint="Deploy the bundle again."
        ) from error
    except DatabricksError as error:
        raise WorkspaceError(
            "REFUSED",
            f"The workspace refuses the call: {type(error).__name__}",
            hint="Run again with --debug to see its answer.",
        ) from error
    except OSError as error:  # the SDK raises TimeoutError and errors of requests
        raise WorkspaceError(
            "WORKSPACE_UNREACHABLE",
            f"The workspace does not answer: {type(error.__cause__ or error).__name__}",
            hint="Check DATABRICKS_HOST and the network.",
        ) from error


def workspace_metadata(client: WorkspaceClient, target: Target) -> Metadata:
    """Gather what a workspace has of the schemas, jobs and pipelines of a bundle.

    Raises:
        SettingError, WorkspaceError: as `ask`, but for what is refused of one object.
    """
    gathering = _Gathering(client, Metadata("workspace"))
    for catalog, schema in schemas_of(target):
        gathering.schema(catalog, schema)
    for job in target.bundle.jobs.values():
        gathering.noted(f"job {job.name}", partial(gathering.job, job.name))
    for spec in target.bundle.pipelines.values():
        gathering.noted(f"pipeline {spec.name}", partial(gathering.pipeline, spec.name))
    return gathering.found


def schemas_of(target: Target) -> list[tuple[str, str]]:
    """Name the schemas that a bundle writes to."""
    bundle = target.bundle
    found = {(each.catalog, each.schema) for each in bundle.pipelines.values()}
    found |= {(each.catalog, each.name) for each in bundle.schemas.values()}
    return sorted(found)


class _Gathering:
    """Reads object by object into `found`."""

    def __init__(self, client: WorkspaceClient, found: Metadata) -> None:
        self._client = client
        self.found = found

    def noted(self, subject: str, read: Callable[[], None]) -> None:
        """Read one object; note what keeps it from being read."""
        try:
            read()
        except WorkspaceError as error:
            if error.code not in OF_ONE_OBJECT:
                raise
            self.found.missing.append(Missing(subject, error.code))

    def schema(self, catalog: str, schema: str) -> None:
        full_name = f"{catalog}.{schema}"

        def read() -> None:
            told = ask(lambda: self._client.schemas.get(full_name))
            self._add("schemas", told.as_dict())
            self.grants("SCHEMA", full_name)
            listed = ask(lambda: list(self._client.tables.list(catalog, schema)))
            for table in listed:
                self._add("tables", table.as_dict())
                self.grants("TABLE", str(table.full_name))

        self.noted(f"schema {full_name}", read)

    def grants(self, kind: str, name: str) -> None:
        def read() -> None:
            told = ask(lambda: self._client.grants.get(kind, name))
            if told.privilege_assignments:
                self._add("grants", {"kind": kind, "name": name, **told.as_dict()})

        self.noted(f"grants of {name}", read)

    def job(self, name: str) -> None:
        for job_id in jobs_named(self._client, name):
            told = ask(partial(self._client.jobs.get, job_id))
            self._add("jobs", told.as_dict())
            self._permissions("jobs", str(job_id))

    def pipeline(self, name: str) -> None:
        for pipeline_id in pipelines_named(self._client, name):
            told = ask(partial(self._client.pipelines.get, pipeline_id))
            self._add("pipelines", told.as_dict())
            self._permissions("pipelines", pipeline_id)

    def _permissions(self, kind: str, object_id: str) -> None:
        def read() -> None:
            told = ask(lambda: self._client.permissions.get(kind, object_id))
            self._add("grants", {"kind": kind, "name": object_id, **told.as_dict()})

        self.noted(f"permissions of {kind} {object_id}", read)

    def _add(self, part: str, told: Mapping[str, Any]) -> None:
        self.found.parts[part].append(_masked(told))


def jobs_named(client: WorkspaceClient, name: str) -> list[int]:
    """Return the ids of the jobs of a name.

    Raises:
        WorkspaceError: NOT_FOUND when there is none; others as `ask`.
    """
    jobs = ask(lambda: list(client.jobs.list(name=name)))
    found = [
        each.job_id for each in jobs if each.job_id and each.settings and each.settings.name == name
    ]
    return found or _none()


def pipelines_named(client: WorkspaceClient, name: str) -> list[str]:
    """Return the ids of the pipelines of a name.

    Raises:
        WorkspaceError: NOT_FOUND when there is none; others as `ask`.
    """
    quoted = name.replace("'", "''")
    listed = ask(lambda: list(client.pipelines.list_pipelines(filter=f"name LIKE '{quoted}'")))
    found = [each.pipeline_id for each in listed if each.pipeline_id and each.name == name]
    return found or _none()


def _none() -> list[Any]:
    raise WorkspaceError(
        "NOT_FOUND", "The workspace does not have it", hint="Deploy the bundle again."
    )


def _masked(told: Mapping[str, Any]) -> Entry:
    tree = masked(as_node(told, Location("")))
    return {key: node.plain() for key, node in tree.entries.items()}

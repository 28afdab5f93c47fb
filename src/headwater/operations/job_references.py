"""What only a workspace knows of a bundle's jobs: ids by name, the user, the folder of the files.

Looks only at what is asked for, once. What does not live here: ids of jobs, which are found by tags
(`deployed_jobs`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from databricks.sdk import WorkspaceClient

from headwater.bundle.load import TargetTree
from headwater.bundle.references import NAMESPACES, Resolver
from headwater.bundle.targets import short_name
from headwater.errors import DeploymentError, HeadwaterError, WorkspaceError
from headwater.operations.workspace import ask, pipelines_named

_REFERENCE = re.compile(r"\$\{((?:" + "|".join(NAMESPACES) + r")\.[^${}]+)\}")
JOB_ID = re.compile(r"resources\.jobs\.([\w-]+)\.id")
_PIPELINE_ID = re.compile(r"resources\.pipelines\.([\w-]+)\.id")
_VARIABLE = re.compile(r"var\.([\w-]+)")


def filled_in(value: Any, find: Callable[[str], str | int | None]) -> Any:
    """Return plain data with its references replaced; one that is a whole text keeps its type.

    Args:
        find: gives what a reference stands for; None leaves it as it is.

    Example:
        >>> filled_in({"id": "${resources.jobs.a.id}"}, lambda reference: 7)
        {'id': 7}
    """
    if isinstance(value, dict):
        return {key: filled_in(each, find) for key, each in value.items()}
    if isinstance(value, list):
        return [filled_in(each, find) for each in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    found = find(whole[1]) if whole else None
    return _pasted(value, find) if found is None else found


def _pasted(text: str, find: Callable[[str], str | int | None]) -> str:
    def replaced(match: re.Match[str]) -> str:
        found = find(match[1])
        return match[0] if found is None else str(found)

    return _REFERENCE.sub(replaced, text)


def jobs_referred_to(value: Any) -> list[str]:
    """Return the keys of the jobs whose ids are in plain data, each once."""
    found: dict[str, None] = {}

    def note(reference: str) -> None:
        job = JOB_ID.fullmatch(reference)
        if job:
            found[job[1]] = None

    filled_in(value, note)
    return list(found)


class References:
    """Finds what references of one target stand for in one workspace.

    Args:
        files: the folder of the workspace with the bundle's files; without it, the folder that
            bundles have by default.
    """

    def __init__(self, client: WorkspaceClient, seen: TargetTree, files: str | None) -> None:
        self._client = client
        self._seen = seen
        self._files = files
        self._known: dict[str, str | HeadwaterError] = {}

    def find(self, reference: str) -> str | None:
        """Return what a reference stands for; None for the id of a job.

        Raises:
            DeploymentError: PIPELINE_MISSING, PIPELINE_AMBIGUOUS, LOOKUP_FAILED, FILES_MISSING,
                REFERENCE_UNKNOWN.
            SettingError, WorkspaceError: as `workspace.ask`.
        """
        if JOB_ID.fullmatch(reference):
            return None
        if reference not in self._known:
            self._known[reference] = self._looked_up(reference)
        found = self._known[reference]
        if isinstance(found, HeadwaterError):
            raise found
        return found

    def _looked_up(self, reference: str) -> str | HeadwaterError:
        try:
            return self._look_up(reference)
        except DeploymentError as error:
            return error

    def _look_up(self, reference: str) -> str:
        pipeline, variable = _PIPELINE_ID.fullmatch(reference), _VARIABLE.fullmatch(reference)
        if pipeline:
            return self._pipeline(pipeline[1])
        if variable:
            return self._variable(variable[1])
        if reference == "workspace.file_path":
            return self._file_path()
        if reference == "workspace.current_user.userName":
            return self._user()
        if reference == "workspace.current_user.short_name":
            return short_name(self._user())
        raise DeploymentError(
            "REFERENCE_UNKNOWN",
            f"What '${{{reference}}}' stands for is not known without the Databricks CLI",
            hint="Write the value into the bundle.",
        )

    def _pipeline(self, key: str) -> str:
        name = str(self._plain("resources", "pipelines", key, "name"))
        return self._pipeline_named(name)

    def _pipeline_named(self, name: str) -> str:
        try:
            found = pipelines_named(self._client, name)
        except WorkspaceError as error:
            if error.code != "NOT_FOUND":
                raise
            raise DeploymentError(
                "PIPELINE_MISSING",
                f"The workspace has no pipeline named '{name}' that you may see",
                hint="Make it there first, or ask its owner for the permission to view it.",
            ) from error
        if len(found) > 1:
            raise DeploymentError(
                "PIPELINE_AMBIGUOUS",
                f"The workspace has {len(found)} pipelines named '{name}'",
                hint="Rename all but one of them.",
            )
        return found[0]

    def _variable(self, name: str) -> str:
        lookup = self._plain("variables", name, "lookup")
        ((kind, wanted),) = lookup.items() if isinstance(lookup, Mapping) else (("", ""),)
        if kind == "pipeline":
            return self._pipeline_named(str(wanted))
        listed = self._listed(str(kind))
        found = [] if listed is None else [each for shown, each in listed if shown == wanted]
        if len(found) == 1 and found[0]:
            return found[0]
        said = f"finds {len(found)}" if listed is not None else f"asks for a {kind}, unknown here"
        raise DeploymentError(
            "LOOKUP_FAILED",
            f"The lookup of the variable '{name}' {said}: '{wanted}'",
            hint=f"Give it a value: --var {name}=ID.",
        )

    def _listed(self, kind: str) -> list[tuple[str | None, str | None]] | None:
        """Return names and ids of all objects of a kind; None for a kind that isn't known."""
        client = self._client
        if kind == "warehouse":
            return ask(lambda: [(each.name, each.id) for each in client.warehouses.list()])
        if kind == "service_principal":
            principals = ask(lambda: list(client.service_principals.list()))
            return [(each.display_name, each.application_id) for each in principals]
        return None

    def _file_path(self) -> str:
        """Return the folder of the bundle's files, which has to be there."""
        bundle = self._plain("bundle", "name")
        own = f"/Workspace/Users/{{}}/.bundle/{bundle}/{self._seen.target}/files"
        path = (self._files or own.format(self._user())).rstrip("/")
        try:
            ask(partial(self._client.workspace.get_status, path))
        except WorkspaceError as error:
            if error.code != "NOT_FOUND":
                raise
            raise DeploymentError(
                "FILES_MISSING",
                f"The workspace has no folder '{path}' with the bundle's files",
                hint="Put the repository there, such as a Git folder, and name it with --files.",
            ) from error
        return path

    def _user(self) -> str:
        return ask(self._client.current_user.me).user_name or ""

    def _plain(self, *path: str) -> object:
        node = self._seen.named.get(*path)
        return Resolver(self._seen.complete).resolve(node).plain() if node else None
